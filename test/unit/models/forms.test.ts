import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stagesOf } from '../../../server/src/inference/manifest.ts';
import { formsFor, loadModel, type Model, readNetwork } from '../../../server/src/inference/model.ts';
import { openSession, probe } from '../../../server/src/inference/provider.ts';
import { probeWindow } from '../../../server/src/inference/reference.ts';
import { RuntimeSession } from '../../../server/src/inference/runtime.ts';
import type { Vec3 } from '../../../server/src/volume/volume.ts';
import { hasPythonModules, PYTHON } from '../../support/python.ts';

const SCRIPT = fileURLToPath(new URL('export_forms.py', import.meta.url));

/** What the recipe writes for GPUs is run here on the CPU: the graph is the same. */
describe('the forms in which a network is released', function () {
  this.timeout(240_000);
  let dir: string;
  let model: Model;

  before(async function () {
    if (!hasPythonModules(['torch', 'onnx', 'scipy'])) this.skip();
    dir = await mkdtemp(join(tmpdir(), 'hepar-forms-'));
    const { status, stderr } = spawnSync(PYTHON, [SCRIPT, dir], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    model = await loadModel(dir);
  });
  after(() => dir && rm(dir, { recursive: true }));

  it('all give the reference that the manifest stores: flat, 3D, and in half precision nearly', async () => {
    const read = (network: Parameters<typeof readNetwork>[1]) => readNetwork(dir, network);
    for (const { name, stage } of stagesOf(model.manifest)) {
      assert.deepEqual(
        formsFor(stage, 'cuda').map(({ file }) => file),
        [`${name}-3d.onnx`, `${name}-half.onnx`],
      );
      for (const network of [...formsFor(stage, 'cpu'), ...formsFor(stage, 'cuda')]) {
        const { session, difference } = await probe('cpu', read, stage, network, 1);
        await session.release();
        const isHalf = network.file.endsWith('-half.onnx');
        assert.ok(difference! < (isHalf ? 5e-3 : 1e-5), `${network.file}: ${difference}`);
        assert.ok(!isHalf || difference! > 1e-6, 'half precision leaves its mark');
      }
    }
  });

  it('take windows of other sizes where the manifest allows them, and say the same of them in every form', async () => {
    const { segment: stage } = model.manifest.cascade;
    for (const size of [stage.windowVoxels, [40, 16, 24], [16, 32, 48]] as Vec3[]) {
      const window = probeWindow({ ...stage, windowVoxels: [...size] });
      const answers = await Promise.all(
        [...formsFor(stage, 'cpu'), ...formsFor(stage, 'cuda')].map(async ({ file, sha256 }) => {
          const session = await openSession((form) => readNetwork(dir, form), { ...stage, file, sha256 }, 'cpu', 1);
          const { classes, presence } = await session.run(window, 1, size);
          const answer = [...classes, ...presence!];
          await session.release();
          return answer;
        }),
      );
      const [flat, inThree, half] = answers as [number[], number[], number[]];
      const largest = (other: number[]) =>
        flat.reduce((most, value, n) => Math.max(most, Math.abs(value - other[n]!)), 0);
      assert.equal(flat.length, stage.channels.length * window.length + window.length / 8 ** 3);
      assert.ok(largest(inThree) < 1e-4, `${size}: ${largest(inThree)}`);
      assert.ok(largest(half) < 0.1, `${size}: ${largest(half)}`);
    }
  });

  it('take several windows at once, each on its own, in the forms for GPUs', async () => {
    const { segment: stage } = model.manifest.cascade;
    const [x, y, z] = stage.windowVoxels;
    const window = probeWindow(stage);
    const other = window.map((value) => 1 - value);
    const wanted = (windows: number) => [{ name: stage.output, shape: [windows, stage.channels.length, z, y, x] }];
    for (const network of formsFor(stage, 'cuda')) {
      const session = await RuntimeSession.open([await readNetwork(dir, network)], { provider: 'cpu', threads: 1 });
      const run = async (windows: number, values: Float32Array) => {
        const [output] = await session.run({ name: 'x', values, shape: [windows, 1, z, y, x] }, wanted(windows));
        assert.deepEqual(output!.shape, wanted(windows)[0]!.shape);
        return (output!.values as Float32Array).slice();
      };
      const both = await run(2, Float32Array.of(...window, ...other));
      const alone = [...(await run(1, window)), ...(await run(1, other))];
      const largest = alone.reduce((most, value, n) => Math.max(most, Math.abs(value - both[n]!)), 0);
      assert.ok(largest < 1e-3, `${network.file}: ${largest}`);
      await session.release();
    }
  });
});
