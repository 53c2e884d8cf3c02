import assert from 'node:assert/strict';
import fc from 'fast-check';
import { bundledModelDir } from '../../../server/src/cli/bundled-model.ts';
import { WindowBlend } from '../../../server/src/inference/blend.ts';
import { type Stage, stagesOf } from '../../../server/src/inference/manifest.ts';
import { networkFor, readModel, readNetwork } from '../../../server/src/inference/model.ts';
import { probabilitiesOf, useAgain } from '../../../server/src/inference/probabilities.ts';
import { probabilityNodes } from '../../../server/src/inference/probability-nodes.ts';
import { openSession, type WindowOutput } from '../../../server/src/inference/provider.ts';
import { probeWindow } from '../../../server/src/inference/reference.ts';
import type { WindowProbabilities } from '../../../server/src/inference/session.ts';
import { tinyStage } from './tiny-model.ts';
import { type TinyNetwork, tinyOnnx } from './tiny-onnx.ts';

const WINDOW = [4, 6, 2] as const;
const VOXELS = WINDOW[0] * WINDOW[1] * WINDOW[2];
/** Of single precision, in sums of up to 20 shares. */
const ROUNDING = 2e-6;
const CHANNELS = ['background', 'liver', 'lesion', 'other'] as const;

/** What each channel of a network adds to a voxel's value times its weight: logits of any size. */
const channel = fc.record({
  name: fc.constantFrom(...CHANNELS),
  weight: fc.float({ min: -2, max: 2, noNaN: true }),
  bias: fc.oneof(fc.float({ min: -12, max: 12, noNaN: true }), fc.float({ min: -1000, max: 1000, noNaN: true })),
});
const networks = fc
  .oneof(
    fc.constantFrom(2, 3, 4, 20).chain((count) => fc.array(channel, { minLength: count, maxLength: count })),
    // What most networks have, in any order.
    fc
      .shuffledSubarray(CHANNELS.slice(0, 3), { minLength: 3 })
      .map((names) => names.map((name, n) => ({ name, weight: n - 1, bias: 0.5 * n }))),
  )
  .filter((channels) => channels.some(({ name }) => name === 'liver'));

/** By the definition, in double precision. */
function softmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  const shares = logits.map((logit) => Math.exp(logit - largest));
  const all = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / all);
}

function assertSoftmax(found: WindowProbabilities, { classes }: WindowOutput, channels: Stage['channels'], step = 1) {
  const voxels = classes.length / channels.length;
  assert.equal(found.liver.length, voxels);
  for (let voxel = 0; voxel < voxels; voxel += step) {
    const expected = softmax(channels.map((_, c) => classes[c * voxels + voxel]!));
    for (const name of ['liver', 'lesion'] as const) {
      const sum = expected.reduce((all, share, c) => all + (channels[c] === name ? share : 0), 0);
      const value = found[name]?.[voxel] ?? 0;
      assert.ok(Math.abs(value - sum) < ROUNDING, `${name}, voxel ${voxel}: ${value}, not ${sum} (${channels})`);
    }
  }
}

/** Opens a network of 1 x 1 x 1 convolutions, and says whether the runtime makes the probabilities. */
async function open(network: Partial<TinyNetwork>, channels: Stage['channels'], changes: Partial<Stage> = {}) {
  const onnx = tinyOnnx({ kernelZyx: [1, 1, 1], weights: new Float32Array(channels.length), bias: [], ...network });
  const stage = tinyStage('x.onnx', onnx, { windowVoxels: [...WINDOW], channels, ...changes });
  const inTheGraph = probabilityNodes(onnx, stage) !== null;
  return { session: await openSession(async () => onnx, stage, 'cpu', 1), inTheGraph };
}

