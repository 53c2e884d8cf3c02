import { setImmediate as nextTurn } from 'node:timers/promises';
import { derivedUid } from '../dicom/uid.ts';
import { LESION, LIVER, type Segmentation } from '../inference/segmentation.ts';
import type { Progress } from '../progress.ts';
import { type Components, connectedComponents, paintComponents } from '../volume/components.ts';
import { voxelAt, voxelMl } from '../volume/geometry.ts';
import type { CtSeries } from '../volume/series.ts';
import type { Box, LabelMap, Vec3 } from '../volume/volume.ts';
import { rounded } from './rounding.ts';
import type { FindingsDocument, Lesion } from './schema.ts';
import { measureShape, type VoxelRun } from './shape.ts';

/** What was found, in the numbers that every object of the run states. */
export type Findings = Pick<FindingsDocument, 'liver' | 'lesionBurdenMl' | 'lesions'>;

/** Segment number of the liver without its lesions; lesion n is segment 1 + n. */
export const LIVER_SEGMENT = 1;
/** Segment Number is an unsigned 16-bit number (PS3.3 section C.8.20.4). */
const MOST_SEGMENTS = 65535;

/**
 * Measures the liver and each of its lesions: the 26-connected components of the lesion voxels, numbered by falling
 * volume, and of equals in the order of their first voxels. Volumes are voxel counts times the volume of a voxel.
 * @param runId tracking UIDs follow from it and the lesion's number
 * @returns the findings, and the segments on the series' grid: 0, LIVER_SEGMENT, or a lesion's segment number
 * @throws RangeError with more lesions than a segmentation object can number; the signal's reason when cancelled
 */
export async function measure(
  series: CtSeries,
  segmentation: Omit<Segmentation, 'heatMap'>,
  runId: string,
  { signal, report }: Progress,
): Promise<{ readonly findings: Findings; readonly segments: LabelMap<Uint16Array> }> {
  signal.throwIfAborted();
  report('measure', 0);
  const { grid, labels } = segmentation.labelMap;
  // Nothing outside it is labelled: a long scan takes no longer than a short one.
  const { box } = segmentation.lesionProbability;
  const components = connectedComponents(labels, grid.shape, (label) => label === LESION, { box });
  if (components.count + LIVER_SEGMENT > MOST_SEGMENTS) {
    throw new RangeError(`${components.count} separate lesions, more than ${MOST_SEGMENTS} segments can name`);
  }
  const order = Array.from({ length: components.count }, (_, n) => n + 1).sort(
    (a, b) => components.sizes[b]! - components.sizes[a]! || a - b,
  );

  const segments = new Uint16Array(labels.length);
  const liverVoxels = paintLiver(segments, labels, grid.shape, box);
  const numbers = new Uint32Array(components.count + 1);
  order.forEach((label, n) => {
    numbers[label] = n + 1;
  });
  paintComponents(segments, components, (label) => LIVER_SEGMENT + numbers[label]!);

  const runs = runsOfLesions(components, grid.shape);
  const lesions: Lesion[] = [];
  for (const [n, label] of order.entries()) {
    await nextTurn();
    signal.throwIfAborted();
    const own = {
      trackingUid: newTrackingUid(runId, n + 1),
      confidence: rounded.confidence(meanProbability(runs[label]!, segmentation.lesionProbability)),
      algorithmType: 'automatic' as const,
    };
    lesions.push(measureLesion(n + 1, runs[label]!, series, own));
    report('measure', (n + 1) / order.length);
  }

  const ml = voxelMl(grid);
  const lesionVoxels = components.sizes.reduce((sum, size) => sum + size, 0);
  report('measure', 1);
  return {
    findings: {
      liver: {
        volumeMl: rounded.ml((liverVoxels + lesionVoxels) * ml),
        parenchymaMl: rounded.ml(liverVoxels * ml),
        algorithmType: 'automatic',
      },
      lesionBurdenMl: rounded.ml(lesionVoxels * ml),
      lesions,
    },
    segments: { grid, labels: segments },
  };
}

