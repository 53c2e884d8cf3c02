import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ErrorView, ModelView } from '../../server/src/http/contract.ts';
import type { RunningServer } from '../../server/src/server.ts';
import { provideQueue } from '../support/data-dir.ts';
import { ask, isIn, json, startTestServer, until } from '../unit/http/support.ts';
import { writeTinyModel } from '../unit/inference/tiny-model.ts';
import { SERIES } from '../unit/jobs/fake-pipeline.ts';

describe('the heat map over HTTP', () => {
  let dir: string;
  let server: RunningServer;
  let url: string;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-heat-map-'));
    await provideQueue(join(dir, 'data'));
    await writeTinyModel(join(dir, 'models', 'tiny'), { patchVoxels: 8 });
    const plain = join(dir, 'models', 'plain');
    const manifest = await writeTinyModel(plain);
    await writeFile(join(plain, 'manifest.json'), JSON.stringify({ ...manifest, id: 'plain' }));
    server = await startTestServer(dir, { environment: { HEPAR_MODELS: join(dir, 'models'), HEPAR_MODEL: 'tiny' } });
    url = server.url;
  });
  after(async () => {
    await server?.close();
    await rm(dir, { recursive: true, force: true });
  });

  const heatMap = (id: string) => fetch(`${url}/api/segmentations/${id}/heatmap`);
  const refusal = async (id: string) => {
    const response = await heatMap(id);
    return [response.status, (await json<ErrorView>(response)).error.code];
  };
  const done = async (more: object = {}) => {
    const { id } = await json(ask(url, SERIES.quick, more));
    await until(url, id, isIn('done'));
    return id;
  };

  it('is a picture of the run, of a model that has an output for it', async () => {
    const id = await done();
    const picture = await heatMap(id);
    assert.equal(picture.status, 200);
    assert.equal(picture.headers.get('content-type'), 'image/png');
    const made = await readFile(join(dir, 'data', 'runs', id, 'heatmap.png'));
    assert.deepEqual(Buffer.from(await picture.arrayBuffer()), made);
    const models = await json<ModelView[]>(fetch(`${url}/api/models`));
    assert.deepEqual(Object.fromEntries(models.map((model) => [model.id, model.heatMap])), {
      plain: false,
      tiny: true,
    });
    await rm(join(dir, 'data', 'runs', id, 'heatmap.png'));
    assert.deepEqual(await refusal(id), [404, 'result-gone']);
  });

  it('says of another model that it has none, which is no fault of the run', async () => {
    assert.deepEqual(await refusal(await done({ model: 'plain' })), [404, 'no-heat-map']);
  });

  it('is not there before the run is done, nor of a run that nobody knows', async () => {
    const { id } = await json(ask(url, SERIES.endless));
    assert.deepEqual(await refusal(id), [409, 'not-done']);
    await fetch(`${url}/api/segmentations/${id}`, { method: 'DELETE' });
    await until(url, id, isIn('cancelled'));
    assert.deepEqual(await refusal(id), [409, 'not-done']);
    assert.deepEqual(await refusal('0'.repeat(32)), [404, 'unknown-run']);
    assert.deepEqual(await refusal('none'), [404, 'unknown-run']);
  });
});
