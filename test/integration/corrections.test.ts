import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type {
  CorrectionRequest,
  ErrorView,
  SegmentationView,
  StudySeriesView,
} from '../../server/src/http/contract.ts';
import type { RunningServer } from '../../server/src/server.ts';
import { provideQueue } from '../support/data-dir.ts';
import { watchEventLoop } from '../support/event-loop.ts';
import { ask, FakeArchive, isIn, json, readEvents, startTestServer, until } from '../unit/http/support.ts';
import { SERIES, STUDY } from '../unit/jobs/fake-pipeline.ts';

const ORIGIN = 'https://viewer.example';
const ADLER = { authorization: 'Bearer 0123456789abcdef' };
const BAUER = { authorization: 'Bearer fedcba9876543210' };

/** Of the fake pipeline's series: three slices of 4 x 3 pixels. */
function correction(parts: Partial<CorrectionRequest> = {}, pixels = 5): CorrectionRequest {
  return {
    columns: 4,
    rows: 3,
    segments: [
      { segment: 1, kind: 'liver' },
      { segment: 2, kind: 'lesion' },
    ],
    slices: ['1.2.3.1', '1.2.3.2', '1.2.3.3'].map((sopInstanceUID, k) => ({
      sopInstanceUID,
      runs: k === 1 ? [1, 0, 12, 2, 3, pixels] : [],
    })),
    ...parts,
  };
}

