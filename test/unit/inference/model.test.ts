import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelError } from '../../../server/src/inference/errors.ts';
import type { Manifest, Stage } from '../../../server/src/inference/manifest.ts';
import { listModels, loadModel, networkFor } from '../../../server/src/inference/model.ts';
import { externalTensors } from '../../../server/src/inference/onnx/external-tensors.ts';
import { tinyStage, writeTinyModel } from './tiny-model.ts';
import { thresholdNetwork, tinyOnnx } from './tiny-onnx.ts';

describe('loading a model', () => {
  let root: string;
  let dir: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'hepar-model-'));
    dir = join(root, 'tiny');
    await writeTinyModel(dir);
  });
  afterEach(() => rm(root, { recursive: true }));

  const edit = async (change: (manifest: Manifest) => unknown) => {
    const manifest = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8'));
    await writeFile(join(dir, 'manifest.json'), JSON.stringify(change(manifest) ?? manifest));
  };
  const problems = async () => {
    const error: ModelError = await loadModel(dir).then(
      () => assert.fail('the model was accepted'),
      (reason) => reason,
    );
    assert.equal(error.name, 'ModelError');
    assert.ok(!error.message.includes('\n'));
    return error.problems;
  };

  it('names it by a digest that only its content changes', async () => {
    const { digest, manifest } = await loadModel(dir);
    assert.match(digest, /^[0-9a-f]{64}$/);
    const reordered = Object.fromEntries(Object.entries(manifest).reverse());
    await writeFile(join(dir, 'manifest.json'), JSON.stringify(reordered, null, 8));
    assert.equal((await loadModel(dir)).digest, digest, 'layout and order of keys');
    // A default that is left out is the same manifest.
    await edit(({ cascade: { locate } }) => {
      delete (locate as Partial<Stage>).input;
    });
    assert.equal((await loadModel(dir)).digest, digest, 'a default left out');

    await edit((m) => ({ ...m, postprocessing: { ...m.postprocessing, leastLesionMl: 0.1 } }));
    const other = (await loadModel(dir)).digest;
    assert.notEqual(other, digest, 'a rule changed');
    const network = tinyOnnx(thresholdNetwork([1, 2, 3]));
    await writeFile(join(dir, 'segment.onnx'), network);
    await edit((m) => ({ ...m, cascade: { ...m.cascade, segment: tinyStage('segment.onnx', network) } }));
    assert.notEqual((await loadModel(dir)).digest, other, 'a network changed');
  });

  it('says each mistake of a manifest with its place', async () => {
    await edit((m) => ({ ...m, modality: 'MR', cascade: { ...m.cascade, marginMm: -1 }, colour: 'red' }));
    const found = await problems();
    assert.equal(found.length, 3);
    assert.ok(found.some((line) => line.startsWith('manifest.json: modality:')));
    assert.ok(found.some((line) => line.startsWith('manifest.json: cascade.marginMm:')));
    assert.ok(found.some((line) => line.includes('colour')));
  });

  it('says what the parts of a manifest cannot be together', async () => {
    await edit(({ cascade }) => {
      cascade.locate!.intensity = { kind: 'liver-median', clipHu: 150, scaleHu: 40 };
      cascade.locate!.windowVoxels = [1024, 1024, 1024];
      cascade.segment.channels = ['background', 'liver'];
      cascade.segment.intensity = { kind: 'window', lowHu: 5, highHu: 5, centreHu: 0, scaleHu: 1 };
    });
    const found = (await problems()).join('\n');
    assert.match(found, /cascade\.locate\.intensity: the liver median is not known/);
    assert.match(found, /cascade\.locate\.windowVoxels: 1073741824 voxels/);
    assert.match(found, /cascade\.segment\.channels: no 'lesion'/);
    assert.match(found, /cascade\.segment\.intensity: lowHu 5 is not below highHu 5/);
  });

  it('allows larger windows in steps that the window and its patches are made of', async () => {
    await edit(({ cascade }) => {
      Object.assign(cascade.segment, {
        presence: { patchVoxels: [16, 16, 8] },
        largerWindows: { stepVoxels: 24, mostVoxels: 1e9 },
      });
    });
    const found = (await problems()).join('\n');
    assert.match(found, /cascade\.segment\.largerWindows: a window of 32 x 32 x 32 is not made of steps of 24/);
    assert.match(found, /cascade\.segment\.largerWindows: patches of 16 x 16 x 8 voxels do not fill a step of 24/);
    assert.match(found, /cascade\.segment\.largerWindows: 1000000000 voxels a window, more than/);
    await edit(({ cascade }) => {
      cascade.segment.largerWindows = { stepVoxels: 16, mostVoxels: 1e6 };
    });
    assert.deepEqual((await loadModel(dir)).manifest.cascade.segment.largerWindows, {
      stepVoxels: 16,
      mostVoxels: 1e6,
    });
  });

  it('gives a stage 1 a share in what is liver only where there is one', async () => {
    await edit(({ cascade }) => {
      cascade.locateShare = 1.5;
    });
    assert.match((await problems()).join(), /cascade\.locateShare/);
    await edit(({ cascade }) => {
      cascade.locateShare = 0.5;
    });
    assert.equal((await loadModel(dir)).manifest.cascade.locateShare, 0.5);
    await edit(({ cascade }) => {
      delete cascade.locate;
    });
    assert.match((await problems()).join('\n'), /cascade\.locateShare: there is no stage that locates the liver/);
  });

  it('checks the other forms of a network as the network itself', async () => {
    const { digest } = await loadModel(dir);
    const gpu = tinyOnnx(thresholdNetwork([1, 2, 3]));
    await writeFile(join(dir, 'segment-3d.onnx'), gpu);
    const { file, sha256 } = tinyStage('segment-3d.onnx', gpu);
    await edit(({ cascade }) => {
      cascade.segment.variants = [{ providers: ['cuda', 'webgpu'], file, sha256 }];
    });
    const { manifest, digest: withForms } = await loadModel(dir);
    assert.notEqual(withForms, digest);
    const { locate, segment } = manifest.cascade;
    assert.equal(networkFor(segment, 'cpu').file, 'segment.onnx');
    assert.equal(networkFor(segment, 'cuda').file, 'segment-3d.onnx');
    assert.equal(networkFor(locate!, 'cuda').file, 'locate.onnx', 'a stage of one file');

    await writeFile(join(dir, 'segment-3d.onnx'), tinyOnnx(thresholdNetwork([1, 2, 4])));
    assert.match((await problems())[0]!, /^segment-3d\.onnx has SHA-256 [0-9a-f]{64}, but the manifest says/);
    await rm(join(dir, 'segment-3d.onnx'));
    assert.deepEqual(await problems(), ['segment-3d.onnx is missing']);
    await edit(({ cascade }) => {
      cascade.segment.variants!.push({ providers: ['cuda'], file, sha256 });
    });
    assert.deepEqual(await problems(), ['manifest.json: cascade.segment.variants: segment-3d.onnx is named twice']);
  });

  it('takes a presence output only of the segmenting stage, in patches that fill its window', async () => {
    await edit(({ cascade }) => {
      Object.assign(cascade.segment, { presence: { patchVoxels: [8, 16, 16] } });
    });
    const { presence } = (await loadModel(dir)).manifest.cascade.segment;
    assert.deepEqual(presence, { output: 'presence', activation: 'logits', patchVoxels: [8, 16, 16] });
    await edit(({ cascade }) => {
      cascade.segment.presence!.patchVoxels = [8, 16, 12];
    });
    assert.deepEqual(await problems(), [
      'manifest.json: cascade.segment.presence: patches of 8 x 16 x 12 voxels do not fill a window of 32 x 32 x 32',
    ]);
    await edit(({ cascade }) => {
      Object.assign(cascade.locate!, { presence });
    });
    assert.match((await problems())[0]!, /^manifest\.json: cascade\.locate: .*presence/);
  });

  it('refuses text that is no JSON, and a manifest that is missing', async () => {
    await writeFile(join(dir, 'manifest.json'), '{"schema": 1,');
    assert.match((await problems())[0]!, /^manifest\.json is no JSON/);
    await rm(join(dir, 'manifest.json'));
    assert.deepEqual(await problems(), ['manifest.json is missing']);
  });

  it('refuses a network that is missing, changed, cut off or no ONNX', async () => {
    const segment = join(dir, 'segment.onnx');
    const bytes = await readFile(segment);
    bytes[40]! ^= 1;
    await writeFile(segment, bytes);
    assert.match((await problems())[0]!, /^segment\.onnx has SHA-256 [0-9a-f]{64}, but the manifest says/);

    const withDigest = async (content: Uint8Array) => {
      await writeFile(segment, content);
      await edit((m) => ({ ...m, cascade: { ...m.cascade, segment: tinyStage('segment.onnx', content) } }));
    };
    for (const content of [new Uint8Array(), Buffer.from('<html>not found</html>'), bytes.subarray(0, 200)]) {
      await withDigest(content);
      assert.match((await problems())[0]!, /^segment\.onnx is no ONNX file/);
    }
    await rm(segment);
    assert.deepEqual(await problems(), ['segment.onnx is missing']);
  });

  it('reads nothing outside the folder: no link, no path, no external data', async () => {
    const outside = join(root, 'outside.onnx');
    await rename(join(dir, 'segment.onnx'), outside);
    await symlink(outside, join(dir, 'segment.onnx'));
    assert.deepEqual(await problems(), ["segment.onnx is no regular file of the model's folder"]);
    await rm(join(dir, 'segment.onnx'));
    await mkdir(join(dir, 'segment.onnx'));
    assert.deepEqual(await problems(), ["segment.onnx is no regular file of the model's folder"]);
    await rm(join(dir, 'segment.onnx'), { recursive: true });

    const external = tinyOnnx({ ...thresholdNetwork([1, 2, 3]), externalWeights: true });
    await writeFile(join(dir, 'segment.onnx'), external);
    await edit((m) => ({ ...m, cascade: { ...m.cascade, segment: tinyStage('segment.onnx', external) } }));
    assert.deepEqual(await problems(), ['segment.onnx keeps 1 tensors in other files; save it as one file']);

    await edit(({ cascade }) => {
      cascade.segment.file = '../outside.onnx';
    });
    assert.match((await problems())[0]!, /cascade\.segment\.file: a plain file name/);
  });

  it('lists the good models and, apart from them, the broken ones', async () => {
    await mkdir(join(root, 'training'));
    await writeTinyModel(join(root, 'unreadable'));
    await writeFile(join(root, 'unreadable', 'manifest.json'), 'nonsense');
    await writeTinyModel(join(root, 'twin'));
    const { models, rejected } = await listModels(root);
    assert.deepEqual(
      models.map((model) => model.dir),
      [dir],
    );
    assert.deepEqual(
      rejected.map((error) => error.dir),
      [join(root, 'twin'), join(root, 'unreadable')],
    );
    assert.match(rejected[0]!.message, /the id 'tiny' is taken/);
  });
});

describe('looking into ONNX bytes', () => {
  it('never hangs or reads past the end, whatever the bytes', () => {
    const sound = tinyOnnx(thresholdNetwork([1, 2, 3]));
    assert.equal(externalTensors(sound), 0);
    for (let cut = 1; cut < sound.length; cut++) {
      try {
        assert.equal(externalTensors(sound.subarray(0, cut)), 0);
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }
  });
});
