import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkModel } from '../../../server/src/cli/check-model.ts';
import type { ModelError } from '../../../server/src/inference/errors.ts';
import { installModel, readDefaultModel, writeDefaultModel } from '../../../server/src/inference/installed.ts';
import { listModels } from '../../../server/src/inference/model.ts';
import { summariseOnnx } from '../../../server/src/inference/onnx/summary.ts';
import { type TinyModelOptions, tinyStage, writeTinyModel } from './tiny-model.ts';
import { type TinyNetwork, thresholdNetwork, tinyOnnx } from './tiny-onnx.ts';

const progress = { signal: new AbortController().signal, report: () => {} };
const ONE_FOR_ALL = thresholdNetwork([-10, 130, 400]);

describe('models brought by a user', function () {
  this.timeout(300_000);
  let root: string;
  let dir: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'hepar-models-'));
    dir = join(root, 'mine');
  });
  afterEach(() => rm(root, { recursive: true }));

  const check = () => checkModel(dir, { small: true, threads: 1, progress });
  const problems = async () =>
    (await check()).remarks.filter(({ kind }) => kind === 'problem').map(({ message }) => message);

  /** The model with another network for its second stage. */
  async function withNetwork(changes: Partial<TinyNetwork>, options: TinyModelOptions = {}): Promise<void> {
    const onnx = tinyOnnx({ ...ONE_FOR_ALL, ...changes });
    const { sha256 } = tinyStage('segment.onnx', onnx);
    await writeTinyModel(dir, { ...options, segment: { sha256, ...options.segment } });
    await writeFile(join(dir, 'segment.onnx'), onnx);
  }

  it('are tried on the phantom when nothing is wrong, with time and memory', async () => {
    await writeTinyModel(dir);
    const { remarks, runs } = await check();
    assert.deepEqual(
      remarks.filter(({ kind }) => kind === 'problem'),
      [],
    );
    assert.ok(
      runs.some((line) => /^locate: cpu \(.*\), \d+ ms a window of 32 x 32 x 32$/.test(line)),
      runs.join('\n'),
    );
    assert.match(
      runs.at(-1)!,
      /^phantom of 128 x 128 x 48: [\d.]+ s to segment on cpu, at most \d+ MiB .* liver Dice \d/,
    );
  });

  const FAULTS: Record<string, { network: Partial<TinyNetwork>; options?: TinyModelOptions; says: RegExp }> = {
    'an input of rank 4': {
      network: { inputShape: [1, 'z', 'y', 'x'] },
      says: /kernel_shape has incorrect size/,
    },
    'an input of two channels': {
      network: { inputShape: [1, 2, 'z', 'y', 'x'] },
      says: /channel|input 'x'|Invalid|dimension/i,
    },
    'fewer output channels than labels': { network: thresholdNetwork([0, 100]), says: /output|channel/i },
    'an operator that does not exist': { network: { operator: 'Teleport' }, says: /Teleport/ },
    'an output that shrinks': {
      network: { unpadded: true, kernelZyx: [3, 3, 3], weights: new Float32Array(27 * 4).fill(1) },
      says: /\[1, 4, 30, 30, 30\]/,
    },
    'an output that is always the same': {
      network: { weights: new Float32Array(4) },
      says: /gives the same whatever goes in/,
    },
    'an output that is no number': { network: { weights: new Float32Array(4).fill(Number.NaN) }, says: /no numbers/ },
    "another answer than the manifest's reference": {
      network: {},
      options: { segment: { reference: { tolerance: 0.02, values: Array.from({ length: 16 }, (_, n) => 5 * n) } } },
      says: /segment\.onnx answers the made-up window otherwise than the manifest's reference, by \d/,
    },
    'a graph of one size where the manifest allows larger windows': {
      network: { inputShape: [1, 1, 32, 32, 32] },
      options: { segment: { largerWindows: { stepVoxels: 16, mostVoxels: 1e6 } } },
      says: /input 'x' is \[1, 1, 32, 32, 32\], but the manifest allows larger windows/,
    },
    'a fixed window that is another': { network: { inputShape: [1, 1, 48, 48, 48] }, says: /\[1, 1, 48, 48, 48\]/ },
  };
  for (const [name, { network, options, says }] of Object.entries(FAULTS)) {
    it(`${name} is a problem, in one line`, async () => {
      await withNetwork(network, options);
      const found = await problems();
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0]!, says);
      assert.ok(!found[0]!.includes('\n'));
    });
  }

  it('labels without codes, a missing digest and odd windows are named with their place', async () => {
    await writeTinyModel(dir);
    const manifest = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8'));
    delete manifest.labels.lesion.type;
    delete manifest.cascade.segment.sha256;
    manifest.cascade.locate.windowVoxels = [33, 32, 32];
    await writeFile(join(dir, 'manifest.json'), JSON.stringify(manifest));
    const found = await problems();
    for (const place of ['labels.lesion.type', 'cascade.segment.sha256', 'cascade.locate.windowVoxels.0']) {
      assert.ok(
        found.some((line) => line.includes(place)),
        `${place}: ${found.join('\n')}`,
      );
    }
  });

  it('tells what the file says: operator set, operators', () => {
    const { opset, operators, hasConvTranspose3d } = summariseOnnx(tinyOnnx(ONE_FOR_ALL));
    assert.deepEqual([opset, [...operators], hasConvTranspose3d], [16, [['Conv', 1]], false]);
    const transposed = summariseOnnx(tinyOnnx({ ...ONE_FOR_ALL, operator: 'ConvTranspose' }));
    assert.equal(transposed.hasConvTranspose3d, true);
  });

  it('are installed whole, under their id, and chosen as the default', async () => {
    await writeTinyModel(dir);
    await writeFile(join(dir, 'card.md'), 'What it is.');
    await writeFile(join(dir, 'notes.txt'), 'not for others');
    const models = join(root, 'models');
    const installed = await installModel(models, dir);
    assert.equal(installed.dir, join(models, 'tiny'));
    assert.deepEqual((await readdir(installed.dir)).sort(), [
      'card.md',
      'locate.onnx',
      'manifest.json',
      'segment.onnx',
    ]);
    await assert.rejects(installModel(models, dir), /the id 'tiny' is taken/);
    await assert.rejects(writeDefaultModel(models, 'other'), /there is no model 'other'; there are: tiny/);
    assert.equal(await readDefaultModel(models), undefined);
    await writeDefaultModel(models, 'tiny');
    assert.equal(await readDefaultModel(models), 'tiny');
  });

  const BROKEN: Record<string, () => Promise<unknown>> = {
    'no model at all': async () => rm(join(dir, 'manifest.json')),
    'a network that is cut off': async () => truncate(join(dir, 'segment.onnx'), 60),
    'a network that is no ONNX': async () => writeFile(join(dir, 'segment.onnx'), 'MZ not a network'),
    'data in a file outside the folder': () => withNetwork({ externalWeights: true }),
    'a link out of the folder': async () => {
      await rm(join(dir, 'segment.onnx'));
      await symlink('/etc/passwd', join(dir, 'segment.onnx'));
    },
  };
  for (const [name, breakIt] of Object.entries(BROKEN)) {
    it(`${name} is refused, and nothing else is touched`, async () => {
      const models = join(root, 'models');
      await writeTinyModel(join(root, 'good'));
      const good = await installModel(models, join(root, 'good'));
      const before = await readdir(models);
      await writeTinyModel(dir);
      await breakIt();
      const error: ModelError = await installModel(models, dir).then(
        () => assert.fail('it was installed'),
        (reason) => reason,
      );
      assert.equal(error.name, 'ModelError');
      assert.ok(error.problems.length > 0 && error.problems.every((line) => !line.includes('\n')));
      assert.deepEqual(await readdir(models), before);
      assert.deepEqual(
        (await listModels(models)).models.map(({ digest }) => digest),
        [good.digest],
      );
    });
  }
});
