import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { findingsSchema } from '../../server/src/findings/schema.ts';
import type { ErrorView, SegmentationView, StudySeriesView } from '../../server/src/http/contract.ts';
import { PHASES } from '../../server/src/progress.ts';
import type { RunningServer } from '../../server/src/server.ts';
import { provideQueue } from '../support/data-dir.ts';
import { watchEventLoop } from '../support/event-loop.ts';
import { ask, FakeArchive, isIn, json, readEvents, startTestServer, until } from '../unit/http/support.ts';
import { SERIES, STUDY } from '../unit/jobs/fake-pipeline.ts';

interface OpenApi {
  paths: Record<
    string,
    Record<string, { responses: Record<string, { content: Record<string, { schema: { $ref: string } }> }> }>
  >;
}

describe('segmentations over HTTP', () => {
  let dir: string;
  let server: RunningServer;
  let url: string;
  const archive = new FakeArchive();

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-http-'));
    await provideQueue(join(dir, 'data'));
    server = await startTestServer(dir, { archive });
    url = server.url;
  });

  after(async () => {
    await server?.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('does what it is asked for: 202 with the address of the run, then findings and picture', async () => {
    const asked = await ask(url, SERIES.quick);
    assert.equal(asked.status, 202);
    const { id, state } = await json(asked);
    assert.equal(state, 'queued');
    assert.equal(asked.headers.get('location'), `/api/segmentations/${id}`);
    const done = await until(url, id, isIn('done', 'failed'));
    assert.deepEqual(
      [done.state, done.phase, done.fraction, done.progress, done.remainingMs, done.attempt],
      ['done', 'store', 1, 1, null, 1],
    );
    assert.ok(done.elapsedMs! > 0);

    const findings = findingsSchema.parse(await json(fetch(`${url}/api/segmentations/${id}/findings`)));
    assert.equal(findings.run, id);
    const preview = await fetch(`${url}/api/segmentations/${id}/preview`);
    assert.equal(preview.headers.get('content-type'), 'image/png');
    assert.equal(Buffer.from(await preview.arrayBuffer()).toString('hex'), '89504e470d0a1a0a');
  });

  it('makes one run of the same request, also when it comes ten times at once', async () => {
    const series = SERIES.endless;
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(url, series)));
    const statuses = answers.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [...Array(9).fill(200), 202]);
    const ids = new Set((await Promise.all(answers.map((answer) => json(answer)))).map(({ id }) => id));
    assert.equal(ids.size, 1);
    await fetch(`${url}/api/segmentations/${[...ids][0]}`, { method: 'DELETE' });
    await until(url, [...ids][0]!, isIn('cancelled'));
  });

  it('tells of each series of a study what is at work and what is done, and whether the result is of all its images', async () => {
    archive.series = [SERIES.quick, SERIES.endless].map((seriesInstanceUid, index) => ({
      seriesInstanceUid,
      modality: 'CT',
      description: 'portal venous',
      seriesNumber: index,
      instances: 100,
    }));
    // As many frames as make a liver.
    archive.image = { ...archive.image, frames: 40 };
    const seriesOf = () => json<StudySeriesView[]>(fetch(`${url}/api/studies/${STUDY}/series`));
    const done = await until(url, (await json(ask(url, SERIES.quick))).id, isIn('done'));
    const running = await until(url, (await json(ask(url, SERIES.endless, { repeat: 7 }))).id, isIn('running'));

    const [quick, endless] = await seriesOf();
    assert.equal(quick!.currentResult!.run, done.id);
    assert.deepEqual([quick!.activeRun, quick!.currentResult!.coversAllInstances], [null, true]);
    assert.deepEqual([endless!.activeRun, endless!.currentResult], [running.id, null]);
    assert.deepEqual([quick!.recommended, endless!.recommended], [true, false]);
    archive.instances.push('1.2.3.9');
    assert.equal((await seriesOf())[0]!.currentResult!.coversAllInstances, false, 'a late slice');
    archive.instances.pop();

    await fetch(`${url}/api/segmentations/${running.id}`, { method: 'DELETE' });
    await until(url, running.id, isIn('cancelled'));
    archive.isDown = true;
    assert.equal((await fetch(`${url}/api/studies/${STUDY}/series`)).status, 502);
    archive.isDown = false;
  });

  it('makes another run of a repeat, and of a series that has got more slices, which says what it supersedes', async () => {
    const first = await json(ask(url, SERIES.quick));
    assert.equal(first.state, 'done');
    const again = await json(ask(url, SERIES.quick, { repeat: 1 }));
    assert.notEqual(again.id, first.id);
    assert.equal((await until(url, again.id, isIn('done'))).supersedes, first.id);
    archive.instances.push('1.2.3.4');
    const more = await json(ask(url, SERIES.quick));
    archive.instances.reverse();
    assert.equal((await json(ask(url, SERIES.quick))).id, more.id, 'the archive’s order does not matter');
    archive.instances = archive.instances.filter((uid) => uid !== '1.2.3.4').sort();
    assert.ok(![first.id, again.id].includes(more.id));
    const { supersedes } = await until(url, more.id, isIn('done'));
    assert.equal(supersedes, again.id);
    const findings = await json<{ supersedes: string }>(fetch(`${url}/api/segmentations/${more.id}/findings`));
    assert.equal(findings.supersedes, again.id);
  });

  it('tells why a series is unsuitable, once and for all', async () => {
    const { id } = await json(ask(url, SERIES.tilted));
    const run = await until(url, id, isIn('refused', 'failed'));
    assert.deepEqual(run.refusal, {
      code: 'gantry-tilt',
      message: 'The gantry was tilted by 12.5 degrees.',
      figures: { degrees: 12.5 },
    });
    assert.equal(run.attempt, 1);
    assert.equal((await ask(url, SERIES.tilted)).status, 200);
    const findings = await fetch(`${url}/api/segmentations/${id}/findings`);
    assert.equal(findings.status, 409);
  });

  it('tries again when the archive was down, and then it is done', async () => {
    const { id } = await json(ask(url, SERIES.archiveDownOnce));
    const waiting = await until(url, id, ({ failure }) => failure !== null);
    assert.equal(waiting.state, 'queued');
    assert.equal(waiting.failure?.code, 'archive-unreachable');
    const done = await until(url, id, isIn('done', 'failed'));
    assert.deepEqual([done.state, done.attempt, done.failure], ['done', 2, null]);
  });

  it('fails at once when a retry would not help, in one line, and can be asked for again', async () => {
    const { id } = await json(ask(url, SERIES.broken));
    const failed = await until(url, id, isIn('failed', 'done'));
    assert.deepEqual(
      [failed.attempt, failed.failure],
      [1, { code: 'type-error', message: 'something is not a function' }],
    );
    const again = await ask(url, SERIES.broken);
    assert.equal(again.status, 202);
    assert.equal((await json(again)).id, id);
    await until(url, id, isIn('failed'));
  });

  it('cancels a running run and a queued one', async () => {
    const running = await json(ask(url, SERIES.endless));
    await until(url, running.id, ({ phase }) => phase === 'segment');
    const queued = await json(ask(url, SERIES.talkative, { repeat: 7 }));
    const second = await fetch(`${url}/api/segmentations/${queued.id}`, { method: 'DELETE' });
    assert.equal(second.status, 200);
    assert.equal((await json(second)).state, 'cancelled');
    const first = await fetch(`${url}/api/segmentations/${running.id}`, { method: 'DELETE' });
    assert.equal(first.status, 202);
    const cancelled = await until(url, running.id, ({ state }) => state !== 'running');
    assert.equal(cancelled.state, 'cancelled');
    assert.equal((await fetch(`${url}/api/segmentations/${running.id}`, { method: 'DELETE' })).status, 200);
    // What was cancelled stays so: the worker goes on with the next.
    const next = await json(ask(url, SERIES.quick, { repeat: 70 }));
    await until(url, next.id, isIn('done'));
    assert.equal((await json(fetch(`${url}/api/segmentations/${queued.id}`))).state, 'cancelled');
    assert.equal((await fetch(`${url}/api/segmentations/${next.id}`, { method: 'DELETE' })).status, 409);
  });

  it('streams the course of a run, from queued to its end, and then says that it is over', async () => {
    const { id } = await json(ask(url, SERIES.talkative));
    const response = await fetch(`${url}/api/segmentations/${id}/events`);
    assert.match(response.headers.get('content-type')!, /^text\/event-stream/);
    const events = await readEvents(response);

    const states = events.filter(({ event }) => event === 'state').map(({ run }) => run.state);
    assert.deepEqual(states.slice(-2), ['running', 'done']);
    assert.equal(events[0]!.event, 'state');
    const progress = events.filter(({ event }) => event === 'progress').map(({ run }) => run);
    assert.ok(progress.length >= 4, `${progress.length} events of progress`);
    assert.ok(progress.some((run) => run.phase === 'segment' && run.fraction! > 0.2 && run.fraction! < 1));
    assert.ok(progress.some((run) => run.remainingMs !== null && run.elapsedMs !== null));
    const whole = progress.map((run) => run.progress!);
    assert.deepEqual(
      whole,
      whole.toSorted((a, b) => a - b),
      'progress never goes back',
    );
    const phases = [...new Set(progress.map(({ phase }) => phase))].filter((phase) => phase !== null);
    assert.deepEqual(
      phases,
      PHASES.filter((phase) => phases.includes(phase)),
      'phases come in their order',
    );

    assert.equal(events.at(-1)!.id, 'end');
    const late = await readEvents(await fetch(`${url}/api/segmentations/${id}/events`));
    assert.deepEqual(
      late.map(({ event, run }) => [event, run.state]),
      [['state', 'done']],
    );
    const knowing = await fetch(`${url}/api/segmentations/${id}/events`, { headers: { 'last-event-id': 'end' } });
    assert.equal(knowing.status, 204);
  });

  it('never computes for 50 ms without a pause while a run goes on', async () => {
    const { id } = await json(ask(url, SERIES.talkative, { repeat: 100 }));
    const watch = watchEventLoop();
    await readEvents(await fetch(`${url}/api/segmentations/${id}/events`));
    const { longestComputingMs } = watch.read();
    watch.stop();
    assert.ok(longestComputingMs > 0 && longestComputingMs < 50, `${longestComputingMs.toFixed(1)} ms`);
  });

  it('lists the runs of a study and of a series, newest first', async () => {
    const all = await json<SegmentationView[]>(fetch(`${url}/api/segmentations?study=${STUDY}`));
    const quick = await json<SegmentationView[]>(fetch(`${url}/api/segmentations?series=${SERIES.quick}`));
    assert.ok(quick.length >= 3 && quick.length < all.length);
    assert.ok(quick.every((run) => run.seriesInstanceUID === SERIES.quick));
    const times = quick.map((run) => run.createdAt);
    assert.deepEqual(times, times.toSorted().reverse());
    assert.deepEqual(await json(fetch(`${url}/api/segmentations?study=1.2.3`)), []);
  });

  for (const [what, status, send] of [
    ['an unknown series', 404, () => ask(url, '1.2.3')],
    ['a malformed UID', 422, () => ask(url, '../../etc/passwd')],
    ['a field that does not exist', 422, () => ask(url, SERIES.quick, { force: true })],
    ['a model that does not exist', 422, () => ask(url, SERIES.quick, { model: 'none' })],
    ['a broken body', 422, () => post('{', 'application/json')],
    ['no body', 422, () => post('', 'application/json')],
    ['a form', 415, () => post('a=b', 'application/x-www-form-urlencoded')],
    ['JSON that says it is text', 415, () => post('{}', 'text/plain')],
    ['a body of 20 kB', 413, () => post(JSON.stringify({ a: 'x'.repeat(20_000) }), 'application/json')],
    ['an unknown run', 404, () => fetch(`${url}/api/segmentations/${'0'.repeat(32)}`)],
    ['findings of an unknown run', 404, () => fetch(`${url}/api/segmentations/${'0'.repeat(32)}/findings`)],
    ['events of an unknown run', 404, () => fetch(`${url}/api/segmentations/x/events`)],
    ['cancelling an unknown run', 404, () => fetch(`${url}/api/segmentations/x`, { method: 'DELETE' })],
    ['a query that does not exist', 422, () => fetch(`${url}/api/segmentations?patient=1`)],
    ['a route of the future', 404, () => post('{}', 'application/json', '/webhooks/orthanc')],
    ['a run’s route that does not exist', 404, () => fetch(`${url}/api/segmentations/x/heatmap`)],
    ['a path that cannot be decoded', 400, () => fetch(`${url}/api/segmentations/%E0%A4%A`)],
  ] as const) {
    it(`answers ${what} with ${status}, as JSON without a stack`, async () => {
      const response = await send();
      assert.equal(response.status, status);
      const body = await json<ErrorView>(response);
      assert.deepEqual(Object.keys(body), ['error']);
      assert.deepEqual(Object.keys(body.error), ['code', 'message']);
      assert.doesNotMatch(JSON.stringify(body), /node_modules|\.ts:|at /);
    });
  }

  it('answers 502 while the archive is down, without the archive’s password', async () => {
    archive.isDown = true;
    const response = await ask(url, SERIES.quick, { repeat: 50 });
    const readiness = await fetch(`${url}/readyz`);
    archive.isDown = false;
    assert.equal(response.status, 502);
    assert.doesNotMatch(await response.text(), /secret/);
    assert.equal(readiness.status, 503);
    const { checks } = await json<{ checks: Record<string, { ok: boolean; reason: string }> }>(readiness);
    assert.deepEqual([checks.archive!.ok, checks.queue!.ok, checks.model!.ok], [false, true, true]);
    assert.match(checks.archive!.reason, /cannot be reached/);
    assert.equal((await fetch(`${url}/readyz`)).status, 200);
  });

  it('answers as its OpenAPI description says', async () => {
    const description = await json<OpenApi>(fetch(`${url}/openapi.json`));
    const ajv = new Ajv2020.default({ strict: false });
    addFormats.default(ajv);
    ajv.addSchema({ $id: 'hepar:api', ...description });
    const { id } = await json(ask(url, SERIES.quick));
    const refused = await json(ask(url, SERIES.tilted));
    const waiting = await json(ask(url, SERIES.endless, { repeat: 60 }));
    const calls: [method: string, template: string, path?: string][] = [
      ['get', '/api/segmentations'],
      ['get', '/api/segmentations/{id}', `/api/segmentations/${id}`],
      ['get', '/api/segmentations/{id}', `/api/segmentations/${refused.id}`],
      ['get', '/api/segmentations/{id}', `/api/segmentations/${waiting.id}`],
      ['get', '/api/segmentations/{id}', '/api/segmentations/none'],
      ['get', '/api/segmentations/{id}/findings', `/api/segmentations/${id}/findings`],
      ['get', '/api/segmentations/{id}/findings', `/api/segmentations/${waiting.id}/findings`],
      ['get', '/api/segmentations/{id}/preview', `/api/segmentations/${waiting.id}/preview`],
      ['delete', '/api/segmentations/{id}', `/api/segmentations/${waiting.id}`],
      ['delete', '/api/segmentations/{id}', `/api/segmentations/${id}`],
      ['get', '/api/models'],
      ['get', '/healthz'],
      ['get', '/readyz'],
      ['post', '/api/segmentations'],
    ];
    for (const [method, template, path = template] of calls) {
      const response = await fetch(url + path, { method: method.toUpperCase() });
      const described = description.paths[template]![method]!.responses;
      const answer = described[String(response.status)] ?? described.default!;
      const reference = answer.content['application/json']!.schema.$ref;
      const validate = ajv.getSchema(`hepar:api${reference}`)!;
      assert.ok(validate(await json(response)), `${method} ${path}: ${JSON.stringify(validate.errors)}`);
    }
    await until(url, waiting.id, isIn('cancelled'));
  });

  it('says in one line what keeps a server from starting, and which setting it is', async () => {
    const file = join(dir, 'a-file');
    await writeFile(file, '');
    await provideQueue(join(dir, 'other', 'data'));
    const cases: readonly [environment: Record<string, string>, line: RegExp][] = [
      [
        { HEPAR_PORT: new URL(url).port },
        /^HEPAR_PORT \d+ of HEPAR_HOST 127\.0\.0\.1 cannot be had: EADDRINUSE\. .+\.$/,
      ],
      [{ HEPAR_DATA: join(file, 'data') }, /^HEPAR_DATA \S+ cannot be written to: ENOTDIR\.$/],
      [{ HEPAR_MODELS: join(dir, 'none') }, /^HEPAR_MODELS \S+ cannot be read: ENOENT\.$/],
      [{ HEPAR_MODEL: 'none' }, /^HEPAR_MODEL must be the id of a model in \S+\.$/],
      [{ DATABASE_URL: 'postgres://me:secret@127.0.0.1:1/x' }, /^The database of DATABASE_URL cannot be used: [^@]+$/],
      [{ HEPAR_HOST: '0.0.0.0' }, /^HEPAR_HOST 0\.0\.0\.0 can be reached from other machines/],
      [{ HEPAR_DATA: join(dir, 'data') }, /^The queue in \S+ is in use by another process/],
    ];
    for (const [environment, line] of cases) {
      const start = startTestServer(join(dir, 'other'), { environment });
      await assert.rejects(start, ({ message }: Error) => line.test(message), JSON.stringify(environment));
    }
  });

  it('counts what it did', async () => {
    const figures = await (await fetch(`${url}/metrics`)).text();
    assert.match(figures, /^hepar_runs_ended_total\{state="refused"\} 1$/m);
    assert.match(figures, /^hepar_runs\{state="queued"\} 0$/m);
    assert.match(figures, /^hepar_phase_seconds_count\{phase="segment"\} \d/m);
  });

  function post(body: string, type: string, path = '/api/segmentations'): Promise<Response> {
    return fetch(url + path, { method: 'POST', headers: { 'content-type': type }, body });
  }
});
