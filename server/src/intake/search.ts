import type { Archive } from '../dicomweb/archive.ts';
import type { IntakeStore } from './store.ts';

const DAY_MS = 86_400_000;

/**
 * The way for an archive without a feed: all CT studies of the last days are searched for, and a study is looked at when
 * two searches have found it with the same number of series and instances, and again whenever that changes.
 */
export async function searchStudies(
  archive: Pick<Archive, 'findStudiesOfDays' | 'findSeries'>,
  store: Pick<IntakeStore, 'noteStudies'>,
  days: number,
  now: Date,
  signal: AbortSignal,
): Promise<void> {
  const dates = {
    from: dicomDate(new Date(now.getTime() - days * DAY_MS)),
    to: dicomDate(new Date(now.getTime() + DAY_MS)),
  };
  const found = await archive.findStudiesOfDays({ dates, modality: 'CT' }, { signal });
  const sizes = new Map<string, string>();
  for (const { studyInstanceUid, series, instances } of found) {
    sizes.set(
      studyInstanceUid,
      instances === null ? await sizeOf(archive, studyInstanceUid, signal) : `${series} ${instances}`,
    );
  }
  await store.noteStudies(sizes, true);
}

/** Some archives do not say how large a study is. */
async function sizeOf(archive: Pick<Archive, 'findSeries'>, study: string, signal: AbortSignal): Promise<string> {
  const series = await archive.findSeries(study, { signal });
  return series
    .map(({ seriesInstanceUid, instances }) => `${seriesInstanceUid} ${instances}`)
    .sort()
    .join();
}

function dicomDate(date: Date): string {
  return `${date.getFullYear()}${String(date.getMonth() + 1).padStart(2, '0')}${String(date.getDate()).padStart(2, '0')}`;
}
