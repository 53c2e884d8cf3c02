import assert from 'node:assert/strict';
import { NetworkError } from '../../../server/src/inference/errors.ts';
import { withstanding } from '../../../server/src/inference/resilient.ts';
import type { NetworkSession } from '../../../server/src/inference/session.ts';

const OUT_OF_MEMORY = 'CUDA failure 2: out of memory ; GPU=0';
const LOST = 'device lost';

/** A session whose network doubles its input, one value a window; it fails where `fault` gives an error's text. */
function session(
  provider: 'cuda' | 'cpu',
  batch: number,
  fault: (windows: number, run: number) => string | null = () => null,
) {
  const released = { count: 0 };
  const sizes: number[] = [];
  const doubled = (input: Float32Array, windows: number) => {
    sizes.push(windows);
    const error = fault(windows, sizes.length);
    if (error !== null) throw new Error(error);
    return input.map((value) => 2 * value);
  };
  const made: NetworkSession = {
    engine: { provider, device: provider === 'cpu' ? 'CPU, 2 threads' : 'GPU' },
    batch,
    run: async (input, windows = 1) => ({ classes: doubled(input, windows), presence: null }),
    probabilities: async (input, windows = 1) => {
      const liver = doubled(input, windows);
      return { liver, lesion: liver.map((value) => -value), presence: null };
    },
    release: async () => {
      released.count++;
    },
  };
  return { made, released, sizes };
}

const INPUT = Float32Array.of(1, 2, 3, 4);
const noOther = { reopen: () => Promise.reject(new Error('there is no other')) };

describe('a GPU that fails in the middle of a run', () => {
  it('is asked for fewer windows at once when it runs out of memory, and the result is the same', async () => {
    const gpu = session('cuda', 4, (windows) => (windows > 1 ? OUT_OF_MEMORY : null));
    const withstood = withstanding(gpu.made, noOther);
    assert.deepEqual((await withstood.run(INPUT, 4)).classes, Float32Array.of(2, 4, 6, 8));
    assert.deepEqual(gpu.sizes, [4, 2, 1, 1, 1, 1]);
    assert.equal(withstood.batch, 1);
    assert.deepEqual(withstood.faults, [
      'cuda ran out of memory with 4 windows at once; went on with 2',
      'cuda ran out of memory with 2 windows at once; went on with 1',
    ]);
    assert.deepEqual(withstood.engine, { provider: 'cuda', device: 'GPU' });
  });

  it('gives the probabilities of all windows, each in its place, when they are asked for in parts', async () => {
    const gpu = session('cuda', 4, (windows) => (windows > 1 ? OUT_OF_MEMORY : null));
    const { liver, lesion, presence } = await withstanding(gpu.made, noOther).probabilities(INPUT, 4);
    assert.deepEqual(liver, Float32Array.of(2, 4, 6, 8));
    assert.deepEqual(lesion, Float32Array.of(-2, -4, -6, -8));
    assert.equal(presence, null);
  });

  it('is opened anew once, and keeps what it has computed', async () => {
    const first = session('cuda', 1, (_, run) => (run === 2 ? LOST : null));
    const second = session('cuda', 1);
    const withstood = withstanding(first.made, { reopen: async () => second.made });
    for (const value of [1, 2, 3]) {
      assert.deepEqual((await withstood.run(Float32Array.of(value))).classes, Float32Array.of(2 * value));
    }
    assert.deepEqual([first.sizes.length, second.sizes.length], [2, 2]);
    assert.equal(first.released.count, 1);
    assert.deepEqual(withstood.faults, [`cuda failed in the middle of the run and was opened anew: ${LOST}`]);
  });

  it('ends the attempt where the CPU is not allowed, with a fault that may pass', async () => {
    const gpu = session('cuda', 1, () => LOST);
    const withstood = withstanding(gpu.made, { reopen: async () => gpu.made });
    await assert.rejects(withstood.run(Float32Array.of(1)), {
      name: 'ProviderError',
      provider: 'cuda',
      message: 'provider cuda cannot run this model here: device lost',
      mayPass: true,
    });
    assert.equal(gpu.sizes.length, 2);
  });

  it('is replaced by the CPU where that is allowed, and the engine says so', async () => {
    const gpu = session('cuda', 2, () => OUT_OF_MEMORY);
    const cpu = session('cpu', 1);
    const withstood = withstanding(gpu.made, { reopen: async () => gpu.made, onCpu: async () => cpu.made });
    assert.deepEqual((await withstood.run(INPUT, 4)).classes, Float32Array.of(2, 4, 6, 8));
    assert.deepEqual(cpu.sizes, [1, 1, 1, 1]);
    assert.deepEqual(withstood.engine, { provider: 'cpu', device: 'CPU, 2 threads (after cuda had failed)' });
    assert.match(
      withstood.faults!.at(-1)!,
      /cuda failed in the middle of the run, which went on on the CPU: CUDA fail/,
    );
  });

  it('does not take a fault of the network for the GPU’s', async () => {
    const { made } = session('cuda', 1);
    const broken = { ...made, run: () => Promise.reject(new NetworkError('x.onnx', 'output is too small')) };
    const withstood = withstanding(broken, { reopen: async () => assert.fail('was opened anew') });
    await assert.rejects(withstood.run(INPUT, 1), { name: 'NetworkError' });
  });
});
