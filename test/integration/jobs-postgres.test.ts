import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
});
