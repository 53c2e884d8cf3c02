import assert from 'node:assert/strict';
import type { Presence } from '../../../server/src/inference/manifest.ts';
import { PresenceBlend } from '../../../server/src/inference/presence.ts';
import { sampleField } from '../../../server/src/volume/field.ts';
import { toPatient } from '../../../server/src/volume/geometry.ts';
import type { Grid, Vec3 } from '../../../server/src/volume/volume.ts';
import { AXIAL } from '../../support/axial.ts';

const PRESENCE: Presence = { output: 'presence', activation: 'probabilities', patchVoxels: [4, 4, 4] };
const grid = (shape: Vec3): Grid => ({
  shape,
  spacingMm: [2, 2, 3],
  originMm: [10, 20, 30],
  axes: AXIAL,
});

describe('the heat map of windows', () => {
  it('puts the value of a patch where the patch lies', () => {
    const blend = new PresenceBlend(grid([8, 4, 4]), [8, 4, 4], PRESENCE);
    blend.add([0, 0, 0], Float32Array.of(0.25, 0.75));
    const { grid: map, values } = blend.finish();
    assert.deepEqual(map.shape, [4, 2, 2]);
    assert.deepEqual(map.spacingMm, [4, 4, 6]);
    // The middle of the first two voxels along each axis.
    assert.deepEqual(map.originMm, [11, 21, 31.5]);
    for (const [cell, value] of values.entries()) assert.equal(value, cell % 4 < 2 ? 0.25 : 0.75);
  });

  it('turns logits into probabilities', () => {
    const blend = new PresenceBlend(grid([4, 4, 4]), [4, 4, 4], { ...PRESENCE, activation: 'logits' });
    blend.add([0, 0, 0], Float32Array.of(-2));
    for (const value of blend.finish().values) assert.ok(Math.abs(value - 1 / (1 + Math.E ** 2)) < 1e-6);
  });

  it('takes between two windows of the same weight their mean, and outside all windows zero', () => {
    // Windows of one patch each, so their weights are equal; the second begins two voxels further to the Left.
    const blend = new PresenceBlend(grid([12, 4, 4]), [4, 4, 4], PRESENCE);
    blend.add([0, 0, 0], Float32Array.of(0.2));
    blend.add([2, 0, 0], Float32Array.of(0.6));
    const expected = [0.2, 0.4, 0.6, 0, 0, 0];
    for (const [cell, value] of blend.finish().values.entries())
      assert.ok(Math.abs(value - expected[cell % 6]!) < 1e-6);
  });

  it('shares a patch out among the cells by how much of each it covers', () => {
    // Begins one voxel inside a cell of two: one voxel there, two in the next cell, one in the last.
    const blend = new PresenceBlend(grid([8, 4, 4]), [4, 4, 4], PRESENCE);
    blend.add([0, 0, 0], Float32Array.of(1));
    blend.add([3, 0, 0], Float32Array.of(0));
    const expected = [1, 2 / 3, 0, 0];
    for (const [cell, value] of blend.finish().values.entries())
      assert.ok(Math.abs(value - expected[cell % 4]!) < 1e-6);
  });

  it('trusts the middle of a window more than its edge', () => {
    const blend = new PresenceBlend(grid([16, 4, 4]), [12, 4, 4], PRESENCE);
    blend.add([0, 0, 0], Float32Array.of(0, 1, 0));
    blend.add([4, 0, 0], Float32Array.of(0, 0, 0));
    const row = blend.finish().values.slice(0, 8);
    assert.ok(row[2]! > 0.5 && row[2]! < 1, `${row}`);
    assert.equal(row[4], 0);
  });

  it('covers a grid that is no whole number of patches', () => {
    const blend = new PresenceBlend(grid([7, 5, 4]), [4, 4, 4], PRESENCE);
    for (const x of [0, 3]) for (const y of [0, 1]) blend.add([x, y, 0], Float32Array.of(0.5));
    const field = blend.finish();
    assert.ok(field.values.every((value) => Math.abs(value - 0.5) < 1e-6));
    const whole = { start: [0, 0, 0] as Vec3, size: [7, 5, 4] as Vec3 };
    for (const { values } of sampleField(field, grid([7, 5, 4]), whole)) {
      assert.ok(values.every((value) => Math.abs(value - 0.5) < 1e-6));
    }
    assert.deepEqual(toPatient(field.grid, [-0.25, -0.25, -0.25]), [10, 20, 30]);
  });
});
