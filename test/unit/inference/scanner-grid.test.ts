import assert from 'node:assert/strict';
import fc from 'fast-check';
import { probabilitiesOf } from '../../../server/src/inference/probabilities.ts';
import { decideOnScannerGrid } from '../../../server/src/inference/scanner-grid.ts';
import { sampleField } from '../../../server/src/volume/field.ts';
import { toPatient, toVoxel, wholeBox } from '../../../server/src/volume/geometry.ts';
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
    const probabilities = probabilitiesOf(5);
    probabilities.both.set([...liver, ...lesion]);
    const decided = await decideOnScannerGrid(probabilities, grid, grid, new AbortController().signal);
    assert.deepEqual([...decided!.labelMap.labels], [1, 2, 1, 2, 0]);
    assert.deepEqual(
      [...decided!.lesionProbability.values],
      lesion.map((p) => Math.round(255 * p)),
    );
  });

  it('is what the rule says of each voxel, on a finer grid that reaches beyond the network’s', async () => {
    const network: Grid = { ...grid, shape: [7, 6, 5], spacingMm: [2, 2, 2.5] };
    const finer: Grid = { ...grid, shape: [19, 17, 15], spacingMm: [0.9, 0.9, 0.8], originMm: [-2, -1.3, 0.4] };
    const share = fc.oneof(fc.constant(0), fc.constant(0), fc.float({ min: 0, max: 1, noNaN: true }));
    const voxels = 7 * 6 * 5;
    const shares = fc.array(fc.tuple(share, share), { minLength: voxels, maxLength: voxels });
    await fc.assert(
      fc.asyncProperty(shares, async (given) => {
        const { liver, lesion, both } = probabilitiesOf(voxels);
        liver.set(given.map(([all, ofIt]) => all * (1 - ofIt)));
        lesion.set(given.map(([all, ofIt]) => all * ofIt));
        const exact = { grid: network, channels: 2, values: both.slice() };
        const decided = (await decideOnScannerGrid(
          { liver, lesion, both },
          network,
          finer,
          new AbortController().signal,
        ))!;
        const { box, values } = decided.lesionProbability;
        const [nx, ny] = finer.shape;
        const [width, height] = box.size;
        for (const { k, values: slice } of sampleField(exact, finer, wholeBox(finer))) {
          for (let n = 0; n < nx * ny; n++) {
            const at = toVoxel(network, toPatient(finer, [n % nx, Math.floor(n / nx), k]));
            const isInside = at.every((index, axis) => index >= -0.5 && index <= network.shape[axis]! - 0.5);
            const [ofLiver, ofLesion] = [slice[n]!, slice[n + nx * ny]!];
            const label = isInside && ofLiver + ofLesion > 0.5 ? (ofLesion > ofLiver ? 2 : 1) : 0;
            const isClose = Math.abs(ofLiver + ofLesion - 0.5) < 1e-6 || Math.abs(ofLiver - ofLesion) < 1e-6;
            if (!isClose) assert.equal(decided.labelMap.labels[n + nx * ny * k], label);
            const [i, j] = [(n % nx) - box.start[0], Math.floor(n / nx) - box.start[1]];
            const inBox =
              i >= 0 && i < width && j >= 0 && j < height && k >= box.start[2] && k < box.start[2] + box.size[2];
            assert.ok(inBox || !isInside);
            if (!inBox) continue;
            const value = values[i + width * (j + height * (k - box.start[2]))];
            assert.equal(value, isInside ? Math.round(255 * ofLesion) : 0);
          }
        }
      }),
      { numRuns: 20 },
    );
  });

  it('is null where the grids do not meet', async () => {
    const away = { ...grid, originMm: [50, 0, 0] as const };
    assert.equal(await decideOnScannerGrid(probabilitiesOf(5), away, grid, new AbortController().signal), null);
  });
});
