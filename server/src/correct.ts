import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { applyCorrection, keepLiver } from './correction/apply.ts';
import { compareWith } from './correction/compare.ts';
import { mendHoles } from './correction/mend.ts';
import { correctionSchema } from './correction/schema.ts';
import { CODES } from './dicom/codes.ts';
import { type ArchiveOptions, createArchive } from './dicomweb/archive.ts';
import { NotFound } from './dicomweb/errors.ts';
import { type Findings, LIVER_SEGMENT } from './findings/measure.ts';
import { type NamedLesion, remeasure } from './findings/remeasure.ts';
import { ALGORITHM_TYPES, type FindingsDocument } from './findings/schema.ts';
import type { EngineInfo, Segmentation } from './inference/segmentation.ts';
import type { Progress } from './progress.ts';
import { labelsOfSeg, readSeg, type SegContent } from './reports/read-seg.ts';
import type { ModelDescription } from './reports/seg/segments.ts';
import { type ObjectUids, objectUids } from './reports/uids.ts';
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
  readonly seg: { readonly seriesInstanceUID: string; readonly sopInstanceUID: string };
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
 * @throws Refusal when it is of other slices, or changes nothing; SegError when the segmentation cannot be read
 */
export async function correct(
  series: CtSeries,
  order: CorrectionOrder,
  run: { readonly runId: string; readonly archive: ArchiveOptions },
  clock: Stopwatch,
  progress: Progress,
): Promise<Result> {
  const { signal } = progress;
  const retrieve = (uids: ObjectUids) => retrieveSeg(series.studyInstanceUid, uids, run.archive, signal);
  const { seg, before } = await clock.time('retrieve', async () => {
    const seg = readSeg(await retrieve(order.seg));
    const before = labelsOfSeg(seg, series);
    if (!before.includes(LIVER_SEGMENT))
      await addLiver(before, series, () => retrieve(objectUids(order.corrects, 'liver-seg')));
    return { seg, before };
  });
  const { edited, origins } = await clock.time('segment', async () => {
    progress.report('segment', 0);
    const unpacked = await promisify(gunzip)(await readFile(order.file));
    const correction = correctionSchema.parse(JSON.parse(unpacked.toString('utf8')));
    const edited = applyCorrection(series, correction);
    // A viewer that showed the lesions alone sends nothing of the liver.
    if (!correction.segments.some(({ kind }) => kind === 'liver')) keepLiver(edited, before);
    progress.report('segment', 0.5);
    progress.signal.throwIfAborted();
    mendHoles(edited.segments, before);
    const segments = seg.segments.map(({ number, trackingUid, algorithmType }) => ({
      number,
      trackingUid,
      algorithmType: ALGORITHM_TYPES.find((each) => each === algorithmType?.toLowerCase()) ?? 'automatic',
    }));
    const origins = compareWith({ labels: before, segments }, edited);
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
    model: { manifest: { ...describedModel(seg), id: order.model.id }, digest: order.model.digest },
    engine: order.engine,
    probability: null,
    heatMap: null,
    priors: null,
  };
}

async function retrieveSeg(
  study: string,
  { seriesInstanceUID, sopInstanceUID }: ObjectUids,
  options: ArchiveOptions,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const archive = createArchive(options);
  try {
    return await archive.retrieveInstance(study, seriesInstanceUID, sopInstanceUID, { signal });
  } finally {
    archive.close();
  }
}

/** Where the liver is a series of its own; there is none where it was left out, or is all lesion. */
async function addLiver(labels: Uint16Array, series: CtSeries, retrieve: () => Promise<Uint8Array>): Promise<void> {
  const file = await retrieve().catch((error) => {
    if (error instanceof NotFound) return null;
    throw error;
  });
  if (file === null) return;
  for (const [voxel, label] of labelsOfSeg(readSeg(file), series).entries()) {
    if (label === LIVER_SEGMENT && labels[voxel] === 0) labels[voxel] = label;
  }
}

/** The model as the segmentation describes it: the server may have another one by now, or none. */
function describedModel({ segments }: SegContent): Omit<ModelDescription, 'id'> {
  const liver = segments.find(({ number }) => number === 1);
  const lesion = segments.find(({ number }) => number > 1);
  const algorithm = segments.find((segment) => segment.algorithm !== null)?.algorithm;
  return {
    name: algorithm?.name ?? 'not stated',
    version: algorithm?.version ?? 'not stated',
    labels: {
      liver: {
        category: liver?.category ?? CODES.anatomicalStructure,
        type: liver?.type ?? CODES.liver,
      },
      lesion: {
        category: lesion?.category ?? CODES.morphologicallyAbnormalStructure,
        type: lesion?.type ?? CODES.mass,
        anatomicRegion: lesion?.anatomicRegion ?? CODES.liver,
      },
    },
  };
}
