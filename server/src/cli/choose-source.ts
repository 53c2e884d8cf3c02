import { resolve } from 'node:path';
import { readConfig } from '../config.ts';
import { createArchive } from '../dicomweb/archive.ts';
import { surveyFiles } from '../dicomweb/survey.ts';
import type { SeriesSource } from '../pipeline.ts';
import { Refusal } from '../refusal.ts';
import { chooseSeries } from './choose-series.ts';

/** The series to segment, and where it is. */
export interface ChosenSource {
  readonly source: SeriesSource;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly instances: readonly string[];
}

interface Where {
  readonly input: string;
  readonly series: string | undefined;
  /** Address of an archive; without one `input` is a path. */
  readonly dicomweb: string | undefined;
}

/**
 * The one series that is meant.
 * @throws UsageError where there are several; as surveyFiles and Archive do
 */
export function chooseSource(where: Where, signal: AbortSignal): Promise<ChosenSource> {
  return where.dicomweb === undefined ? fromFiles(where, signal) : fromArchive(where, signal);
}

async function fromFiles({ input, series }: Where, signal: AbortSignal): Promise<ChosenSource> {
  const path = resolve(input);
  const survey = await surveyFiles(path, { signal });
  const chosen = chooseSeries(
    survey.map((each) => ({ ...each, uids: each.instances, instances: each.instances.length })),
    series,
  );
  const { studyInstanceUid, seriesInstanceUid, uids } = chosen;
  return {
    source: { kind: 'files', path, seriesInstanceUid, files: chosen.files },
    studyInstanceUid: studyInstanceUid ?? '',
    seriesInstanceUid,
    instances: uids,
  };
}

async function fromArchive({ input, series, dicomweb }: Where, signal: AbortSignal): Promise<ChosenSource> {
  const { archive } = readConfig({ ...process.env, HEPAR_DICOMWEB_URL: dicomweb });
  const [studyInstanceUid = '', inPath] = input.split('/', 2);
  const client = createArchive(archive!);
  try {
    const candidates = (await client.findSeries(studyInstanceUid, { signal })).map((each) => ({
      ...each,
      instances: each.instances ?? 0,
    }));
    if (candidates.length === 0)
      throw new Refusal('no-such-series', `There is no study ${studyInstanceUid} in the archive.`);
    const { seriesInstanceUid } = chooseSeries(candidates, series ?? inPath);
    const instances = await client.findInstances(studyInstanceUid, seriesInstanceUid, { signal });
    return {
      source: { kind: 'dicomweb', archive: archive!, studyInstanceUid, seriesInstanceUid, instances },
      studyInstanceUid,
      seriesInstanceUid,
      instances,
    };
  } finally {
    client.close();
  }
}
