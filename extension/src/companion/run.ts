import type { SegmentationView } from '../../../server/src/http/contract.ts';

/** Whether it may still change by itself. */
export function isLive({ state }: Pick<SegmentationView, 'state'>): boolean {
  return state === 'queued' || state === 'running';
}

/** The runs of one series, newest first. */
export function runsOfSeries(runs: Iterable<SegmentationView>, seriesInstanceUID: string): SegmentationView[] {
  return [...runs]
    .filter((run) => run.seriesInstanceUID === seriesInstanceUID)
    .sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt) || b.repeat - a.repeat);
}

/** The results of one series, newest first: what can be shown over it. */
export function resultsOfSeries(runs: Iterable<SegmentationView>, seriesInstanceUID: string): SegmentationView[] {
  const ended = ({ finishedAt, createdAt }: SegmentationView) => Date.parse(finishedAt ?? createdAt);
  return runsOfSeries(runs, seriesInstanceUID)
    .filter(({ state }) => state === 'done')
    .sort((a, b) => ended(b) - ended(a));
}

/** The result that no other has taken the place of; of several, the newest, and before all what a person corrected. */
export function currentResult(runs: Iterable<SegmentationView>, seriesInstanceUID: string): SegmentationView | null {
  const results = resultsOfSeries(runs, seriesInstanceUID);
  const superseded = new Set(results.map(({ supersedes }) => supersedes));
  const candidates = results.filter(({ id }) => !superseded.has(id));
  return candidates.find(({ kind }) => kind === 'correction') ?? candidates[0] ?? results[0] ?? null;
}

/**
 * The repeat number to ask for, so that the series is truly segmented: one more than that of the last result, or the
 * last run's own where that one failed or was cancelled and is only to be taken up again.
 */
export function nextRepeat(runs: Iterable<SegmentationView>, seriesInstanceUID: string): number {
  const segmentations = resultsOfSeries(runs, seriesInstanceUID).filter(({ kind }) => kind === 'segmentation');
  const repeats = segmentations.map(({ repeat }) => repeat);
  return repeats.length === 0 ? 0 : Math.max(...repeats) + 1;
}
