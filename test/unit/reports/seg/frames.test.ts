import assert from 'node:assert/strict';
import fc from 'fast-check';
import { packFrames } from '../../../../server/src/reports/seg/frames.ts';
import { InvalidSegmentation } from '../../../../server/src/reports/seg/invalid.ts';
import type { Grid } from '../../../../server/src/volume/volume.ts';
import { AXIAL } from '../../../support/axial.ts';

const gridOf = (i: number, j: number, k: number): Grid => ({
  shape: [i, j, k],
  spacingMm: [1, 1, 1],
  originMm: [0, 0, 0],
  axes: AXIAL,
});

describe('SEG frames', () => {
  it('packs every voxel of every segment so that reading bit by bit gives the label map back, at any size', () => {
    const maps = fc
      .tuple(fc.integer({ min: 1, max: 13 }), fc.integer({ min: 1, max: 11 }), fc.integer({ min: 1, max: 6 }))
      .chain(([i, j, k]) =>
        fc.record({
          shape: fc.constant([i, j, k] as const),
          labels: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: i * j * k, maxLength: i * j * k }),
        }),
      );
    fc.assert(
      fc.property(maps, ({ shape: [i, j, k], labels }) => {
        const map = { grid: gridOf(i, j, k), labels: Uint16Array.from(labels) };
        const { frames, pixelData } = packFrames(map, 4);
        const read = new Uint16Array(labels.length);
        let bit = 0;
        for (const { segment, slice } of frames) {
          let voxels = 0;
          for (let pixel = 0; pixel < i * j; pixel++, bit++) {
            if (((pixelData[bit >> 3]! >> (bit & 7)) & 1) === 0) continue;
            assert.equal(read[slice * i * j + pixel], 0, 'segments overlap');
            read[slice * i * j + pixel] = segment;
            voxels++;
          }
          assert.ok(voxels > 0, 'an empty frame was written');
        }
        assert.deepEqual(read, map.labels);
        assert.equal(pixelData.length % 2, 0);
        assert.ok(pixelData.length * 8 - bit < 16);
        const order = frames.map(({ segment, slice }) => segment * 1000 + slice);
        assert.deepEqual(
          order,
          [...order].sort((a, b) => a - b),
        );
      }),
      { seed: 7, numRuns: 150 },
    );
  });

  it('refuses a label that no segment describes, which readers would drop without a word', () => {
    const map = { grid: gridOf(2, 2, 1), labels: Uint16Array.of(0, 1, 3, 0) };
    assert.throws(() => packFrames(map, 2), new InvalidSegmentation('label 3 in slice 1, and only 2 segments'));
  });

  it('refuses a map that is smaller than its grid', () => {
    assert.throws(() => packFrames({ grid: gridOf(2, 2, 2), labels: new Uint16Array(7) }, 1), InvalidSegmentation);
  });
});
