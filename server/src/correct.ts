import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { retrieveResult } from './archived-result.ts';
import { applyCorrection, keepLiver } from './correction/apply.ts';
import { compareWith } from './correction/compare.ts';
import { mendHoles } from './correction/mend.ts';
import { correctionSchema } from './correction/schema.ts';
import type { ArchiveOptions } from './dicomweb/archive.ts';
import { NotFound, SourceGone } from './dicomweb/errors.ts';
import type { Findings } from './findings/measure.ts';
import { type NamedLesion, remeasure } from './findings/remeasure.ts';
import type { FindingsDocument } from './findings/schema.ts';
import type { EngineInfo, Segmentation } from './inference/segmentation.ts';
import type { Progress } from './progress.ts';
import type { ModelDescription } from './reports/seg/segments.ts';
import type { Stopwatch } from './stopwatch.ts';
import type { CtSeries, Warning } from './volume/series.ts';
import type { LabelMap } from './volume/volume.ts';

/** A person's correction of a result that is in the archive. */
export interface CorrectionOrder {
  /** The run whose result was corrected. */
  readonly corrects: string;
  /** Who did it; null where nobody had to sign in. */
  readonly reviewer: string | null;
  /** File with the correction (JSON, gzip). */
  readonly file: string;
  readonly model: { readonly id: string; readonly version: string; readonly digest: string };
  readonly engine: EngineInfo;
  /** Of the corrected result's lesions, by tracking UID. */
  readonly confidences: Readonly<Record<string, number | null>>;
}

/** What the objects of a run are made from, however it was come by. */
export interface Result {
  readonly findings: Findings;
  readonly segments: LabelMap<Uint16Array>;
  readonly model: { readonly manifest: ModelDescription; readonly digest: string };
  readonly engine: EngineInfo;
  /** The model's; null where a person made the result. */
  readonly probability: Segmentation['lesionProbability'] | null;
  /** The model's, where it has one and it was asked for. */
  readonly heatMap: Segmentation['heatMap'];
  readonly priors: FindingsDocument['priors'];
  /** Beside the series' own. */
  readonly warnings: readonly Warning[];
}

/**
 * The way of a correction: the edited label map on the series' own slices, its holes mended, compared with the segmentation
 * that it was made from, and measured anew.
 * @throws Refusal when it is of other slices, or changes nothing; SegError when the segmentation cannot be read; SourceGone
 * when it is no longer in the archive
 */
export async function correct(
  series: CtSeries,
  order: CorrectionOrder,
  run: { readonly runId: string; readonly archive: ArchiveOptions },
  clock: Stopwatch,
  progress: Progress,
): Promise<Result> {
  const before = await clock.time('retrieve', () =>
    retrieveResult(order.corrects, series, run.archive, progress.signal).catch((error) => {
      throw error instanceof NotFound ? new SourceGone(error.url, 'corrected result') : error;
    }),
  );
  const { edited, origins } = await clock.time('segment', async () => {
    progress.report('segment', 0);
    const unpacked = await promisify(gunzip)(await readFile(order.file));
    const correction = correctionSchema.parse(JSON.parse(unpacked.toString('utf8')));
    const edited = applyCorrection(series, correction);
    // A viewer that showed the lesions alone sends nothing of the liver.
    if (!correction.segments.some(({ kind }) => kind === 'liver')) keepLiver(edited, before.labels);
    progress.report('segment', 0.5);
    progress.signal.throwIfAborted();
    mendHoles(edited.segments, before.labels);
    const origins = compareWith(before, edited);
    progress.report('segment', 1);
    return { edited, origins };
  });
  const lesions = origins.lesions.map((origin): NamedLesion | null => {
    if (origin === null) return null;
    const { trackingUid, algorithmType, isUntouched } = origin;
    // The model said how sure it was of the lesion that it drew.
    const confidence = isUntouched && trackingUid !== null ? (order.confidences[trackingUid] ?? null) : null;
    return { trackingUid, algorithmType, confidence };
  });
  const measured = await clock.time('measure', () =>
    remeasure(series, { labels: edited.segments, lesions, liver: origins.liver }, run.runId, progress),
  );
  return {
    ...measured,
    model: { manifest: { ...before.model, id: order.model.id }, digest: order.model.digest },
    engine: order.engine,
    probability: null,
    heatMap: null,
    priors: null,
  };
}
