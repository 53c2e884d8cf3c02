import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { readConfig } from '../../../server/src/config.ts';
import { createApp } from '../../../server/src/http/app.ts';
import { Metrics } from '../../../server/src/http/metrics.ts';
import { ModelCatalogue } from '../../../server/src/http/models.ts';
import { ROUTES, type Route } from '../../../server/src/http/routes.ts';
import type { Segmentations } from '../../../server/src/jobs/segmentations.ts';
import { bundledModels, FakeArchive } from './support.ts';

const SECRET = 'a-secret-of-enough-length';
const routes = Object.values<Route>(ROUTES);

describe('routes', () => {
  let server: Server;
  let url: string;
  let mounted: string[];

  before(async () => {
    const segmentations = { ping: async () => {}, countByState: async () => ({}), list: async () => [] };
    const app = createApp({
      config: readConfig({ HEPAR_AUTH: `token:${SECRET}` }),
      segmentations: segmentations as unknown as Segmentations,
      archive: new FakeArchive(),
      models: new ModelCatalogue(await bundledModels(), undefined),
      metrics: new Metrics(async () => ({})),
      logger: pino({ level: 'silent' }),
    });
    mounted = app.router.stack.flatMap(({ route }) =>
      route ? [...new Set(route.stack.map(({ method }) => `${method} ${route.path}`))] : [],
    );
    server = app.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  after(() => new Promise((resolve) => server.close(resolve)));

  it('are those of the contract, so that its description tells the truth', () => {
    assert.deepEqual(mounted.sort(), routes.map(({ method, path }) => `${method} ${path}`).sort());
  });

  it('ask for a token, all but the one that says that the server is alive, and the webhook, which is off', async () => {
    for (const { method, path, open } of routes) {
      const response = await fetch(url + path.replace(':id', '0'.repeat(32)), { method: method.toUpperCase() });
      const expected = path === '/webhooks/orthanc' ? 404 : 200;
      assert.equal(response.status, open ? expected : 401, `${method} ${path}`);
      if (!open) assert.equal(response.headers.get('www-authenticate'), 'Bearer');
    }
    const headers = { authorization: `Bearer ${SECRET}` };
    for (const path of ['/readyz', '/api/models', '/api/segmentations', '/metrics', '/openapi.json']) {
      assert.equal((await fetch(url + path, { headers })).status, 200, path);
    }
    assert.equal((await fetch(`${url}/no-such-route`)).status, 401, 'nor is it told what there is');
  });

  it('tell a browser not to guess types, not to show the answers in frames, and not what runs here', async () => {
    const { headers } = await fetch(`${url}/healthz`);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.match(headers.get('content-security-policy')!, /frame-ancestors 'self'/);
    assert.equal(headers.get('x-powered-by'), null);
  });

  it('list the models with the one that is taken when none is named', async () => {
    const response = await fetch(`${url}/api/models`, { headers: { authorization: `Bearer ${SECRET}` } });
    const models = (await response.json()) as { id: string; digest: string; isDefault: boolean }[];
    assert.equal(models.filter(({ isDefault }) => isDefault).length, 1);
    assert.ok(models.every(({ digest }) => /^[0-9a-f]{64}$/.test(digest)));
  });
});
