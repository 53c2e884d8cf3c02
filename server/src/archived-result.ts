import { CODES } from './dicom/codes.ts';
import { type ArchiveOptions, createArchive } from './dicomweb/archive.ts';
import { NotFound } from './dicomweb/errors.ts';
import { LIVER_SEGMENT } from './findings/measure.ts';
import { ALGORITHM_TYPES, type AlgorithmType } from './findings/schema.ts';
import { labelsOfSeg, readSeg, type SegContent } from './reports/read-seg.ts';
import type { ModelDescription } from './reports/seg/segments.ts';
import { type ObjectUids, objectUids } from './reports/uids.ts';
import type { CtSeries } from './volume/series.ts';

/** A result as its segmentation in the archive tells of it. */
export interface ArchivedResult {
  /** On the series' grid: segment numbers, 0 background. */
  readonly labels: Uint16Array;
  readonly segments: readonly {
    readonly number: number;
    readonly trackingUid: string | null;
    readonly algorithmType: AlgorithmType;
  }[];
  /** The model as the segmentation describes it: the server may have another one by now, or none. */
  readonly model: Omit<ModelDescription, 'id'>;
}

/**
 * Fetches the segmentation of a run, and that of its liver where this is a series of its own.
 * @throws ArchiveError; SegError when it cannot be read, or is not of this series
 */
export async function retrieveResult(
  runId: string,
  series: CtSeries,
  options: ArchiveOptions,
  signal: AbortSignal,
): Promise<ArchivedResult> {
  const archive = createArchive(options);
  const retrieve = ({ seriesInstanceUID, sopInstanceUID }: ObjectUids) =>
    archive.retrieveInstance(series.studyInstanceUid, seriesInstanceUID, sopInstanceUID, { signal });
  try {
    const seg = readSeg(await retrieve(objectUids(runId, 'seg')));
    const labels = labelsOfSeg(seg, series);
    if (!labels.includes(LIVER_SEGMENT)) await addLiver(labels, series, () => retrieve(objectUids(runId, 'liver-seg')));
    const segments = seg.segments.map(({ number, trackingUid, algorithmType }) => ({
      number,
      trackingUid,
      algorithmType: ALGORITHM_TYPES.find((each) => each === algorithmType?.toLowerCase()) ?? 'automatic',
    }));
    return { labels, segments, model: describedModel(seg) };
  } finally {
    archive.close();
  }
}

/** There is none where the liver was left out, or is all lesion. */
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

function describedModel({ segments }: SegContent): ArchivedResult['model'] {
  const liver = segments.find(({ number }) => number === LIVER_SEGMENT);
  const lesion = segments.find(({ number }) => number > LIVER_SEGMENT);
  const algorithm = segments.find((segment) => segment.algorithm !== null)?.algorithm;
  return {
    name: algorithm?.name ?? 'not stated',
    version: algorithm?.version ?? 'not stated',
    labels: {
      liver: { category: liver?.category ?? CODES.anatomicalStructure, type: liver?.type ?? CODES.liver },
      lesion: {
        category: lesion?.category ?? CODES.morphologicallyAbnormalStructure,
        type: lesion?.type ?? CODES.mass,
        anatomicRegion: lesion?.anatomicRegion ?? CODES.liver,
      },
    },
  };
}
