import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { pino } from 'pino';
import { readConfig } from '../../../server/src/config.ts';
import { createApp } from '../../../server/src/http/app.ts';
import { Metrics } from '../../../server/src/http/metrics.ts';
import { ModelCatalogue } from '../../../server/src/http/models.ts';
import { type Modules, servePlugins } from '../../../server/src/http/plugins.ts';
import { openViewer } from '../../../server/src/http/viewer.ts';
import type { Segmentations } from '../../../server/src/jobs/segmentations.ts';
import { FakeArchive } from './support.ts';

const INDEX = '<!doctype html><script>window.PUBLIC_URL="/"</script><script defer src="/app.js"></script>';
const SECRET = 'a-secret-of-enough-length';
const STRANGER = { accept: 'text/html,application/xhtml+xml' };
const BROWSER = { ...STRANGER, cookie: `other=1; hepar_token=${SECRET}` };
const FRIEND = 'https://viewer.example';

describe('viewer', () => {
  let dir: string;
  let server: Server;
  let url: string;
  let builds = 0;
  let isBroken = true;

  async function build(): Promise<Modules> {
    builds += 1;
    if (isBroken) throw new Error('a module does not build');
    return new Map([['hepar-extension.js', Buffer.from('export default {};')]]);
  }

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-viewer-'));
    await mkdir(join(dir, 'assets'));
    await writeFile(join(dir, 'index.html'), INDEX);
    await writeFile(join(dir, 'app-config.js'), 'window.config = "of the package";');
    await writeFile(join(dir, 'app.bundle.0123456789abcdef.js'), '1');
    await writeFile(join(dir, 'assets', 'icon.svg'), '<svg/>');
    const app = createApp({
      config: readConfig({ HEPAR_AUTH: `token:${SECRET}`, HEPAR_ALLOWED_ORIGINS: FRIEND }),
      segmentations: { ping: async () => {}, countByState: async () => ({}) } as unknown as Segmentations,
      archive: new FakeArchive(),
      models: new ModelCatalogue([], undefined),
      metrics: new Metrics(async () => ({})),
      logger: pino({ level: 'silent' }),
      viewer: await openViewer(dir),
      plugins: servePlugins(build),
    });
    server = app.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  after(async () => {
    await new Promise((resolve) => server.close(resolve));
    await rm(dir, { recursive: true, force: true });
  });

  it('is one page at every address that a person may open, as links to studies are', async () => {
    for (const path of ['/', '/liver-lesions?StudyInstanceUIDs=1.2.3', '/viewer/dicomweb']) {
      const answer = await fetch(url + path, { headers: BROWSER });
      assert.deepEqual([answer.status, await answer.text()], [200, INDEX], path);
      assert.equal(answer.headers.get('cache-control'), 'no-cache', 'an update must reach the next visitor');
    }
  });

  it('takes no address of the server, whatever form of answer is asked for', async () => {
    for (const path of ['/api/segmentations', '/dicom-web/studies', '/wado', '/metrics', '/openapi.json']) {
      assert.equal((await fetch(url + path, { headers: STRANGER })).status, 401, path);
    }
    assert.equal(
      (await fetch(`${url}/healthz`, { headers: BROWSER })).headers.get('content-type')?.split(';')[0],
      'application/json',
    );
    assert.equal((await fetch(`${url}/missing.js`)).status, 401, 'a missing script is not a page');
  });

  it('leads a person to the sign-in, and from there to where they wanted to go', async () => {
    const study = '/liver-lesions?StudyInstanceUIDs=1.2.3';
    const led = await fetch(url + study, { headers: STRANGER, redirect: 'manual' });
    assert.equal(led.headers.get('location'), `/sign-in?to=${encodeURIComponent(study)}`);
    const form = await fetch(url + led.headers.get('location'), { headers: STRANGER });
    assert.match(await form.text(), /name="to" type="hidden" value="\/liver-lesions\?StudyInstanceUIDs=1.2.3"/);

    const wrong = await submit({ token: 'a-secret-of-others-also', to: study });
    assert.deepEqual([wrong.status, wrong.headers.get('set-cookie')], [401, null]);
    const right = await submit({ token: SECRET, to: study });
    assert.deepEqual([right.status, right.headers.get('location')], [303, study]);
    const cookie = right.headers.get('set-cookie')!;
    assert.match(cookie, /; HttpOnly; SameSite=Lax$/);
    const [session] = cookie.split(';');
    assert.equal((await fetch(`${url}/api/models`, { headers: { cookie: session! } })).status, 200);
    assert.equal((await fetch(`${url}/api/models`, { headers: { cookie: 'hepar_token=%E0%A4%A' } })).status, 401);
  });

  it('sends nobody elsewhere, and lets no other site sign anybody in', async () => {
    for (const to of ['https://evil.example/', '//evil.example/', '/\\evil.example', 'javascript:alert(1)']) {
      assert.equal((await submit({ token: SECRET, to })).headers.get('location'), '/', to);
    }
    const quoted = await fetch(`${url}/sign-in?to=${encodeURIComponent('/"><script>')}`, { headers: STRANGER });
    assert.ok(!(await quoted.text()).includes('<script>'));
    assert.equal((await submit({ token: SECRET }, { origin: 'https://evil.example' })).status, 403);
  });

  const submit = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(`${url}/sign-in`, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual', headers });

  it('keeps in the browser what is named by its content, and asks again for all else', async () => {
    const cacheOf = async (path: string) => (await fetch(url + path)).headers.get('cache-control');
    assert.match((await cacheOf('/app.bundle.0123456789abcdef.js'))!, /immutable/);
    assert.equal(await cacheOf('/assets/icon.svg'), 'no-cache');
  });

  it('works under a policy that lets nothing be fetched from elsewhere, and no script run but its own', async () => {
    const policy = (await fetch(url, { headers: BROWSER })).headers.get('content-security-policy')!;
    const directives = new Map(
      policy.split(';').map((each) => [each.split(' ')[0]!, each.split(' ').slice(1)] as const),
    );
    assert.ok(!policy.includes('http'), 'no other site');
    assert.ok(!directives.get('script-src')!.includes("'unsafe-inline'"));
    // openssl dgst -sha256 -binary | base64 of window.PUBLIC_URL="/"
    assert.ok(
      directives.get('script-src')!.includes("'sha256-iDPt/Ua3DNNwIdzDqulCGYDYPv58ixnA75eez8NxOJg='"),
      String(directives.get('script-src')),
    );
    assert.deepEqual(directives.get('worker-src'), ["'self'", 'blob:']);
    assert.deepEqual(directives.get('connect-src'), ["'self'", 'data:', 'blob:']);
  });

  it('reads the archive and our modules from this server, not what its package says', async () => {
    const window: { config?: { dataSources: { configuration: Record<string, unknown> }[]; extensions: string[] } } = {};
    runInNewContext(await (await fetch(`${url}/app-config.js`)).text(), { window });
    const { wadoRoot, qidoRoot, wadoUriRoot } = window.config!.dataSources[0]!.configuration;
    assert.deepEqual([wadoRoot, qidoRoot, wadoUriRoot], ['/dicom-web', '/dicom-web', '/wado']);
    assert.equal(window.config!.extensions.length, 1);
  });

  it('gives its modules to viewers of allowed origins, and tries again to build what did not build', async () => {
    const module = `${url}/plugins/hepar-extension.js`;
    assert.equal((await fetch(module)).status, 500);
    isBroken = false;
    const answer = await fetch(module, { headers: { origin: FRIEND } });
    assert.deepEqual([answer.status, await answer.text()], [200, 'export default {};']);
    assert.equal(answer.headers.get('content-type'), 'text/javascript; charset=utf-8');
    assert.equal(answer.headers.get('access-control-allow-origin'), FRIEND);
    const other = await fetch(module, { headers: { origin: 'https://other.example' } });
    assert.equal(other.headers.get('access-control-allow-origin'), null);
    assert.equal(await statusOf(module, { 'if-none-match': answer.headers.get('etag')! }), 304);
    assert.equal((await fetch(`${url}/plugins/other.js`)).status, 404);
    assert.equal(builds, 2);
  });

  it('is absent where none is installed', async () => {
    assert.equal(await openViewer(join(dir, 'assets')), null);
  });
});

/** As a browser asks; Node's own fetch forbids answers from a cache. */
function statusOf(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { headers }, (message) => {
      message.resume();
      resolve(message.statusCode);
    }).once('error', reject);
  });
}
