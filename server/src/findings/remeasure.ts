import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Progress } from '../progress.ts';
import { connectedComponents, largestComponent } from '../volume/components.ts';
import { voxelMl } from '../volume/geometry.ts';
import type { CtSeries, Warning } from '../volume/series.ts';
import type { Box, LabelMap, Vec3 } from '../volume/volume.ts';
import { type Findings, type LesionRun, LIVER_SEGMENT, measureLesion, newTrackingUid } from './measure.ts';
import { rounded } from './rounding.ts';
import type { AlgorithmType, Lesion } from './schema.ts';
import { measureShape } from './shape.ts';

/** What is known of a segment beside its voxels. */
export interface NamedLesion {
  /** null for one that is new. */
  readonly trackingUid: string | null;
  readonly confidence: number | null;
  readonly algorithmType: AlgorithmType;
}

export interface NamedSegments {
  /** On the series' grid: 0, LIVER_SEGMENT, and LIVER_SEGMENT + n for the n-th of `lesions`. */
  readonly labels: LabelMap<Uint16Array>;
  /** null for those without a voxel. */
  readonly lesions: readonly (NamedLesion | null)[];
  readonly liver: { readonly algorithmType: AlgorithmType };
}

/**
 * Measures segments that are told apart already, as `measure` does those that it tells apart itself: lesions are numbered by
 * falling volume, and of equals in the order of their first voxels. A lesion that a person drew in several parts stays one:
 * its volume is that of all, its diameters are those of the largest part, and a warning says so.
 * @throws the signal's reason when cancelled
 */
export async function remeasure(
  series: CtSeries,
  { labels: given, lesions: named, liver }: NamedSegments,
  runId: string,
  { signal, report }: Progress,
): Promise<{
  readonly findings: Findings;
  readonly segments: LabelMap<Uint16Array>;
  readonly warnings: readonly Warning[];
}> {
  signal.throwIfAborted();
  report('measure', 0);
  const { grid, labels } = given;
  const runs = runsOfLabels(labels, grid.shape);
  const sizes = runs.map((own) => own.reduce((sum, { firstI, lastI }) => sum + lastI - firstI + 1, 0));
  const liverVoxels = sizes[LIVER_SEGMENT] ?? 0;
  const order = named
    .map((_, n) => LIVER_SEGMENT + 1 + n)
    .filter((label) => (sizes[label] ?? 0) > 0)
    .sort((a, b) => sizes[b]! - sizes[a]! || runs[a]![0]!.start - runs[b]![0]!.start);

  const numbers = new Uint16Array(65_536);
  numbers[LIVER_SEGMENT] = LIVER_SEGMENT;
  for (const [n, label] of order.entries()) numbers[label] = LIVER_SEGMENT + 1 + n;
  const segments = labels.map((label) => numbers[label]!);

  const lesions: Lesion[] = [];
  const warnings: Warning[] = [];
  for (const [n, label] of order.entries()) {
    await nextTurn();
    signal.throwIfAborted();
    const own = named[label - LIVER_SEGMENT - 1]!;
    const trackingUid = own.trackingUid ?? newTrackingUid(runId, n + 1);
    const lesion = measureLesion(n + 1, runs[label]!, series, { ...own, trackingUid });
    const parts = partsOf(runs[label]!);
    lesions.push(parts.count === 1 ? lesion : { ...lesion, ...diametersOf(parts.largest, series) });
    if (parts.count > 1) {
      const message = `Lesion ${n + 1} has ${parts.count} separate parts: its diameters are those of the largest.`;
      warnings.push({ code: 'lesion-in-parts', message });
    }
    report('measure', (n + 1) / order.length);
  }
  const ml = voxelMl(grid);
  const lesionVoxels = order.reduce((sum, label) => sum + sizes[label]!, 0);
  report('measure', 1);
  return {
    findings: {
      liver: {
        volumeMl: rounded.ml((liverVoxels + lesionVoxels) * ml),
        parenchymaMl: rounded.ml(liverVoxels * ml),
        algorithmType: liver.algorithmType,
      },
      lesionBurdenMl: rounded.ml(lesionVoxels * ml),
      lesions,
    },
    segments: { grid, labels: segments },
    warnings,
  };
}

/** The runs of each label along i, in the order of memory; at 0, of the background, are none. */
function runsOfLabels(labels: Uint16Array, [nx, ny, nz]: Vec3): LesionRun[][] {
  const runs: LesionRun[][] = [[]];
  for (let row = 0; row < ny * nz; row++) {
    const start = row * nx;
    for (let i = 0; i < nx; ) {
      const label = labels[start + i]!;
      const firstI = i++;
      while (i < nx && labels[start + i] === label) i++;
      if (label === 0) continue;
      while (runs.length <= label) runs.push([]);
      runs[label]!.push({ start: start + firstI, firstI, lastI: i - 1, j: row % ny, k: Math.floor(row / ny) });
    }
  }
  return runs;
}

/** How many 26-connected parts a lesion has, and the runs of the largest. */
function partsOf(runs: readonly LesionRun[]): { readonly count: number; readonly largest: readonly LesionRun[] } {
  const { start, size } = boxOf(runs);
  const mask = new Uint8Array(size[0] * size[1] * size[2]);
  const at = ({ firstI, j, k }: LesionRun) => firstI - start[0] + size[0] * (j - start[1] + size[1] * (k - start[2]));
  for (const run of runs) mask.fill(1, at(run), at(run) + run.lastI - run.firstI + 1);
  const parts = connectedComponents(mask, size, (value) => value === 1);
  if (parts.count === 1) return { count: 1, largest: runs };
  const largest = largestComponent(parts);
  const first = new Set(parts.runStarts.filter((_, run) => parts.runLabels[run] === largest));
  return { count: parts.count, largest: runs.filter((run) => first.has(at(run))) };
}

function boxOf(runs: readonly LesionRun[]): Box {
  const low = [Infinity, Infinity, Infinity];
  const high = [0, 0, 0];
  for (const { firstI, lastI, j, k } of runs) {
    for (const [axis, value] of [firstI, j, k].entries()) low[axis] = Math.min(low[axis]!, value);
    for (const [axis, value] of [lastI, j, k].entries()) high[axis] = Math.max(high[axis]!, value);
  }
  return { start: low as unknown as Vec3, size: high.map((to, axis) => to - low[axis]! + 1) as unknown as Vec3 };
}

function diametersOf(
  runs: readonly LesionRun[],
  { volume: { grid }, slices }: CtSeries,
): Pick<Lesion, 'longAxisMm' | 'longAxisEndsMm' | 'shortAxisMm' | 'sliceUid' | 'sliceFrame'> {
  const { longAxisMm, longAxisEndsMm, shortAxisMm, k } = measureShape(runs, grid);
  const { sopInstanceUid, frameNumber } = slices[k]!;
  return { longAxisMm, longAxisEndsMm, shortAxisMm, sliceUid: sopInstanceUid, sliceFrame: frameNumber };
}
