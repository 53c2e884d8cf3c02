import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { tryProvider } from '../../server/src/jobs/device.ts';
import { SOFTWARE_GPU, softwareGpuEnvironment } from '../support/software-gpu.ts';
import { writeTinyModel } from '../unit/inference/tiny-model.ts';

const CHILD = fileURLToPath(new URL('../support/segment-scene.ts', import.meta.url));

/** WebGPU over Vulkan on a rasteriser in software: the provider's own code, without a GPU. */
describe('the webgpu provider', function () {
  this.timeout(120_000);
  let dir: string;
  let model: string;

  before(async function () {
    if (!existsSync(SOFTWARE_GPU)) this.skip();
    dir = await mkdtemp(join(tmpdir(), 'hepar-webgpu-'));
    model = join(dir, 'model');
    // A kernel of 3 x 3 x 3 that looks to one side: an axis or a sign that is mixed up would show.
    await writeTinyModel(model, { shifted: true });
  });
  after(() => dir && rm(dir, { recursive: true }));

  const labelsOn = async (provider: string): Promise<Uint8Array> => {
    const out = join(dir, provider);
    const env = softwareGpuEnvironment(dir);
    await promisify(execFile)(process.execPath, [CHILD, model, provider, out], { env });
    return readFile(out);
  };

  it('labels the whole cascade as the CPU does', async () => {
    const [gpu, cpu] = [await labelsOn('webgpu'), await labelsOn('cpu')];
    const labelled = cpu.filter((label) => label > 0).length;
    assert.ok(labelled > 10_000 && cpu.includes(2), `${labelled} voxels`);
    assert.equal(gpu.length, cpu.length);
    const different = cpu.filter((label, voxel) => label !== gpu[voxel]).length;
    assert.ok(different < 1e-4 * labelled, `${different} of ${labelled} voxels differ`);
  });

  it('proves itself with a window of each stage', async () => {
    const { forms, device } = await tryProvider(model, 'webgpu', { threads: 1, env: softwareGpuEnvironment(dir) });
    assert.equal(device, 'WebGPU adapter');
    assert.deepEqual(
      forms.map(({ stage, file }) => [stage, file]),
      [
        ['locate', 'locate.onnx'],
        ['segment', 'segment.onnx'],
      ],
    );
    for (const { difference } of forms) assert.ok(difference! < 1e-5, `${difference}`);
  });

  it('is an error with cause and remedy where there is no device', async () => {
    const env = { ...process.env, VK_ICD_FILENAMES: '/nonexistent', VK_DRIVER_FILES: '/nonexistent' };
    await assert.rejects(tryProvider(model, 'webgpu', { threads: 1, env }), {
      name: 'DeviceError',
      reason: 'no device',
      message: /No supported adapters\. To do: install the GPU’s Vulkan driver/,
    });
  });
});
