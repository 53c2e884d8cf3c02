import assert from 'node:assert/strict';
import type { Stage } from '../../../server/src/inference/manifest.ts';
import { probe } from '../../../server/src/inference/provider.ts';
import { probeWindow, requireRight, sampled } from '../../../server/src/inference/reference.ts';
import { causeOf, remedyFor } from '../../../server/src/inference/remedy.ts';
import { tinyStage } from './tiny-model.ts';
import { thresholdNetwork, tinyOnnx } from './tiny-onnx.ts';

const NETWORK = thresholdNetwork([-10, 130, 400]);
const onnx = tinyOnnx(NETWORK);
const WINDOW: Partial<Stage> = { windowVoxels: [8, 6, 4] };

/** What the network is known to say to the made-up window: channel c of voxel n is c * value + bias. */
function answer(values: number, change: (value: number) => number = (value) => value): number[] {
  const window = probeWindow(tinyStage('x.onnx', onnx, WINDOW));
  const output = NETWORK.bias.flatMap((bias, c) => [...window].map((value) => c * value + bias));
  return [...sampled(Float32Array.from(output), values)].map(change);
}

const tried = async (reference: Stage['reference']) => {
  const stage = tinyStage('x.onnx', onnx, { ...WINDOW, ...(reference ? { reference } : {}) });
  const { session, ...measured } = await probe('cpu', async () => onnx, stage, stage, 1);
  await session.release();
  return measured;
};

describe('comparing a provider with the stored reference', () => {
  it('finds no difference where the numbers are right', async () => {
    const { difference } = await tried({ tolerance: 1e-4, values: answer(64) });
    assert.ok(difference! < 1e-6, `${difference}`);
  });

  it('refuses numbers that are further off than the manifest tolerates', async () => {
    const off = { tolerance: 0.01, values: answer(64, (value) => value * 1.1) };
    await assert.rejects(tried(off), { name: 'ProviderError', reason: 'wrong numbers' });
    const { difference } = await tried({ ...off, tolerance: 0.5 });
    assert.ok(difference! > 0.01 && difference! < 0.5, `${difference}`);
  });

  it('takes what is no number for wrong', () => {
    const stage = tinyStage('x.onnx', onnx, WINDOW);
    assert.throws(() => requireRight('webgpu', stage, Number.NaN), { name: 'ProviderError', reason: 'wrong numbers' });
    requireRight('webgpu', stage, 0);
  });

  it('has the CPU stand for itself where nothing is stored', async () => {
    assert.equal((await tried(undefined)).difference, null);
  });
});

describe('why a provider does not run', () => {
  const WORDS: readonly (readonly [string, string])[] = [
    ['libcudnn.so.9: cannot open shared object file: No such file or directory', 'library missing'],
    ['its libraries are not installed with onnxruntime-node', 'library missing'],
    ['CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=-1', 'driver too old'],
    ['CUDA failure 100: no CUDA-capable device is detected', 'no device'],
    ['CUDA failure 101: invalid device ordinal ; GPU=3', 'no device'],
    ['Failed to get a WebGPU adapter: No supported adapters', 'no device'],
    ['CUDA failure 2: out of memory ; GPU=0', 'out of memory'],
    ['BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 4096', 'out of memory'],
    ['wrong numbers: its output differs', 'wrong numbers'],
    ['something that nobody has seen before', 'other'],
  ];
  for (const [words, cause] of WORDS) it(`${cause}: ${words}`, () => assert.equal(causeOf(words), cause));

  it('has a remedy for every cause that a person can do something about', () => {
    for (const cause of ['library missing', 'driver too old', 'no device', 'out of memory', 'wrong numbers'] as const) {
      assert.ok(remedyFor('cuda', cause), cause);
    }
    assert.equal(remedyFor('cuda', 'other'), null);
  });
});
