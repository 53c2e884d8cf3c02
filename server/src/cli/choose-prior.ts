import { basename, resolve } from 'node:path';
import { surveyFiles } from '../dicomweb/survey.ts';
import type { SeriesSource } from '../pipeline.ts';
import type { PriorsSource } from '../priors/stage.ts';
import { Refusal } from '../refusal.ts';

/** What a result is read against, and how the run's name says so. */
export interface ChosenPrior {
  readonly source: PriorsSource | undefined;
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * A segmentation in files or in the archive where one is named; else the archive's newest, or for files none.
 * @throws UnreadableInput or Refusal when what is named holds no segmentation
 */
export async function choosePrior(
  { prior, noPriors }: { readonly prior: string | undefined; readonly noPriors: boolean },
  source: SeriesSource,
  signal: AbortSignal,
): Promise<ChosenPrior> {
  const archive = source.kind === 'dicomweb' ? source.archive : null;
  if (prior === undefined) {
    if (archive === null) return { source: undefined, options: {} };
    return noPriors
      ? { source: undefined, options: { priors: 'none' } }
      : { source: { kind: 'archive', archive }, options: {} };
  }
  const uids = /^(\d[\d.]*)\/(\d[\d.]*)$/.exec(prior);
  if (archive !== null && uids) {
    const only = { studyInstanceUid: uids[1]!, seriesInstanceUid: uids[2]! };
    return { source: { kind: 'archive', archive, only }, options: { prior } };
  }
  const path = resolve(prior);
  const segs = (await surveyFiles(path, { signal })).filter(({ modality }) => modality === 'SEG');
  if (segs.length === 0) {
    throw new Refusal(
      'no-such-series',
      `There is no segmentation in ${basename(path)} to read the result against: run hepar segment on the earlier scan first.`,
    );
  }
  return { source: { kind: 'files', path }, options: { prior: segs.flatMap(({ instances }) => instances).sort() } };
}