/** Makes all voxels of the box that are liver the liver's segment. @returns how many there are */
function paintLiver(segments: Uint16Array, labels: Uint8Array, [nx, ny]: Vec3, { start, size }: Box): number {
  let voxels = 0;
  for (let k = start[2]; k < start[2] + size[2]; k++) {
    for (let j = start[1]; j < start[1] + size[1]; j++) {
      const row = start[0] + nx * (j + ny * k);
      for (let voxel = row; voxel < row + size[0]; voxel++) {
        if (labels[voxel] !== LIVER) continue;
        segments[voxel] = LIVER_SEGMENT;
        voxels++;
      }
    }
  }
  return voxels;
}

/** A run of a lesion's voxels along i, with the index of its first voxel in memory. */
export interface LesionRun extends VoxelRun {
  readonly start: number;
}

/** The runs of each component, by label, in the order of memory: slice by slice. */
function runsOfLesions({ count, runStarts, runLengths, runLabels }: Components, shape: Vec3): LesionRun[][] {
  const runs: LesionRun[][] = Array.from({ length: count + 1 }, () => []);
  runStarts.forEach((start, run) => {
    const [firstI, j, k] = voxelAt(shape, start);
    runs[runLabels[run]!]!.push({ start, firstI, lastI: firstI + runLengths[run]! - 1, j, k });
  });
  return runs;
}

/** Tracking UID of a lesion that this run was the first to find. */
export function newTrackingUid(runId: string, number: number): string {
  return derivedUid(runId, 'lesion', String(number));
}

/** A lesion in numbers; `own` is what its voxels do not tell. */
export function measureLesion(
  number: number,
  runs: readonly LesionRun[],
  { volume, slices }: CtSeries,
  own: Pick<Lesion, 'trackingUid' | 'confidence' | 'algorithmType'>,
): Lesion {
  const { grid, hu } = volume;
  const { mean, sd } = huStatistics(runs, hu);
  const { k, ...shape } = measureShape(runs, grid);
  return {
    number,
    segmentNumber: LIVER_SEGMENT + number,
    ...own,
    ...shape,
    meanHu: rounded.hu(mean),
    huSd: rounded.hu(sd),
    sliceUid: slices[k]!.sopInstanceUid,
    sliceFrame: slices[k]!.frameNumber,
  };
}

/** Mean and standard deviation (of the voxels as the whole population) in HU. */
function huStatistics(runs: readonly LesionRun[], hu: Int16Array): { mean: number; sd: number } {
  // Whole numbers: these sums are exact for any lesion that fits in a scan.
  let [voxels, sum, squares] = [0, 0, 0];
  for (const { start, firstI, lastI } of runs) {
    const end = start + lastI - firstI + 1;
    voxels += end - start;
    for (let at = start; at < end; at++) {
      sum += hu[at]!;
      squares += hu[at]! ** 2;
    }
  }
  const mean = sum / voxels;
  return { mean, sd: Math.sqrt(Math.max(0, squares / voxels - mean ** 2)) };
}

/** Mean lesion probability over the voxels; it is zero outside its box. */
function meanProbability(
  runs: readonly LesionRun[],
  { box: { start, size }, values }: Segmentation['lesionProbability'],
): number {
  let [voxels, sum] = [0, 0];
  for (const run of runs) {
    voxels += run.lastI - run.firstI + 1;
    const [j, k] = [run.j - start[1], run.k - start[2]];
    if (j < 0 || j >= size[1] || k < 0 || k >= size[2]) continue;
    const row = size[0] * (j + size[1] * k) - start[0];
    const last = Math.min(run.lastI, start[0] + size[0] - 1);
    for (let i = Math.max(run.firstI, start[0]); i <= last; i++) sum += values[row + i]!;
  }
  return sum / (255 * voxels);
}
