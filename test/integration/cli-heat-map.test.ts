import { deepStrictEqual, match, notDeepStrictEqual, strictEqual } from 'node:assert';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { collectSeries, makePhantomSeries, SMALL_GEOMETRY } from '../../server/src/phantom/series.ts';
import { type TinyModelOptions, writeTinyModel } from '../unit/inference/tiny-model.ts';

const COMMAND = fileURLToPath(new URL('../../server/src/cli/main.ts', import.meta.url));

describe('hepar segment --heatmap', function () {
  this.timeout(300_000);
  let scratch: string;
  let out: string;

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'hepar-heat-map-'));
    out = join(scratch, 'out');
    await mkdir(join(scratch, 'ct'));
    const { instances } = collectSeries(makePhantomSeries({ seed: 4, geometry: SMALL_GEOMETRY }));
    for (const [n, { bytes }] of instances.entries()) await writeFile(join(scratch, 'ct', `${n}.dcm`), bytes);
    // Of a phantom these models find whatever has a lesion's HU; here what counts is the way of their second output.
    const options: TinyModelOptions = { postprocessing: { leastLesionMl: 2 }, segment: { spacingMm: [6, 6, 6] } };
    await writeTinyModel(join(scratch, 'patches'), { ...options, patchVoxels: 8 });
    await writeTinyModel(join(scratch, 'plain'), options);
    await writeTinyModel(join(scratch, 'no-liver'), { patchVoxels: 8, cascade: { leastLiverMl: 1e6 } });
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  function segment(model: string, ...options: readonly string[]): Promise<{ code: number | null; stderr: string }> {
    const args = [COMMAND, 'segment', join(scratch, 'ct'), '--out', out, '--model', join(scratch, model), ...options];
    return new Promise((resolve) => {
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      let stderr = '';
      child.stderr.on('data', (data) => {
        stderr += data;
      });
      child.on('close', (code) => resolve({ code, stderr }));
    });
  }

  it('writes the picture beside the preview, as large', async () => {
    const { code, stderr } = await segment('patches', '--heatmap');
    strictEqual(code, 0, stderr);
    const [picture, preview] = await Promise.all(
      ['heatmap.png', 'preview.png'].map(async (name) => decode(await readFile(join(out, name)))),
    );
    deepStrictEqual([picture!.width, picture!.height], [preview!.width, preview!.height]);
    notDeepStrictEqual(picture!.data, preview!.data);
  });

  it('refuses before it reads the series when the model has no output for it, and leaves the folder alone', async () => {
    const before = await readdir(out);
    const { code, stderr } = await segment('plain', '--heatmap');
    strictEqual(code, 1);
    match(stderr, /^hepar segment: --heatmap: the model tiny 1\.0\.0 has no output for a heat map\.\n$/);
    deepStrictEqual(await readdir(out), before);
  });

  it('adds a file and no more, and takes an earlier one away when it is not asked for', async () => {
    const before = await readdir(out);
    strictEqual((await segment('patches')).code, 0);
    deepStrictEqual((await readdir(out)).sort(), before.filter((name) => name !== 'heatmap.png').sort());
  });

  it('says that no liver is in view, with exit code 2', async () => {
    const { code, stderr } = await segment('no-liver', '--heatmap');
    strictEqual(code, 2);
    match(stderr.trim().split('\n').at(-1)!, /^hepar segment: The series shows no liver: /);
  });
});
