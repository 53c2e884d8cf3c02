import assert from 'node:assert/strict';
import { decideOnScannerGrid } from '../../../server/src/inference/scanner-grid.ts';
import type { Grid } from '../../../server/src/volume/volume.ts';
import { AXIAL } from '../../support/axial.ts';

describe('deciding on the scanner grid', () => {
  const grid: Grid = {
    shape: [5, 1, 1],
    spacingMm: [1, 1, 1],
    originMm: [0, 0, 0],
    axes: AXIAL,
  };

  it('asks first whether a voxel is liver, diseased or not, then whether that is lesion', async () => {
    // Of the third and fourth neither is the most probable class, but background is the less probable of two.
    const liver = [0.9, 0.3, 0.35, 0.25, 0.3];
    const lesion = [0.1, 0.6, 0.25, 0.35, 0.1];
    const field = { grid, channels: 2, values: Float32Array.from([...liver, ...lesion]) };
    const decided = await decideOnScannerGrid(field, grid, new AbortController().signal);
    assert.deepEqual([...decided!.labelMap.labels], [1, 2, 1, 2, 0]);
    assert.deepEqual(
      [...decided!.lesionProbability.values],
      lesion.map((p) => Math.round(255 * p)),
    );
  });

  it('is null where the grids do not meet', async () => {
    const field = { grid: { ...grid, originMm: [50, 0, 0] as const }, channels: 2, values: new Float32Array(10) };
    assert.equal(await decideOnScannerGrid(field, grid, new AbortController().signal), null);
  });
});
