import { length, subtract, toPatient, voxelCount } from '../../../server/src/volume/geometry.ts';
import type { CtSeries } from '../../../server/src/volume/series.ts';
import type { Grid, Vec3 } from '../../../server/src/volume/volume.ts';
import { FAT, LESION_HU, LIVER_HU } from './tiny-model.ts';

/** An ellipsoid liver with spheres in it, described in the patient's space: its truth is a formula on any grid. */
export interface Scene {
  readonly centreMm: Vec3;
  readonly radiiMm: Vec3;
  readonly lesions: readonly { readonly centreMm: Vec3; readonly radiusMm: number }[];
}

export const SCENE: Scene = {
  centreMm: [-30, 12, 205],
  radiiMm: [46, 38, 34],
  lesions: [
    { centreMm: [-12, 16, 196], radiusMm: 12 },
    { centreMm: [-52, 4, 212], radiusMm: 8 },
  ],
};

/** 0, 1 (liver) or 2 (lesion) at a patient position. */
export function truthAt({ centreMm, radiiMm, lesions }: Scene, positionMm: Vec3): number {
  const [x, y, z] = subtract(positionMm, centreMm);
  if ((x / radiiMm[0]) ** 2 + (y / radiiMm[1]) ** 2 + (z / radiiMm[2]) ** 2 > 1) return 0;
  return lesions.some((lesion) => length(subtract(positionMm, lesion.centreMm)) <= lesion.radiusMm) ? 2 : 1;
}

export function truthOn(scene: Scene, grid: Grid): Uint8Array {
  return overGrid(new Uint8Array(voxelCount(grid.shape)), grid, (positionMm) => truthAt(scene, positionMm));
}

export function seriesOf(scene: Scene, grid: Grid): CtSeries {
  const HU = [FAT, LIVER_HU, LESION_HU];
  const hu = overGrid(new Int16Array(voxelCount(grid.shape)), grid, (positionMm) => HU[truthAt(scene, positionMm)]!);
  return seriesFrom(grid, hu);
}

export function seriesFrom(grid: Grid, hu: Int16Array): CtSeries {
  return {
    studyInstanceUid: '1.2.3',
    seriesInstanceUid: '1.2.3.4',
    frameOfReferenceUid: '1.2.3.5',
    volume: { grid, hu },
    slices: Array.from({ length: grid.shape[2] }, (_, k) => ({
      sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
      sopInstanceUid: `1.2.3.4.${k + 1}`,
      frameNumber: null,
      positionMm: toPatient(grid, [0, 0, k]),
    })),
    header: {
      has: () => false,
      text: () => null,
      texts: () => [],
      number: () => null,
      numbers: () => [],
      items: () => [],
      raw: () => null,
    },
    lossy: null,
    warnings: [],
  };
}

/** A grid of the given axes with the scene's middle at its own middle, give or take half a voxel. */
export function gridAround(centreMm: Vec3, shape: Vec3, spacingMm: Vec3, axes: Grid['axes']): Grid {
  const bare: Grid = { shape, spacingMm, axes, originMm: [0, 0, 0] };
  const middle = toPatient(bare, [(shape[0] - 1) / 2, (shape[1] - 1) / 2, (shape[2] - 1) / 2]);
  return { ...bare, originMm: subtract(centreMm, middle) };
}

function overGrid<Values extends Uint8Array | Int16Array>(
  into: Values,
  grid: Grid,
  valueAt: (positionMm: Vec3) => number,
): Values {
  const [nx, ny, nz] = grid.shape;
  let at = 0;
  for (let k = 0; k < nz; k++) {
    for (let j = 0; j < ny; j++) {
      for (let i = 0; i < nx; i++) into[at++] = valueAt(toPatient(grid, [i, j, k]));
    }
  }
  return into;
}
