import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Probabilities, probabilitiesOf } from '../../../server/src/inference/probabilities.ts';
import { liverOn, shareIn } from '../../../server/src/inference/share.ts';
import { toPatient, voxelAt, voxelCount } from '../../../server/src/volume/geometry.ts';
import type { Grid, Vec3 } from '../../../server/src/volume/volume.ts';
import { AXIAL } from '../../support/axial.ts';

const probability = fc.double({ min: 0, max: 1, noNaN: true });
const near = (a: number, b: number) => Math.abs(a - b) < 1e-5;

function probabilities(liver: readonly number[], lesion: readonly number[]): Probabilities {
  const made = probabilitiesOf(liver.length);
  made.liver.set(liver);
  made.lesion.set(lesion);
  return made;
}

describe('the share of stage 1 in what is liver', () => {
  it('is in the mean of both, and leaves what is said of lesions', () => {
    fc.assert(
      fc.property(probability, probability, probability, probability, (all, ofLesion, before, share) => {
        const [lesion, liver] = [all * ofLesion, all * (1 - ofLesion)];
        const shared = probabilities([liver], [lesion]);
        shareIn(shared, Float32Array.of(before), share);
        const mean = (1 - share) * all + share * before;
        assert.ok(near(shared.lesion[0]!, lesion));
        assert.ok(near(shared.liver[0]! + shared.lesion[0]!, Math.max(mean, lesion)));
      }),
    );
  });

  it('does not take away a lesion that stage 1 did not take for liver, nor make one of what it did', () => {
    const shared = probabilities([0.1, 0.1], [0.8, 0.1]);
    shareIn(shared, Float32Array.of(0, 1), 0.5);
    assert.ok(near(shared.liver[0]!, 0) && near(shared.lesion[0]!, 0.8));
    assert.ok(near(shared.liver[1]!, 0.5) && near(shared.lesion[1]!, 0.1));
  });

  it('is read between the voxels of its grid, at the same place of the patient', () => {
    const coarse: Grid = { shape: [9, 8, 7], spacingMm: [3, 3, 3], originMm: [-12, 5, 30], axes: AXIAL };
    const slope = ([x, y, z]: Vec3) => 0.2 + 0.01 * (x + 12) + 0.005 * (y - 5) - 0.004 * (z - 30);
    const positions = (grid: Grid) =>
      Array.from({ length: voxelCount(grid.shape) }, (_, voxel) => toPatient(grid, voxelAt(grid.shape, voxel)));
    const all = positions(coarse).map(slope);
    const found = probabilities(
      all.map((value) => 0.75 * value),
      all.map((value) => 0.25 * value),
    );
    const fine: Grid = { shape: [11, 9, 8], spacingMm: [1.5, 1.5, 1.5], originMm: [-7, 8, 33.5], axes: AXIAL };
    const read = liverOn(fine, found, coarse);
    for (const [voxel, at] of positions(fine).entries()) assert.ok(near(read[voxel]!, slope(at)), `${at}`);
  });
});
