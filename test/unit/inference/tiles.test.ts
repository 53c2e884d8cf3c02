import assert from 'node:assert/strict';
import fc from 'fast-check';
import { WindowBlend } from '../../../server/src/inference/blend.ts';
import type { Stage } from '../../../server/src/inference/manifest.ts';
import { gaussianWeights, windowStarts, windowsOver } from '../../../server/src/inference/tiles.ts';
import type { Vec3 } from '../../../server/src/volume/volume.ts';
import { tinyStage } from './tiny-model.ts';

const axis = fc.record({
  extent: fc.integer({ min: 1, max: 400 }),
  window: fc.integer({ min: 1, max: 64 }).map((half) => 2 * half),
  overlap: fc.double({ min: 0, max: 0.75, noNaN: true }),
});

describe('windows over a grid', () => {
  it('cover every voxel, stay inside, and overlap at least as much as asked', () => {
    fc.assert(
      fc.property(axis, ({ extent, window, overlap }) => {
        const starts = windowStarts(extent, window, overlap);
        assert.equal(starts[0], 0);
        if (extent <= window) return starts.length === 1;
        assert.equal(starts.at(-1)! + window, extent);
        const longest = Math.max(1, Math.floor(window * (1 - overlap)));
        return starts.every((start, n) => n === 0 || (start > starts[n - 1]! && start - starts[n - 1]! <= longest));
      }),
    );
  });

  it('are no more than needed', () => {
    assert.deepEqual(windowStarts(96, 96, 0.5), [0]);
    assert.deepEqual(windowStarts(97, 96, 0.5), [0, 1]);
    assert.deepEqual(windowStarts(192, 96, 0.5), [0, 48, 96]);
    assert.deepEqual(windowStarts(200, 96, 0), [0, 52, 104]);
  });

  it('weigh their centre most and no voxel nothing', () => {
    for (const window of [2, 32, 96, 256]) {
      const weights = gaussianWeights(window);
      assert.ok(weights.every((weight) => weight > 0 && weight <= 1));
      assert.deepEqual(weights, weights.toReversed());
      assert.ok(weights[window / 2]! >= weights[0]!);
      // One standard deviation, an eighth of a window, from the centre.
      const at = (window - 1) / 2 + window / 8;
      if (Number.isInteger(at)) assert.ok(Math.abs(weights[at]! - Math.exp(-0.5)) < 1e-6);
    }
  });
});

const LOGITS: Partial<Stage> = { windowVoxels: [8, 6, 4], channels: ['background', 'liver', 'lesion', 'liver'] };
const stage = tinyStage('x.onnx', new Uint8Array(), LOGITS);
const windowVoxels = 8 * 6 * 4;

describe('blending windows', () => {
  const shape = fc.tuple(
    fc.integer({ min: 8, max: 21 }),
    fc.integer({ min: 6, max: 15 }),
    fc.integer({ min: 4, max: 9 }),
  );

  it('of a constant gives that constant, softmax and sum of channels included', () => {
    fc.assert(
      fc.property(
        shape,
        fc.array(fc.integer({ min: -30, max: 30 }), { minLength: 4, maxLength: 4 }),
        (grid, logits) => {
          const blend = new WindowBlend(grid as Vec3, stage);
          const output = Float32Array.from(
            { length: 4 * windowVoxels },
            (_, at) => logits[Math.floor(at / windowVoxels)]!,
          );
          for (const start of windowsOver(grid as Vec3, stage.windowVoxels, 0.5)) blend.add(start, output);
          const { liver, lesion } = blend.finish();
          const all = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
          const expectedLiver = (Math.exp(logits[1]!) + Math.exp(logits[3]!)) / all;
          const expectedLesion = Math.exp(logits[2]!) / all;
          assert.ok(liver.every((value) => Math.abs(value - expectedLiver) < 1e-5));
          assert.ok(lesion.every((value) => Math.abs(value - expectedLesion) < 1e-5));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('does not depend on the order of the windows, and is the weighted mean of what they say', () => {
    fc.assert(
      fc.property(shape, fc.integer(), (grid, seed) => {
        const starts = windowsOver(grid as Vec3, stage.windowVoxels, 0.5);
        const outputs = starts.map((_, n) => noise(4 * windowVoxels, seed + n));
        const blended = (order: readonly number[]) => {
          const blend = new WindowBlend(grid as Vec3, stage);
          for (const n of order) blend.add(starts[n]!, outputs[n]!);
          return blend.finish();
        };
        const order = starts.map((_, n) => n);
        const [one, other] = [blended(order), blended(order.toReversed())];
        assert.ok(one.both.every((value, at) => Math.abs(value - other.both[at]!) < 1e-5));

        const voxel: Vec3 = [grid[0] >> 1, grid[1] >> 1, grid[2] >> 1];
        let [sum, weights] = [0, 0];
        for (const n of order) {
          const inWindow = voxel.map((at, i) => at - starts[n]![i]!) as unknown as Vec3;
          if (inWindow.some((at, i) => at < 0 || at >= stage.windowVoxels[i]!)) continue;
          const at = inWindow[0] + 8 * (inWindow[1] + 6 * inWindow[2]);
          const exps = [0, 1, 2, 3].map((c) => Math.exp(outputs[n]![at + c * windowVoxels]!));
          const weight = inWindow.reduce((all, place, i) => all * gaussianWeights(stage.windowVoxels[i]!)[place]!, 1);
          sum += (weight * exps[2]!) / (exps[0]! + exps[1]! + exps[2]! + exps[3]!);
          weights += weight;
        }
        const at = voxel[0] + grid[0] * (voxel[1] + grid[1] * voxel[2]);
        assert.ok(Math.abs(one.lesion[at]! - sum / weights) < 1e-5);
      }),
      { numRuns: 30 },
    );
  });

  it('takes probabilities as they are', () => {
    const blend = new WindowBlend([8, 6, 4], { ...stage, activation: 'probabilities', channels: ['lesion', 'liver'] });
    const output = new Float32Array(2 * windowVoxels).fill(0.25, 0, windowVoxels).fill(0.7, windowVoxels);
    blend.add([0, 0, 0], output);
    const { liver, lesion } = blend.finish();
    assert.ok(Math.abs(liver[100]! - 0.7) < 1e-6 && Math.abs(lesion[100]! - 0.25) < 1e-6);
  });

  it('refuses a grid that a window does not fit in', () => {
    assert.throws(() => new WindowBlend([7, 6, 4], stage), /7 x 6 x 4 voxels is smaller than a window of 8 x 6 x 4/);
  });
});

function noise(length: number, seed: number): Float32Array {
  let state = (seed >>> 0) + 1;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) * 8;
  });
}
