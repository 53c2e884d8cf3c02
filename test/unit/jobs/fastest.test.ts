import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel, type Model } from '../../../server/src/inference/model.ts';
import type { Provider } from '../../../server/src/inference/provider.ts';
import { DeviceError, type Tried } from '../../../server/src/jobs/device.ts';
import { chooseFastest, type Try } from '../../../server/src/jobs/fastest.ts';
import { tinyStage, writeTinyModel } from '../inference/tiny-model.ts';
import { thresholdNetwork, tinyOnnx } from '../inference/tiny-onnx.ts';

describe('choosing what is the fastest here', () => {
  let dir: string;
  let model: Model;
  let plain: Model;
  const dataDir = () => join(dir, 'data');

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-fastest-'));
    await writeTinyModel(join(dir, 'plain'));
    plain = await loadModel(join(dir, 'plain'));
    const half = tinyOnnx(thresholdNetwork([1, 2, 3]));
    const { file, sha256 } = tinyStage('half.onnx', half);
    await writeTinyModel(join(dir, 'forms'), {
      segment: {
        variants: [
          { providers: ['cuda'], file: 'segment.onnx', sha256: plain.manifest.cascade.segment.sha256 },
          { providers: ['cuda'], file, sha256 },
        ],
      },
    });
    await writeFile(join(dir, 'forms', 'half.onnx'), half);
    model = await loadModel(join(dir, 'forms'));
  });
  afterEach(() => rm(dataDir(), { recursive: true, force: true }));
  after(() => rm(dir, { recursive: true }));

  /** Windows of each form, in ms; null: the provider does not run. */
  const machine = (speeds: Partial<Record<Provider, Record<string, number> | null>>) => {
    const asked: Provider[] = [];
    const attempt: Try = async (_, provider) => {
      asked.push(provider);
      const files = speeds[provider];
      if (!files) throw new DeviceError(provider, 'wrong numbers');
      const forms = Object.entries(files).map(([file, windowMs]) => ({
        stage: file.startsWith('locate') ? ('locate' as const) : ('segment' as const),
        file,
        warmUpMs: 1,
        windowMs,
        difference: null,
      }));
      return { provider, device: 'made up', forms } satisfies Tried;
    };
    return { asked, attempt };
  };
  const choose = (of: Model, { attempt }: ReturnType<typeof machine>, candidates: readonly Provider[]) =>
    chooseFastest({ model: of, provider: 'auto', dataDir: dataDir() }, attempt, candidates);

  it('takes the fastest provider and the fastest of its forms, and measures once', async () => {
    const fast = machine({
      cuda: { 'locate.onnx': 3, 'segment.onnx': 9, 'half.onnx': 5 },
      cpu: { 'locate.onnx': 100, 'segment.onnx': 200 },
    });
    const expected = { provider: 'cuda', files: ['locate.onnx', 'half.onnx'] };
    assert.deepEqual(await choose(model, fast, ['cuda', 'cpu']), expected);
    assert.deepEqual(fast.asked, ['cuda', 'cpu']);
    assert.deepEqual(await choose(model, fast, ['cuda', 'cpu']), expected);
    assert.equal(fast.asked.length, 2, 'it was measured again');
  });

  it('leaves out what is wrong or does not run, however fast', async () => {
    const broken = machine({ cuda: null, cpu: { 'locate.onnx': 100, 'segment.onnx': 200 } });
    const chosen = await choose(model, broken, ['cuda', 'cpu']);
    assert.deepEqual(chosen, { provider: 'cpu', files: ['locate.onnx', 'segment.onnx'] });
  });

  it('measures other weights and other hardware anew, and keeps both', async () => {
    const fast = machine({
      cuda: { 'locate.onnx': 3, 'segment.onnx': 9 },
      cpu: { 'locate.onnx': 10, 'segment.onnx': 20 },
    });
    await choose(model, fast, ['cuda', 'cpu']);
    await choose(plain, fast, ['cuda', 'cpu']);
    await choose(plain, fast, ['webgpu', 'cuda', 'cpu']);
    assert.equal(fast.asked.length, 7);
    const kept = JSON.parse(await readFile(join(dataDir(), 'fastest.json'), 'utf8')) as object;
    assert.equal(Object.keys(kept).length, 3);
  });

  it('measures nothing where there is nothing to choose', async () => {
    const one = machine({ cpu: { 'locate.onnx': 10, 'segment.onnx': 20 } });
    assert.equal(await choose(plain, one, ['cpu']), null);
    assert.deepEqual(one.asked, []);
  });

  it('measures anew when what it remembers is broken', async () => {
    const fast = machine({ cuda: { 'locate.onnx': 3, 'segment.onnx': 9 } });
    await choose(model, fast, ['cuda']);
    await writeFile(join(dataDir(), 'fastest.json'), '{"cut of');
    assert.equal((await choose(model, fast, ['cuda']))?.provider, 'cuda');
    assert.equal(fast.asked.length, 2);
  });
});
