import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import type { ErrorView, Readiness } from '../../server/src/http/contract.ts';
import { migrate } from '../../server/src/jobs/migrations.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { ask, isIn, json, startTestServer, until } from '../unit/http/support.ts';
import { SERIES } from '../unit/jobs/fake-pipeline.ts';

describe('queue on a PostgreSQL server', () => {
  let dir: string;
  let postgres: TestPostgres | undefined;
  let databaseUrl: string;

  before(async function () {
    if (!hasPostgres) return this.skip();
    dir = await mkdtemp(join(tmpdir(), 'hepar-shared-'));
    postgres = await startPostgres();
    databaseUrl = postgres.url;
  });

  after(async () => {
    if (!postgres) return;
    await postgres.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it('makes its tables though another server, which began a moment before, makes them on the same new database', async () => {
    const maintenance = await connect(databaseUrl);
    await maintenance.getDb().executeSql('CREATE DATABASE fresh');
    await maintenance.stop({ graceful: false });
    const fresh = Object.assign(new URL(databaseUrl), { pathname: '/fresh' }).href;
    const [one, other] = [await connect(fresh), await connect(fresh)];
    try {
      // The user is named as our schema: the connection has noted that there is no such schema, and all else that it needs.
      for (const warm of ['CREATE SCHEMA other', 'CREATE SCHEMA IF NOT EXISTS other', 'SELECT now()']) {
        await other.getDb().executeSql(warm);
      }
      const first = await one.getDb().beginTransaction!();
      await first.db.executeSql(`SELECT pg_advisory_xact_lock(hashtext('hepar.migrations'))`);
      await first.db.executeSql('CREATE SCHEMA hepar');
      const second = migrate(other.getDb());
      const waiting = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`;
      while ((await first.db.executeSql(waiting)).rows.length === 0) await sleep(20);
      await first.commit();
      await second;
      assert.equal((await other.getDb().executeSql('SELECT FROM hepar.runs')).rows.length, 0);
    } finally {
      for (const each of [one, other]) await each.stop({ graceful: false });
    }
  });

  it('does the same as the embedded one: runs, one run of the same request, retries, cancels, and keeps all', async () => {
    const start = () => startTestServer(dir, { environment: { DATABASE_URL: databaseUrl }, retryDelaySeconds: 0 });
    const first = await start();
    const { url } = first;
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(url, SERIES.quick)));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [...Array(9).fill(200), 202]);
    const { id } = await json(answers[0]!);
    assert.equal((await until(url, id, isIn('done', 'failed'))).state, 'done');
    const retried = await json(ask(url, SERIES.archiveDownOnce));
    const done = await until(url, retried.id, isIn('done', 'failed'));
    assert.deepEqual([done.state, done.attempt], ['done', 2]);
    const endless = await json(ask(url, SERIES.endless));
    await until(url, endless.id, ({ phase }) => phase === 'segment');
    assert.equal((await fetch(`${url}/api/segmentations/${endless.id}`, { method: 'DELETE' })).status, 202);
    await until(url, endless.id, isIn('cancelled'));
    const interrupted = await json(ask(url, SERIES.killedOnce));
    await until(url, interrupted.id, ({ phase }) => phase !== null);
    await first.close();

    const second = await start();
    try {
      assert.equal((await json(ask(second.url, SERIES.quick))).id, id);
      assert.equal((await until(second.url, interrupted.id, isIn('done', 'failed'))).state, 'done');
    } finally {
      await second.close();
    }
  });

  it('two servers share the work, and a run is cancelled through the one that does not do it', async () => {
    const environment = { DATABASE_URL: databaseUrl };
    const one = await startTestServer(join(dir, 'one'), { environment });
    const other = await startTestServer(join(dir, 'other'), { environment });
    try {
      const [a, b] = await Promise.all([
        json(ask(one.url, SERIES.endless, { repeat: 1 })),
        json(ask(other.url, SERIES.endlessToo)),
      ]);
      await until(one.url, a.id, isIn('running'));
      await until(one.url, b.id, isIn('running'));
      await Promise.all([a, b].map(({ id }) => fetch(`${one.url}/api/segmentations/${id}`, { method: 'DELETE' })));
      await until(other.url, a.id, isIn('cancelled'));
      await until(one.url, b.id, isIn('cancelled'));
    } finally {
      await Promise.all([one.close(), other.close()]);
    }
  });

  it('says in one line that the database is away, with 503, and goes on by itself when it is back', async () => {
    const server = await startTestServer(dir, { environment: { DATABASE_URL: databaseUrl } });
    const { url } = server;
    try {
      const { id } = await json(ask(url, SERIES.quick, { repeat: 3 }));
      await until(url, id, isIn('done'));
      const questions = {
        'GET /api/segmentations': () => fetch(`${url}/api/segmentations`),
        'GET /api/segmentations/:id': () => fetch(`${url}/api/segmentations/${id}`),
        'DELETE /api/segmentations/:id': () => fetch(`${url}/api/segmentations/${id}`, { method: 'DELETE' }),
        'POST /api/segmentations': () => ask(url, SERIES.quick, { repeat: 4 }),
        'GET /api/operations': () => fetch(`${url}/api/operations`),
        'GET /api/audit': () => fetch(`${url}/api/audit`),
        'GET /metrics': () => fetch(`${url}/metrics`),
      };
      await postgres!.crash(async () => {
        for (const [question, asked] of Object.entries(questions)) {
          const answer = await asked();
          assert.equal(answer.status, 503, question);
          const { error } = await json<ErrorView>(answer);
          const message = 'The queue’s database does not answer: try again in a moment.';
          assert.deepEqual(error, { code: 'queue-unavailable', message }, question);
        }
        const ready = await fetch(`${url}/readyz`);
        assert.equal(ready.status, 503);
        const { checks } = await json<Readiness>(ready);
        assert.equal(checks.queue.ok, false);
        assert.match(checks.queue.reason!, /^[^\n]+$/);
        assert.equal((await fetch(`${url}/healthz`)).status, 200, 'the server itself is alive');
      });
      const answers = await Promise.all(Object.values(questions).map((asked) => asked()));
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200, 409, 202, 200, 200, 200],
      );
      const { id: next } = await json(answers[3]!);
      assert.equal((await until(url, next, isIn('done', 'failed'))).state, 'done', 'work goes on as well');
    } finally {
      await server.close();
    }
  });
});

/** One connection. */
async function connect(connectionString: string): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString, max: 1, supervise: false, schedule: false });
  boss.on('error', () => {});
  return boss.start();
}
