import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { AuditView, OperationsView, RerunView, SegmentationView } from '../../server/src/http/contract.ts';
import type { Model } from '../../server/src/inference/model.ts';
import { openEmbeddedDatabase } from '../../server/src/jobs/embedded-database.ts';
import type { RunningServer } from '../../server/src/server.ts';
import { provideQueue } from '../support/data-dir.ts';
import { bundledModels, FakeArchive, isIn, json, startTestServer } from '../unit/http/support.ts';
import { SERIES, STUDY } from '../unit/jobs/fake-pipeline.ts';

const COMMAND = fileURLToPath(new URL('../../server/src/cli/main.ts', import.meta.url));
const SECRET = 'a-secret-of-anna-0123456789';

/** What the person sees who looks after a server: a real one with a real queue, on a pipeline that computes nothing. */
describe('operations', () => {
  let dir: string;
  let server: RunningServer;
  let models: Model[];
  const auth = { authorization: `Bearer ${SECRET}` };

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-operations-'));
    await provideQueue(join(dir, 'data'));
    const [model] = await bundledModels();
    const next = { ...model!, digest: 'f'.repeat(64), manifest: { ...model!.manifest, id: 'next', version: '9.0.0' } };
    models = [model!, next];
    server = await start();
  });
  after(async () => {
    await server?.close();
    await rm(dir, { recursive: true, force: true });
  });

  const start = () =>
    startTestServer(dir, {
      models,
      archive: new FakeArchive(),
      retryDelaySeconds: 0,
      environment: { HEPAR_AUTH: `token:anna=${SECRET}`, HEPAR_MODEL: models[0]!.manifest.id },
    });
  const get = async <T>(path: string) => json<T>(fetch(server.url + path, { headers: auth }));
  const post = (path: string, body: object = {}) =>
    fetch(server.url + path, {
      method: 'POST',
      headers: { ...auth, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const request = (seriesInstanceUID: string, more: object = {}) =>
    json(post('/api/segmentations', { studyInstanceUID: STUDY, seriesInstanceUID, ...more }));
  async function ended(id: string): Promise<SegmentationView> {
    for (;;) {
      const run = await get<SegmentationView>(`/api/segmentations/${id}`);
      if (!isIn('queued', 'running')(run)) return run;
      await sleep(30);
    }
  }
  async function hepar(...args: string[]): Promise<string> {
    const env = { ...process.env, HEPAR_URL: server.url, HEPAR_TOKEN: SECRET };
    return (await promisify(execFile)(process.execPath, [COMMAND, ...args], { env })).stdout;
  }

  it('counts what runs, waits, is done, refused by reason and failed, and says what the worker is doing', async () => {
    const done = await request(SERIES.quick);
    const refused = await request(SERIES.tilted);
    const failed = await request(SERIES.broken);
    for (const { id } of [done, refused, failed]) await ended(id);
    const endless = await request(SERIES.endless);
    const waiting = await request(SERIES.endlessToo);
    for (;;) {
      if ((await get<SegmentationView>(`/api/segmentations/${endless.id}`)).state === 'running') break;
      await sleep(30);
    }
    await sleep(300);
    const view = await get<OperationsView>('/api/operations');
    deepEqual(view.runs, { queued: 1, running: 1, done: 1, refused: 1, failed: 1, cancelled: 0 });
    deepEqual([view.refused, view.failed], [{ 'gantry-tilt': 1 }, { 'type-error': 1 }]);
    deepEqual(view.waiting.byOrigin, { click: 1, automation: 0 });
    deepEqual([view.speed.doneLastHour, view.speed.doneLastDay], [1, 1]);
    const [worker] = view.workers;
    deepEqual([worker!.kind, worker!.runId, worker!.device, worker!.runsDone], ['companion', endless.id, 'CPU', 1]);
    ok(worker!.silentSeconds < 30);

    const figures = await (await fetch(`${server.url}/metrics`, { headers: auth })).text();
    match(figures, /^hepar_runs_refused\{code="gantry-tilt"\} 1$/m);
    match(figures, /^hepar_runs_waiting\{origin="click"\} 1$/m);
    match(figures, /^hepar_worker_busy\{worker="[^"]+"\} 1$/m);

    const status = await hepar('status');
    match(status, /^running +1$/m);
    match(status, /^refused +1: 1 gantry-tilt$/m);
    match(status, new RegExp(`^worker +\\S+ \\(companion\\): CPU, 1 done, at work on ${endless.id}`, 'm'));
    for (const { id } of [endless, waiting]) {
      await fetch(`${server.url}/api/segmentations/${id}`, { method: 'DELETE', headers: auth });
      equal((await ended(id)).state, 'cancelled');
    }
  });

  it('shows the same on a page, to those who have signed in', async () => {
    const page = await fetch(`${server.url}/operations`, { headers: { cookie: `hepar_token=${SECRET}` } });
    match(page.headers.get('content-type')!, /html/);
    match(page.headers.get('content-security-policy')!, /script-src 'self'/);
    const html = await page.text();
    match(html, /<li class="good"><b>1<\/b>done<\/li>/);
    match(html, /gantry-tilt/);
    const stranger = await fetch(`${server.url}/operations`, { redirect: 'manual' });
    deepEqual([stranger.status, stranger.headers.get('location')], [302, '/sign-in?to=%2Foperations']);
    equal((await fetch(`${server.url}/api/operations`)).status, 401);
  });

  it('lists dead letters with their reason, and queues them again by one command', async () => {
    const [dead] = await get<SegmentationView[]>('/api/segmentations?state=failed');
    const listed = await hepar('runs', 'failed');
    match(listed, new RegExp(`^${dead!.id} .*1 tried +type-error +something is not a function$`, 'm'));
    match(await hepar('runs', 'retry', dead!.id), /queued/);
    equal((await ended(dead!.id)).state, 'failed');
    equal(await hepar('runs', 'retry', '--all'), '1 queued\n');
    equal((await ended(dead!.id)).state, 'failed');
    const [done] = await get<SegmentationView[]>('/api/segmentations?state=done');
    equal((await post(`/api/segmentations/${done!.id}/retry`)).status, 409);
    await rejects(hepar('runs', 'retry', '0'.repeat(32)), /There is no such run/);
    await rejects(hepar('runs', 'retry'), /usage/);
    equal((await fetch(`${server.url}/api/segmentations?state=lost`, { headers: auth })).status, 422);
  });

  it('has a new model do it all again at a pace, once, also across a restart', async () => {
    const before = await get<SegmentationView[]>('/api/segmentations?state=done');
    await ended((await request(SERIES.talkative)).id);
    match(await hepar('rerun', '--model', 'next', '--per-hour', '1'), /^next 9\.0\.0: active, 1 queued so far, 1 left/);
    await server.close();
    server = await start();
    const again = await json<RerunView>(post('/api/reruns', { model: 'next', perHour: 3_600 }));
    deepEqual([again.state, again.perHour], ['active', 3_600]);
    for (;;) {
      const [rerun] = await get<RerunView[]>('/api/reruns');
      if (rerun!.state === 'done') break;
      await sleep(200);
    }
    const all = await get<SegmentationView[]>('/api/segmentations');
    const byNext = all.filter(({ model }) => model.id === 'next');
    deepEqual(byNext.map(({ seriesInstanceUID }) => seriesInstanceUID).sort(), [SERIES.quick, SERIES.talkative].sort());
    for (const { id } of byNext) {
      const run = await ended(id);
      deepEqual([run.state, run.origin, run.priority], ['done', 'automation', 0]);
      ok([before[0]!.id, ...all.map((each) => each.id)].includes(run.supersedes!), 'it says what it supersedes');
    }
    equal((await json<RerunView>(post('/api/reruns', { model: 'next', perHour: 5 }))).left, 0);
    for (const body of [{ model: 'none', perHour: 1 }, { model: 'next' }, { model: 'next', perHour: 0 }]) {
      equal((await post('/api/reruns', body)).status, 422);
    }
    await rejects(hepar('rerun', '--model', 'next', '--per-hour', 'x'), /--per-hour must be a whole number/);
    await rejects(hepar('rerun', '--model', 'next', '--per-hour', '1', '--since', 'y'), /--since must be a date/);
  });

  it('keeps a log of who asked for what and what came of it, which nobody can change', async () => {
    const entries = await get<AuditView>('/api/audit');
    const [done] = await get<SegmentationView[]>(`/api/segmentations?series=${SERIES.talkative}&state=done`);
    const own = entries.filter(({ run }) => run === done!.id);
    const events = own.map(({ event }) => event);
    deepEqual(events, ['asked', 'begun', 'stored']);
    ok(entries.some(({ event, who }) => event === 'asked' && who === 'anna'));
    ok(entries.some(({ event, who }) => event === 'retried' && who === 'anna'));
    ok(entries.some(({ event, who }) => event === 'rerun-asked' && who === 'anna'));
    ok(entries.some(({ event, details }) => event === 'refused' && details.code === 'gantry-tilt'));
    deepEqual(
      entries.map(({ number }) => number),
      entries.map(({ number }) => number).toSorted((a, b) => a - b),
    );
    match(await hepar('audit', '--run', done!.id), /asked +\S+ .*\n.*begun.*\n.*stored/);
    equal((await fetch(`${server.url}/api/audit?after=x`, { headers: auth })).status, 422);

    await server.close();
    const database = await openEmbeddedDatabase(join(dir, 'data', 'queue'));
    try {
      for (const change of ['UPDATE hepar.audit SET who = NULL', 'DELETE FROM hepar.audit', 'TRUNCATE hepar.audit']) {
        await rejects(database.executeSql(change), /only ever added to/);
      }
    } finally {
      await database.close();
    }
    server = await start();
  });

  it('says in one line when no server answers', async () => {
    const env = { ...process.env, HEPAR_URL: 'http://127.0.0.1:1' };
    const asked = promisify(execFile)(process.execPath, [COMMAND, 'status'], { env });
    await rejects(asked, ({ stderr, code }: Error & { stderr: string; code: number }) => {
      match(
        stderr,
        /^hepar status: No companion server answers at http:\/\/127\.0\.0\.1:1: HEPAR_URL names another\.\n$/,
      );
      return code === 1;
    });
  });
});
