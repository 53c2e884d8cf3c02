import type { Archive, SeriesSummary } from '../dicomweb/archive.ts';
import { NotFound } from '../dicomweb/errors.ts';
import type { SeriesDescription } from './score.ts';

/** A series with what the archive has of it. */
export interface Described extends SeriesDescription {
  /** SOP Instance UIDs; null where they were not asked for. */
  readonly instanceUids: readonly string[] | null;
}

/** Of how many series at once the archive is asked. */
const AT_ONCE = 4;

/** The series of a study, as far as the archive tells without their pixels; [] when the study is unknown. */
export async function describeStudy(
  archive: Pick<Archive, 'findSeries' | 'findInstances' | 'describeInstance'>,
  study: string,
  signal: AbortSignal,
): Promise<Described[]> {
  const found = await archive.findSeries(study, { signal });
  return inParallel(found, (series) => describe(archive, study, series, signal));
}

/** Only of CT more is asked than the list of series says; the image in the middle is no localizer that came first. */
async function describe(
  archive: Pick<Archive, 'findInstances' | 'describeInstance'>,
  study: string,
  series: SeriesSummary,
  signal: AbortSignal,
): Promise<Described> {
  const { instances, ...rest } = series;
  if (series.modality !== 'CT') return { ...rest, instances: instances ?? 0, image: null, instanceUids: null };
  const uids = await archive.findInstances(study, series.seriesInstanceUid, { signal });
  const middle = uids[uids.length >> 1];
  const image =
    middle === undefined
      ? null
      : await archive.describeInstance(study, series.seriesInstanceUid, middle, { signal }).catch((error) => {
          if (error instanceof NotFound) return null;
          throw error;
        });
  return { ...rest, instances: uids.length, image, instanceUids: uids };
}

export function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  const others = new Set(b);
  const ours = new Set(a);
  return ours.size === others.size && a.every((uid) => others.has(uid));
}

async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  const waiting = items.entries();
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (const [index, item] of waiting) results[index] = await work(item);
  });
  await Promise.all(workers);
  return results;
}
