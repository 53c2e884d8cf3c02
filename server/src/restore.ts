import { retrieveResult } from './archived-result.ts';
import type { Result } from './correct.ts';
import type { ArchiveOptions } from './dicomweb/archive.ts';
import { LIVER_SEGMENT } from './findings/measure.ts';
import { type NamedLesion, remeasure } from './findings/remeasure.ts';
import type { EngineInfo } from './inference/segmentation.ts';
import type { Progress } from './progress.ts';
import type { Stopwatch } from './stopwatch.ts';
import type { CtSeries } from './volume/series.ts';

/** A run whose result is in the archive, while this server knows nothing of it any more. */
export interface RestoreOrder {
  readonly model: { readonly id: string; readonly version: string; readonly digest: string };
  readonly engine: EngineInfo;
  readonly correction?: { readonly corrects: string; readonly reviewer: string | null } | undefined;
  /** Of its lesions, by tracking UID: what the voxels do not tell. */
  readonly confidences: Readonly<Record<string, number>>;
}

/**
 * Reads a result back: the segmentation in the archive is put on the series' slices and measured again, which gives the
 * numbers that it had.
 */
export async function restore(
  series: CtSeries,
  order: RestoreOrder,
  run: { readonly runId: string; readonly archive: ArchiveOptions },
  clock: Stopwatch,
  progress: Progress,
): Promise<Result> {
  const { labels, segments, model } = await clock.time('retrieve', () =>
    retrieveResult(run.runId, series, run.archive, progress.signal),
  );
  const most = Math.max(LIVER_SEGMENT, ...segments.map(({ number }) => number));
  const lesions = Array.from({ length: most - LIVER_SEGMENT }, (_, n): NamedLesion | null => {
    const segment = segments.find(({ number }) => number === LIVER_SEGMENT + 1 + n);
    if (!segment) return null;
    const { trackingUid, algorithmType } = segment;
    return { trackingUid, algorithmType, confidence: order.confidences[trackingUid ?? ''] ?? null };
  });
  const algorithmType = segments.find(({ number }) => number === LIVER_SEGMENT)?.algorithmType ?? 'automatic';
  const grid = series.volume.grid;
  const measured = await clock.time('measure', () =>
    remeasure(series, { labels: { grid, labels }, lesions, liver: { algorithmType } }, run.runId, progress),
  );
  return {
    ...measured,
    model: { manifest: { ...model, id: order.model.id }, digest: order.model.digest },
    engine: order.engine,
    probability: null,
    heatMap: null,
    priors: null,
  };
}
