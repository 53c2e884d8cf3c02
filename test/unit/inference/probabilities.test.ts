import assert from 'node:assert/strict';
import fc from 'fast-check';
import { WindowBlend } from '../../../server/src/inference/blend.ts';
import type { Stage } from '../../../server/src/inference/manifest.ts';
import { exponential } from '../../../server/src/inference/probabilities.ts';
import { tinyStage } from './tiny-model.ts';

const WINDOW = [4, 2, 2] as const;
const VOXELS = WINDOW[0] * WINDOW[1] * WINDOW[2];
/** Of single precision: a probability times a weight, divided by the weight. */
const ROUNDING = 2e-7;

/** What becomes of the output of a single window. */
function blended(channels: Stage['channels'], output: Float32Array) {
  const stage = tinyStage('x.onnx', new Uint8Array(), { windowVoxels: [...WINDOW], channels });
  const blend = new WindowBlend(WINDOW, stage);
  blend.add([0, 0, 0], output);
  return { ...blend.finish(), areNumbers: blend.areNumbers };
}

/** By the definition, in double precision. */
function softmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  const shares = logits.map((logit) => Math.exp(logit - largest));
  const all = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / all);
}

const lists = fc.oneof(
  fc.shuffledSubarray(['background', 'liver', 'lesion'] as const, { minLength: 3 }),
  fc.array(fc.constantFrom('background', 'liver', 'lesion', 'other'), { minLength: 2, maxLength: 6 }),
) as fc.Arbitrary<Stage['channels']>;
const logit = fc.oneof(fc.float({ min: -12, max: 12, noNaN: true }), fc.float({ min: -1000, max: 1000, noNaN: true }));

describe('probabilities of a window', () => {
  it('are the softmax of the logits, whatever the channels and their order', () => {
    fc.assert(
      fc.property(lists, fc.gen(), (channels, gen) => {
        const output = Float32Array.from({ length: channels.length * VOXELS }, () => gen(() => logit));
        const probabilities = blended(channels, output);
        for (let voxel = 0; voxel < VOXELS; voxel++) {
          const expected = softmax(channels.map((_, c) => output[c * VOXELS + voxel]!));
          for (const name of ['liver', 'lesion'] as const) {
            const sum = expected.reduce((all, share, c) => all + (channels[c] === name ? share : 0), 0);
            assert.ok(Math.abs(probabilities[name][voxel]! - sum) < ROUNDING, `${channels}: ${name}`);
          }
        }
      }),
    );
  });

  it('are known to be no numbers where a logit of any channel is none', () => {
    for (const channels of [
      ['background', 'liver', 'lesion'],
      ['background', 'liver', 'other', 'other'],
      ['lesion', 'liver', 'lesion', 'other'],
    ] as Stage['channels'][]) {
      assert.ok(blended(channels, new Float32Array(channels.length * VOXELS).fill(1)).areNumbers);
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        for (let c = 0; c < channels.length; c++) {
          const output = new Float32Array(channels.length * VOXELS).fill(1);
          output[c * VOXELS + 2] = bad;
          assert.ok(!blended(channels, output).areNumbers, `${bad} for ${channels[c]} of ${channels}`);
        }
      }
    }
  });

  it('come from an exponential that is exact to the last digit of single precision', () => {
    for (let value = 0; value > -24; value -= 0.000_977) {
      assert.ok(Math.abs(exponential(value) / Math.exp(value) - 1) < 3e-10, `${value}`);
    }
    assert.equal(exponential(0), 1);
    assert.equal(exponential(-25), 0);
  });
});