describe('corrections over HTTP', () => {
  let dir: string;
  let server: RunningServer;
  let url: string;
  let original: SegmentationView;
  const archive = new FakeArchive();
  const environment = {
    HEPAR_AUTH: 'token:dr-adler=0123456789abcdef,dr-bauer=fedcba9876543210',
    HEPAR_ALLOWED_ORIGINS: ORIGIN,
    HEPAR_VIEWER: 'off',
  };
  const start = () => startTestServer(dir, { archive, environment });

  const send = (id: string, body: unknown, headers: Record<string, string> = {}) => {
    const bytes = typeof body === 'string' ? body : JSON.stringify(body);
    const isPacked = headers['content-encoding'] === 'gzip';
    return fetch(`${url}/api/segmentations/${id}/corrections`, {
      method: 'POST',
      headers: { ...ADLER, 'content-type': 'application/json', ...headers },
      body: isPacked ? gzipSync(bytes) : bytes,
    });
  };
  const get = (path: string) => fetch(`${url}${path}`, { headers: ADLER });

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-corrections-'));
    await provideQueue(join(dir, 'data'));
    server = await start();
    url = server.url;
    const { id } = await json(ask(url, SERIES.quick, {}, ADLER));
    original = await until(url, id, isIn('done', 'failed'), 90_000, ADLER);
  });

  after(async () => {
    await server?.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('is a run with its course and its findings, which says what was corrected and by whom', async () => {
    const answer = await send(original.id, correction());
    assert.equal(answer.status, 202);
    const run = await json(answer);
    assert.equal(answer.headers.get('location'), `/api/segmentations/${run.id}`);
    assert.deepEqual([run.kind, run.corrects, run.reviewer], ['correction', original.id, 'dr-adler']);
    const events = await readEvents(await get(`/api/segmentations/${run.id}/events`));
    assert.equal(events.at(-1)!.run.state, 'done');
    const done = await json(get(`/api/segmentations/${run.id}`));
    assert.equal(done.supersedes, original.id);
    const findings = await json<Record<string, unknown>>(get(`/api/segmentations/${run.id}/findings`));
    assert.deepEqual([findings.kind, findings.corrects, findings.reviewer], ['correction', original.id, 'dr-adler']);
    assert.equal((await get(`/api/segmentations/${run.id}/preview`)).status, 200);
    assert.equal((await json(get(`/api/segmentations/${original.id}`))).state, 'done', 'the original stays');
  });

  it('is one run when it is sent twice, packed or not, and another by somebody else', async () => {
    const known = await send(original.id, correction());
    assert.equal(known.status, 200);
    const packed = await send(original.id, correction(), { 'content-encoding': 'gzip' });
    assert.equal(packed.status, 200);
    const backwards = correction();
    const turned = { ...backwards, slices: backwards.slices.toReversed() };
    const { id } = await json(known);
    assert.equal((await json(send(original.id, turned))).id, id);
    const other = await send(original.id, correction(), BAUER);
    assert.equal(other.status, 202);
    const others = await json(other);
    assert.notEqual(others.id, id);
    assert.equal((await until(url, others.id, isIn('done'), 90_000, ADLER)).supersedes, id);
    const again = await json(send(others.id, correction({}, 4)));
    assert.deepEqual([again.corrects, again.kind], [others.id, 'correction'], 'a correction can be corrected');
    await until(url, again.id, isIn('done'), 90_000, ADLER);
  });

  it('stays current when a model runs again, and the newer result is told of', async () => {
    archive.series = [
      { seriesInstanceUid: SERIES.quick, modality: 'CT', description: 'pv', seriesNumber: 1, instances: 3 },
    ];
    const current = async () => (await json<StudySeriesView[]>(get(`/api/studies/${STUDY}/series`)))[0]!;
    const before = await current();
    assert.equal(before.currentResult!.kind, 'correction');
    assert.deepEqual([before.currentResult!.reviewer, before.newerSegmentation], ['dr-adler', null]);
    const repeated = await json(ask(url, SERIES.quick, { repeat: 1 }, ADLER));
    const done = await until(url, repeated.id, isIn('done', 'failed'), 90_000, ADLER);
    assert.equal(done.supersedes, original.id, 'a model takes the place of a model');
    const after = await current();
    assert.equal(after.currentResult!.run, before.currentResult!.run);
    assert.equal(after.newerSegmentation, repeated.id);
  });

  it('survives a restart of the server before its turn', async () => {
    const endless = await json(ask(url, SERIES.endless, {}, ADLER));
    await until(url, endless.id, isIn('running'), 90_000, ADLER);
    const waiting = await json(send(original.id, correction({}, 2)));
    assert.deepEqual([waiting.state, waiting.position], ['queued', 1]);
    const second = await json(send(original.id, correction({}, 3)));
    assert.equal(second.position, 2);
    await server.close();
    server = await start();
    url = server.url;
    await fetch(`${url}/api/segmentations/${endless.id}`, { method: 'DELETE', headers: ADLER });
    for (const { id } of [waiting, second]) {
      const done = await until(url, id, isIn('done', 'failed'), 90_000, ADLER);
      assert.deepEqual([done.state, done.position], ['done', null]);
    }
  });

  const one = (runs: number[]) => correction().slices.map((slice, k) => ({ ...slice, runs: k === 0 ? runs : [] }));
  for (const [what, status, code, request] of [
    ['of an unknown run', 404, 'unknown-run', () => send('0'.repeat(32), correction())],
    ['of another size', 422, 'wrong-size', () => send(original.id, correction({ columns: 3, rows: 4 }))],
    [
      'of other slices',
      422,
      'other-slices',
      () => send(original.id, correction({ slices: [{ sopInstanceUID: '1.2.9', runs: [] }] })),
    ],
    [
      'with a segment that is not declared',
      422,
      'undeclared-segment',
      () => send(original.id, correction({ slices: one([9, 0, 1]) })),
    ],
    ['with pixels outside', 422, 'outside', () => send(original.id, correction({ slices: one([1, 11, 2]) }))],
    ['without a pixel', 422, 'empty', () => send(original.id, correction({ slices: one([]) }))],
    [
      'of a lesion of another result',
      422,
      'unknown-lesion',
      () => send(original.id, correction({ segments: [{ segment: 1, kind: 'lesion', trackingUid: '2.25.1' }] })),
    ],
    ['that is no JSON', 422, 'malformed', () => send(original.id, '{')],
    ['without a body', 422, 'malformed', () => send(original.id, '')],
    [
      'that is said to be packed and is not',
      400,
      'bad-request',
      () =>
        fetch(`${url}/api/segmentations/${original.id}/corrections`, {
          method: 'POST',
          headers: { ...ADLER, 'content-type': 'application/json', 'content-encoding': 'gzip' },
          body: '{}',
        }),
    ],
    [
      'packed in an unknown way',
      415,
      'unsupported-encoding',
      () => send(original.id, correction(), { 'content-encoding': 'zip' }),
    ],
    [
      'of 33 MB that are packed into 40 kB',
      413,
      'too-large',
      () => send(original.id, `[${'0,'.repeat(17_000_000)}0]`, { 'content-encoding': 'gzip' }),
    ],
    ['as a form', 415, 'not-json', () => send(original.id, 'a=b', { 'content-type': 'text/plain' })],
    ['by nobody', 401, 'unauthorized', () => send(original.id, correction(), { authorization: 'Bearer wrong' })],
    [
      'from a page of another site',
      403,
      'origin-not-allowed',
      () => send(original.id, correction(), { origin: 'https://evil.example' }),
    ],
  ] as const) {
    it(`is turned away ${what}: ${status} ${code}, in one line`, async () => {
      const response = await request();
      const { error } = await json<ErrorView>(response);
      assert.deepEqual([response.status, error.code], [status, code]);
      assert.match(error.message, /^[^\n]{10,300}$/);
    });
  }

  it('is turned away of a run that is not done', async () => {
    const { id } = await json(ask(url, SERIES.tilted, {}, ADLER));
    await until(url, id, isIn('refused'), 90_000, ADLER);
    const response = await send(id, correction());
    assert.deepEqual([response.status, (await json<ErrorView>(response)).error.code], [409, 'not-done']);
  });

  it('may come packed from the page of an allowed viewer, which asks first', async () => {
    const preflight = await fetch(`${url}/api/segmentations/${original.id}/corrections`, {
      method: 'OPTIONS',
      headers: {
        origin: ORIGIN,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-encoding,content-type',
      },
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get('access-control-allow-origin'), ORIGIN);
    const allowed = preflight.headers.get('access-control-allow-headers')!.toLowerCase();
    for (const header of ['authorization', 'content-encoding', 'content-type']) assert.ok(allowed.includes(header));
    const answer = await send(original.id, correction(), { origin: ORIGIN, 'content-encoding': 'gzip' });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('access-control-allow-origin'), ORIGIN);
    assert.match(answer.headers.get('access-control-expose-headers')!, /Location/);
  });

  it('comes from a viewer of one’s own: this server gives it the modules, and no way through to the archive', async () => {
    const module = await fetch(`${url}/plugins/hepar-extension.js`, { headers: { origin: ORIGIN } });
    assert.equal(module.status, 200);
    assert.equal(module.headers.get('access-control-allow-origin'), ORIGIN);
    assert.match(module.headers.get('content-type')!, /javascript/);
    for (const path of ['/', '/dicom-web/studies', '/wado']) assert.equal((await get(path)).status, 404, path);
  });

  it('of a megabyte is read away from the event loop', async () => {
    // As many runs as 30 lesions on 160 slices have; that they are of another image is found at the end.
    const runs = Array.from({ length: 100_000 }, (_, n) => [1, n * 2, 1]).flat();
    const body = JSON.stringify(correction({ slices: [{ sopInstanceUID: '1.2.9', runs }] }));
    assert.ok(body.length > 1_000_000);
    const watch = watchEventLoop();
    const response = await send(original.id, body);
    const { longestComputingMs } = watch.read();
    watch.stop();
    assert.equal(response.status, 422);
    assert.ok(longestComputingMs > 0 && longestComputingMs < 50, `${longestComputingMs.toFixed(1)} ms`);
  });
});
