import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Stage } from '../../../server/src/inference/manifest.ts';
import { exponential, RowProbabilities } from '../../../server/src/inference/probabilities.ts';
import { tinyStage } from './tiny-model.ts';

const EDGE = 4;
const VOXELS = EDGE * 2 * 2;
/** What single precision can tell apart below one. */
const ROUNDING = 6e-8;

const stageOf = (channels: Stage['channels']) =>
  tinyStage('x.onnx', new Uint8Array(), { windowVoxels: [EDGE, 2, 2], channels });

/** By the definition, in double precision. */
function softmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  const shares = logits.map((logit) => Math.exp(logit - largest));
  const all = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / all);
}

const name = fc.constantFrom('background', 'liver', 'lesion', 'other');
const lists = fc.oneof(
  fc.shuffledSubarray(['background', 'liver', 'lesion'] as const, { minLength: 3 }),
  fc.array(name, { minLength: 2, maxLength: 6 }),
) as fc.Arbitrary<Stage['channels']>;
const logit = fc.oneof(fc.float({ min: -12, max: 12, noNaN: true }), fc.float({ min: -1000, max: 1000, noNaN: true }));

describe('probabilities of a row of voxels', () => {
  it('are the softmax of the logits, whatever the channels and their order', () => {
    fc.assert(
      fc.property(lists, fc.gen(), fc.integer({ min: 0, max: 3 }), (channels, gen, row) => {
        const output = Float32Array.from({ length: channels.length * VOXELS }, () => gen(() => logit));
        const probabilities = new RowProbabilities(stageOf(channels));
        probabilities.read(output, row * EDGE);
        for (let x = 0; x < EDGE; x++) {
          const expected = softmax(channels.map((_, c) => output[c * VOXELS + row * EDGE + x]!));
          for (const name of ['liver', 'lesion'] as const) {
            const sum = expected.reduce((all, share, c) => all + (channels[c] === name ? share : 0), 0);
            assert.ok(Math.abs(probabilities[name][x]! - sum) < ROUNDING, `${channels}: ${name}`);
          }
        }
      }),
    );
  });

  it('are no numbers where a logit of the voxel is none, in every channel', () => {
    for (const channels of [
      ['background', 'liver', 'lesion'],
      ['background', 'liver', 'lesion', 'other'],
    ] as Stage['channels'][]) {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        for (let c = 0; c < channels.length; c++) {
          const output = new Float32Array(channels.length * VOXELS).fill(1);
          output[c * VOXELS + 2] = bad;
          const probabilities = new RowProbabilities(stageOf(channels));
          probabilities.read(output, 0);
          const finite = [...probabilities.liver.map(Number), ...probabilities.lesion].map(Number.isFinite);
          assert.deepEqual(finite, [true, true, false, true, true, true, false, true], `${channels[c]} ${bad}`);
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
