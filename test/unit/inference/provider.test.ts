import assert from 'node:assert/strict';
import type { NetworkFile, Presence, Stage } from '../../../server/src/inference/manifest.ts';
import { installedProviders, openSession } from '../../../server/src/inference/provider.ts';
import { tinyStage } from './tiny-model.ts';
import { type TinyNetwork, thresholdNetwork, tinyOnnx } from './tiny-onnx.ts';

const NETWORK = thresholdNetwork([-10, 130, 400]);
/** The same with a kernel of three voxels along x. */
const BLUR: Partial<TinyNetwork> = { kernelZyx: [1, 1, 3], weights: new Float32Array(12) };
const WINDOW: Partial<Stage> = { windowVoxels: [6, 4, 2] };
const SEVERAL: Partial<Stage> = { largerWindows: { stepVoxels: 2, mostVoxels: 1000 } };

describe('opening a network', () => {
  const open = (network: Partial<TinyNetwork>, changes: Partial<Stage> = {}) => {
    const onnx = tinyOnnx({ ...NETWORK, ...network });
    return openSession(async () => onnx, tinyStage('segment.onnx', onnx, { ...WINDOW, ...changes }), 'cpu', 1);
  };

  it('computes what the network says, in the order of its axes', async () => {
    const session = await open({});
    const input = Float32Array.from({ length: 48 }, (_, n) => n);
    const { classes: output } = await session.run(input);
    for (let c = 0; c < 4; c++) {
      for (let n = 0; n < 48; n++) assert.equal(output[48 * c + n], c * n + NETWORK.bias[c]!);
    }
    assert.deepEqual(session.engine, { provider: 'cpu', device: 'CPU, 1 thread' });
    await session.release();
  });

  it('takes the CPU by itself where there is no CUDA', async function () {
    if (installedProviders().includes('cuda')) this.skip();
    const onnx = tinyOnnx(NETWORK);
    const session = await openSession(async () => onnx, tinyStage('x.onnx', onnx, WINDOW), 'auto', 2);
    assert.deepEqual(session.engine, { provider: 'cpu', device: 'CPU, 2 threads' });
    await session.release();
  });

  it('refuses a provider that was named and is not there, and does not fall back', async function () {
    if (installedProviders().includes('cuda')) this.skip();
    const onnx = tinyOnnx(NETWORK);
    await assert.rejects(
      openSession(async () => onnx, tinyStage('x.onnx', onnx, WINDOW), 'cuda', 1),
      {
        name: 'ProviderError',
        provider: 'cuda',
        reason: 'library missing',
        message:
          'provider cuda cannot run this model here: its libraries are not installed with onnxruntime-node. To do: run ' +
          'ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js, and install CUDA 12 and cuDNN 9',
      },
    );
  });

  const PATCHES = { outputName: 'presence', patchZyx: [1, 2, 3], threshold: 5, steepness: 2 } as const;
  const presence = (...patchVoxels: Presence['patchVoxels']): Presence => ({
    output: 'presence',
    activation: 'logits',
    patchVoxels,
  });

  it('gives what the network says of patches, in the order of its axes', async () => {
    const session = await open({ presence: PATCHES }, { presence: presence(3, 2, 1) });
    const { classes, presence: patches } = await session.run(Float32Array.from({ length: 48 }, (_, n) => n));
    assert.equal(classes.length, 4 * 48);
    // Mean of columns 0 to 2 of rows 0 and 1 is 4; three columns on it is 3 more, two rows on 12, a slice on 24.
    const expected = [4, 7, 16, 19, 28, 31, 40, 43].map((mean) => 2 * (mean - 5));
    for (const [n, value] of patches!.entries()) assert.ok(Math.abs(value - expected[n]!) < 1e-4, `${patches}`);
    assert.equal(patches!.length, expected.length);
    await session.release();
  });

  it('runs the form of the network that is named for the provider', async () => {
    const [cpu, gpu] = [tinyOnnx(NETWORK), tinyOnnx(thresholdNetwork([1, 2, 3]))];
    const { file, sha256 } = tinyStage('gpu.onnx', gpu);
    const stage = tinyStage('cpu.onnx', cpu, {
      ...WINDOW,
      variants: [{ providers: ['cuda', 'webgpu'], file, sha256 }],
    });
    const read: string[] = [];
    const give = async (network: NetworkFile) => {
      read.push(network.file);
      return network.file === 'cpu.onnx' ? cpu : gpu;
    };
    const session = await openSession(give, stage, 'cpu', 1);
    await session.release();
    assert.deepEqual(read, ['cpu.onnx']);
    const forCpu = { ...stage, variants: [{ providers: ['cpu' as const], file, sha256 }] };
    await (await openSession(give, forCpu, 'cpu', 1)).release();
    assert.deepEqual(read, ['cpu.onnx', 'gpu.onnx']);
  });

  it('refuses a presence output that is not there, and one of other patches', async () => {
    await assert.rejects(open({}, { presence: presence(3, 2, 1) }), {
      name: 'NetworkError',
      message: "network segment.onnx: has no output 'presence', which the manifest names; it has: y",
    });
    await assert.rejects(open({ presence: PATCHES }, { presence: presence(3, 4, 1) }), {
      name: 'NetworkError',
      message: "network segment.onnx: output 'presence' is [1, 1, 2, 2, 2], but the manifest makes it [1, 1, 2, 1, 2]",
    });
  });

  const mistakes: readonly [string, Partial<TinyNetwork>, Partial<Stage>, RegExp][] = [
    ['another input name', { inputName: 'image' }, {}, /has no input 'x', which the manifest names; it has: image/],
    ['another output name', { outputName: 'seg' }, {}, /has no output 'y', which the manifest names; it has: seg/],
    [
      'another window',
      { inputShape: [1, 1, 2, 4, 8] },
      {},
      /input 'x' is \[1, 1, 2, 4, 8\], but the manifest makes it \[1, 1, 2, 4, 6\]/,
    ],
    ['axes in another order', { inputShape: [1, 1, 6, 4, 2] }, {}, /input 'x' is \[1, 1, 6, 4, 2\]/],
    ['another rank', { inputShape: [1, 'z', 'y', 'x'], outputShape: [] }, {}, /network segment\.onnx/],
    ['another number of channels', {}, { channels: ['background', 'liver', 'lesion'] }, /output 'y' is \[1, 4, /],
    ['an operator that is not known', { operator: 'Convolve' }, {}, /network segment\.onnx: .*Convolve/],
  ];
  for (const [name, network, stage, message] of mistakes) {
    it(`refuses ${name}, and says which`, async () => {
      await assert.rejects(open(network, stage), (error: Error) => {
        assert.equal(error.name, 'NetworkError');
        assert.match(error.message, message);
        assert.ok(!error.message.includes('\n'));
        return true;
      });
    });
  }

  it('refuses an output that is smaller than the window; where windows have several sizes, when one has run', async () => {
    const unpadded = { ...BLUR, unpadded: true, outputShape: [1, 'c', 'oz', 'oy', 'ox'] };
    await assert.rejects(open(unpadded), {
      name: 'NetworkError',
      message: "network segment.onnx: output 'y' is [1, 4, 2, 4, 4], but the manifest makes it [1, 4, 2, 4, 6]",
    });
    const session = await open(unpadded, SEVERAL);
    for (const run of [session.run, session.probabilities]) {
      await assert.rejects(run(new Float32Array(48)), {
        name: 'NetworkError',
        message: "network segment.onnx: output 'y' is float32 [1, 4, 2, 4, 4], not float32 [1, 4, 2, 4, 6]",
      });
    }
    await session.release();
  });

  it('runs windows of the size that it is opened for, and of no other', async () => {
    const onnx = tinyOnnx({ ...NETWORK, outputShape: [1, 'c', 'oz', 'oy', 'ox'] });
    const stage = tinyStage('segment.onnx', onnx, { ...WINDOW, ...SEVERAL });
    const session = await openSession(async () => onnx, stage, 'cpu', 1, {}, { size: [8, 6, 4] });
    const values = Float32Array.from({ length: 192 }, (_, n) => n);
    const { liver } = await session.probabilities(values, 1, [8, 6, 4]);
    const anySize = await openSession(async () => onnx, stage, 'cpu', 1);
    assert.deepEqual(liver, (await anySize.probabilities(values, 1, [8, 6, 4])).liver);
    await assert.rejects(session.run(new Float32Array(48)), /Got: 2 Expected: 4/);
    await Promise.all([session.release(), anySize.release()]);
  });
});
