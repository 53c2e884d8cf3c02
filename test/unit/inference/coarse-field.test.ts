import assert from 'node:assert/strict';
import fc from 'fast-check';
import { coarseField } from '../../../server/src/inference/locate.ts';
import type { Stage } from '../../../server/src/inference/manifest.ts';
import {
  length,
  patientAlignedGrid,
  subtract,
  toPatient,
  toVoxel,
  voxelCount,
  wholeBox,
} from '../../../server/src/volume/geometry.ts';
import { resampleHu } from '../../../server/src/volume/resample.ts';
import type { Grid, Vec3, Volume } from '../../../server/src/volume/volume.ts';
import { AXIAL } from '../../support/axial.ts';
import { anyAxes } from '../volume/arbitrary.ts';

const STAGE = { spacingMm: [4, 4, 4], windowVoxels: [24, 16, 8] } as unknown as Stage;
const LEAST_ML = 150;
const AROUND_MM = 6;

/** Balls of soft tissue in air, in a scan of 300 mm that may be tilted. */
function scanOf(axes: Grid['axes'], balls: readonly { centreMm: Vec3; radiusMm: number }[]): Volume {
  const turned: Grid = { shape: [75, 75, 60], spacingMm: [4, 4, 5], originMm: [0, 0, 0], axes };
  const grid = { ...turned, originMm: toPatient(turned, [-37, -37, -29.5]) };
  const hu = new Int16Array(voxelCount(grid.shape)).fill(-1000);
  for (let at = 0; at < hu.length; at++) {
    const [x, y, z] = [at % 75, Math.floor(at / 75) % 75, Math.floor(at / (75 * 75))];
    const position = toPatient(grid, [x, y, z]);
    const inside = balls.some(({ centreMm, radiusMm }) => length(subtract(position, centreMm)) <= radiusMm);
    if (inside) hu[at] = 40 + ((at * 7919) % 31);
  }
  return { grid, hu };
}

describe('what stage 1 sees: the box around the body', () => {
  const middle = fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: -50, max: 50 }))) as unknown as fc.Arbitrary<Vec3>;

  it('holds all of the body and little more, with each voxel where it was', () => {
    fc.assert(
      fc.property(anyAxes, middle, fc.integer({ min: 40, max: 60 }), (axes, centreMm, radiusMm) => {
        const volume = scanOf(axes, [{ centreMm, radiusMm }]);
        const { grid, hu } = coarseField(volume, STAGE, LEAST_ML);
        for (const axis of [0, 1, 2] as const) {
          const first = grid.originMm[axis];
          const last = first + 4 * (grid.shape[axis] - 1);
          assert.ok(first < centreMm[axis] - radiusMm && last > centreMm[axis] + radiusMm, `${first} to ${last}`);
          const least = Math.max(4 * STAGE.windowVoxels[axis], 2 * radiusMm + 2 * AROUND_MM);
          assert.ok(4 * grid.shape[axis] <= least + 20, `${grid.shape} voxels`);
        }
        const whole = patientAlignedGrid(volume.grid, wholeBox(volume.grid), STAGE.spacingMm);
        const offset = toVoxel(whole, grid.originMm);
        assert.ok(
          offset.every((n) => Math.abs(n - Math.round(n)) < 1e-6),
          `${offset}`,
        );
        const expected = resampleHu(volume, grid);
        assert.ok(hu.every((value, voxel) => Math.abs(value - expected[voxel]!) < 0.01));
      }),
      { numRuns: 20 },
    );
  });

  it('leaves out what is too small for a body, but not a second piece that is not', () => {
    const body = { centreMm: [-60, -60, 0] as Vec3, radiusMm: 45 };
    const small = { centreMm: [90, 90, 60] as Vec3, radiusMm: 25 };
    const large = { centreMm: [90, 90, 60] as Vec3, radiusMm: 40 };
    const reach = (balls: (typeof body)[]) => {
      const { grid } = coarseField(scanOf(AXIAL, balls), STAGE, LEAST_ML);
      return grid.originMm[1] + 4 * grid.shape[1];
    };
    assert.ok(reach([body, small]) < 10);
    assert.ok(reach([body, large]) > 130);
  });

  it('is the whole scan where there is no body', () => {
    assert.deepEqual(coarseField(scanOf(AXIAL, []), STAGE, LEAST_ML).grid.shape, [75, 75, 75]);
  });
});
