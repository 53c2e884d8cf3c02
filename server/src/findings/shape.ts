import { toPatient, voxelMl } from '../volume/geometry.ts';
import type { Grid, Vec3 } from '../volume/volume.ts';
import { type LongAxis, longAxis, type PixelRun, shortAxisMm } from './diameters.ts';
import { rounded, roundedPosition } from './rounding.ts';
import type { Lesion } from './schema.ts';

/** A run of a lesion's voxels along i, in row j of slice k. */
export interface VoxelRun extends PixelRun {
  readonly k: number;
}

/** What is measured of a lesion's shape, rounded as results are. */
export type LesionShape = Pick<Lesion, 'volumeMl' | 'longAxisMm' | 'longAxisEndsMm' | 'shortAxisMm' | 'centroidMm'> & {
  /** The slice that the diameters were measured on. */
  readonly k: number;
};

/** Size and place of the voxels of one or more runs. */
export function measureShape(runs: readonly VoxelRun[], grid: Grid): LesionShape {
  const { voxels, centroid } = bulk(runs);
  const { axis, k } = longestOverSlices(runs, grid);
  const [a, b] = axis.ends;
  return {
    volumeMl: rounded.ml(voxels * voxelMl(grid)),
    longAxisMm: rounded.mm(axis.lengthMm),
    longAxisEndsMm: [
      roundedPosition(toPatient(grid, [a[0], a[1], k])),
      roundedPosition(toPatient(grid, [b[0], b[1], k])),
    ],
    shortAxisMm: rounded.mm(shortAxisMm(axis, [grid.spacingMm[0], grid.spacingMm[1]])),
    centroidMm: roundedPosition(toPatient(grid, centroid)),
    k,
  };
}

/** Number of voxels, and their mean index. */
function bulk(runs: readonly VoxelRun[]): { voxels: number; centroid: Vec3 } {
  let [voxels, i, j, k] = [0, 0, 0, 0];
  for (const run of runs) {
    const length = run.lastI - run.firstI + 1;
    voxels += length;
    i += (length * (run.firstI + run.lastI)) / 2;
    j += length * run.j;
    k += length * run.k;
  }
  return { voxels, centroid: [i / voxels, j / voxels, k / voxels] };
}

/** The longest diameter within one of the series' own slices; of equals, on the first of the slices. */
function longestOverSlices(runs: readonly VoxelRun[], { spacingMm }: Grid): { axis: LongAxis; k: number } {
  const perSlice = Map.groupBy(runs, (run) => run.k);
  let longest: { axis: LongAxis; k: number } | null = null;
  for (const [k, inSlice] of perSlice) {
    const axis = longAxis(inSlice, [spacingMm[0], spacingMm[1]]);
    if (longest === null || axis.lengthMm > longest.axis.lengthMm) longest = { axis, k };
  }
  return longest!;
}
