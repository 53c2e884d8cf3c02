import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { segment } from '../../../server/src/inference/cascade.ts';
import { loadModel, type Model } from '../../../server/src/inference/model.ts';
import { openSession } from '../../../server/src/inference/provider.ts';
import { withstanding } from '../../../server/src/inference/resilient.ts';
import { algorithmParameters } from '../../../server/src/reports/seg/segments.ts';
import { AXIAL } from '../../support/axial.ts';
import { gridAround, SCENE, seriesOf } from './scene.ts';
import { writeTinyModel } from './tiny-model.ts';

const series = seriesOf(SCENE, gridAround(SCENE.centreMm, [90, 80, 40], [1.5, 1.5, 2.5], AXIAL));
const progress = { signal: new AbortController().signal, report: () => {} };
const CPU = { provider: 'cpu', threads: 1 } as const;

describe('a run whose GPU is lost in the middle', function () {
  this.timeout(20_000);
  let dir: string;
  let model: Model;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-lost-gpu-'));
    await writeTinyModel(dir, { shifted: true });
    model = await loadModel(dir);
  });
  after(() => rm(dir, { recursive: true }));

  /** A GPU that computes what the CPU does until it has run so many windows, and is gone from then on. */
  const gpuUntil = (windows: number, cpuFallback: boolean) => {
    let ran = 0;
    const opened: string[] = [];
    const open: typeof openSession = async (read, stage, provider, threads) => {
      opened.push(`${stage.file} on ${provider}`);
      const cpu = () => openSession(read, stage, 'cpu', threads);
      if (provider === 'cpu') return cpu();
      const inner = await cpu();
      const gpu = {
        ...inner,
        engine: { provider: 'cuda' as const, device: 'a card' },
        probabilities: async (input: Float32Array, count?: number) => {
          if (++ran > windows) throw new Error('CUDA failure 999: unknown error');
          return inner.probabilities(input, count);
        },
      };
      const reopen = () => Promise.reject(new Error('no CUDA-capable device is detected'));
      return withstanding(gpu, { reopen, ...(cpuFallback ? { onCpu: cpu } : {}) });
    };
    return { open, opened };
  };

  for (const [stage, windows] of [
    ['segmenting', 3],
    ['locating', 0],
  ] as const) {
    it(`has the CPU's result, and says so, when it happens while ${stage}`, async () => {
      const { open, opened } = gpuUntil(windows, true);
      const result = await segment(series, model, { provider: 'cuda', threads: 1, open }, progress);
      const onCpu = await segment(series, model, CPU, progress);
      assert.deepEqual(result.labelMap, onCpu.labelMap);
      assert.deepEqual(result.engine, { provider: 'cpu', device: 'CPU, 1 thread (after cuda had failed)' });
      assert.deepEqual(
        result.warnings?.map(({ code, message }) => [code, message]),
        [
          [
            'engine-fault',
            'cuda failed in the middle of the run, which went on on the CPU: CUDA failure 999: unknown error.',
          ],
        ],
      );
      assert.deepEqual(opened, ['locate.onnx on cuda', `segment.onnx on ${stage === 'locating' ? 'cpu' : 'cuda'}`]);
      const { manifest, digest: modelDigest } = model;
      const inSeg = algorithmParameters({ manifest, modelDigest, engine: result.engine });
      assert.match(inSeg, /provider=cpu; device=CPU, 1 thread \(after cuda had failed\)$/);
    });
  }

  it('ends the attempt where the CPU may not step in', async () => {
    const { open } = gpuUntil(3, false);
    const run = segment(series, model, { provider: 'cuda', threads: 1, open }, progress);
    await assert.rejects(run, { name: 'ProviderError', provider: 'cuda', mayPass: true });
  });
});
