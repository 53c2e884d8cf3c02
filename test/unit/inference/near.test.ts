import { deepEqual, equal } from 'node:assert/strict';
import fc from 'fast-check';
import type { LocatedLiver } from '../../../server/src/inference/locate.ts';
import { clearOutside, holdsAny, surroundings } from '../../../server/src/inference/near.ts';
import { probabilitiesOf } from '../../../server/src/inference/probabilities.ts';
import { length, subtract, toPatient, toVoxel, voxelCount } from '../../../server/src/volume/geometry.ts';
import type { Grid, Vec3 } from '../../../server/src/volume/volume.ts';
import { AXIAL } from '../../support/axial.ts';

const triple = (arbitrary: fc.Arbitrary<number>) => fc.tuple(arbitrary, arbitrary, arbitrary);
const grids = (edge: number) =>
  fc.record({
    shape: triple(fc.integer({ min: 1, max: edge })),
    spacingMm: triple(fc.integer({ min: 2, max: 9 }).map((half) => half / 2)),
    originMm: triple(fc.integer({ min: -9, max: 9 })),
    axes: fc.constant(AXIAL),
  });
const located: fc.Arbitrary<LocatedLiver> = grids(9).chain((grid) =>
  fc
    .uint8Array({ minLength: voxelCount(grid.shape), maxLength: voxelCount(grid.shape), max: 1 })
    .map((mask) => ({ grid, mask, box: { start: [0, 0, 0], size: grid.shape }, medianHu: 0 })),
);

function positions(grid: Grid): Vec3[] {
  const [nx, ny, nz] = grid.shape;
  const every: Vec3[] = [];
  for (let k = 0; k < nz; k++) {
    for (let j = 0; j < ny; j++) for (let i = 0; i < nx; i++) every.push(toPatient(grid, [i, j, k]));
  }
  return every;
}

describe('the surroundings of the located liver', () => {
  it('are all voxels within the margin and a voxel of it, and no others', () => {
    fc.assert(
      fc.property(located, fc.integer({ min: 0, max: 12 }), (liver, marginMm) => {
        const every = positions(liver.grid);
        const marked = every.filter((_, voxel) => liver.mask[voxel] === 1);
        // Half a micrometre, so that rounding decides nothing.
        const reach = marginMm + Math.max(...liver.grid.spacingMm) + 5e-4;
        const expected = every.map((at) => Number(marked.some((other) => length(subtract(at, other)) <= reach)));
        deepEqual([...surroundings(liver, marginMm + 5e-4)], expected);
      }),
    );
  });

  it('are where probabilities stay: each voxel of the fine grid asks the coarse voxel that it lies in', () => {
    fc.assert(
      fc.property(located, grids(12), ({ grid: coarse, mask }, fine) => {
        const sums = probabilitiesOf(voxelCount(fine.shape));
        sums.liver.fill(0.5);
        sums.lesion.fill(0.25);
        clearOutside(sums, fine, mask, coarse);
        const expected = positions(fine).map((at) => {
          const [x, y, z] = toVoxel(coarse, at).map(Math.round) as [number, number, number];
          const isThere = [x, y, z].every((n, axis) => n >= 0 && n < coarse.shape[axis]!);
          return isThere && mask[x + coarse.shape[0] * (y + coarse.shape[1] * z)] === 1 ? 1 : 0;
        });
        deepEqual(
          [...sums.liver],
          expected.map((n) => n / 2),
        );
        deepEqual(
          [...sums.lesion],
          expected.map((n) => n / 4),
        );
      }),
    );
  });

  it('call for every window in which a voxel stays', () => {
    fc.assert(
      fc.property(located, grids(12), ({ grid: coarse, mask }, fine) => {
        const sums = probabilitiesOf(voxelCount(fine.shape));
        sums.liver.fill(1);
        clearOutside(sums, fine, mask, coarse);
        if (sums.liver.some((value) => value > 0)) equal(holdsAny(mask, coarse, fine, [0, 0, 0], fine.shape), true);
      }),
    );
  });
});