describe('probabilities of a window', () => {
  it('are the softmax of the logits, whatever the channels and their order, however old or new the graph', async () => {
    const made: boolean[] = [];
    await fc.assert(
      fc.asyncProperty(networks, fc.integer({ min: 9, max: 21 }), fc.gen(), async (channels, opset, gen) => {
        const names = channels.map(({ name }) => name);
        const weights = Float32Array.from(channels, ({ weight }) => weight);
        const { session, inTheGraph } = await open({ weights, bias: channels.map(({ bias }) => bias), opset }, names);
        made.push(inTheGraph);
        assert.equal(inTheGraph, opset >= 10, `operator set ${opset}`);
        const input = Float32Array.from({ length: VOXELS }, () => gen(fc.float, { min: -8, max: 8, noNaN: true }));
        try {
          assertSoftmax(await session.probabilities(input), await session.run(input), names);
        } finally {
          await session.release();
        }
      }),
      { numRuns: 60 },
    );
    assert.ok(made.includes(true));
  });

  it('are those of the released networks, which take the slices for a batch', async () => {
    const model = await readModel(bundledModelDir());
    for (const { stage } of stagesOf(model.manifest)) {
      const session = await openSession((network) => readNetwork(model.dir, network), stage, 'cpu', 1);
      assert.ok(probabilityNodes(await readNetwork(model.dir, networkFor(stage, 'cpu')), stage));
      const window = probeWindow(stage);
      assertSoftmax(await session.probabilities(window), await session.run(window), stage.channels, 101);
      await session.release();
    }
  });

  it('are no numbers where a logit of any channel is none, and the blend knows it', async () => {
    for (const opset of [9, 16]) {
      for (const channels of [
        ['background', 'liver', 'lesion'],
        ['background', 'liver', 'other', 'other'],
      ] as Stage['channels'][]) {
        for (const bad of [0, Number.NaN, Number.POSITIVE_INFINITY]) {
          for (let c = 0; c < channels.length; c++) {
            const { session } = await open({ bias: channels.map((_, n) => (n === c ? bad : 1)), opset }, channels);
            const blend = new WindowBlend(WINDOW, WINDOW);
            blend.add([0, 0, 0], await session.probabilities(new Float32Array(VOXELS)));
            blend.finish();
            assert.equal(blend.areNumbers, bad === 0, `${bad} for ${channels[c]} of ${channels}`);
            await session.release();
          }
        }
      }
    }
  });

  it('are taken as they are from a network that gives them, and add up', async () => {
    const channels: Stage['channels'] = ['lesion', 'liver', 'background', 'liver'];
    const bias = [0.25, 0.5, 0.05, 0.2];
    const { session, inTheGraph } = await open({ bias }, channels, { activation: 'probabilities' });
    const { liver, lesion } = await session.probabilities(new Float32Array(VOXELS));
    assert.ok(!inTheGraph);
    assert.ok(liver.every((value) => Math.abs(value - 0.7) < 1e-6) && lesion!.every((value) => value === 0.25));
    await session.release();
  });

  it('come from the output where the graph cannot be added to: a name in it is taken', async () => {
    const channels: Stage['channels'] = ['background', 'liver'];
    const name = 'hepar.probabilities/liver';
    const { session } = await open({ bias: [0, 1], outputName: name }, channels, { output: name });
    const { liver, lesion } = await session.probabilities(new Float32Array(VOXELS));
    assert.ok(liver.every((value) => Math.abs(value - 1 / (1 + Math.exp(-1))) < 1e-6));
    assert.ok(lesion === null || lesion.every((value) => value === 0));
    await session.release();
  });

  it('are made in the memory of others that are used up, all zero again, and in no one else’s', () => {
    const first = probabilitiesOf(1000);
    first.both.fill(0.5);
    assert.notEqual(probabilitiesOf(10).both.buffer, first.both.buffer);
    useAgain(first);
    const [second, third] = [probabilitiesOf(300), probabilitiesOf(300)];
    assert.equal(second.both.buffer, first.both.buffer);
    assert.notEqual(third.both.buffer, first.both.buffer);
    assert.deepEqual([second.liver.length, second.lesion.length, second.both.length], [300, 300, 600]);
    assert.ok(second.both.every((value) => value === 0));
    useAgain(second);
    useAgain(third);
    // All of the memory, and not the part that was in use.
    assert.equal(probabilitiesOf(1000).both.buffer, first.both.buffer);
  });
});
