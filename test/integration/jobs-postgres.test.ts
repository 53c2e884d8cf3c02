import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, globSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../server/src/cli/orthanc.ts';
import { ask, isIn, json, startTestServer, until } from '../unit/http/support.ts';
import { SERIES } from '../unit/jobs/fake-pipeline.ts';

/** PostgreSQL's programs, which distributions keep off the PATH; its server does not run as root. */
const programs = globSync('/usr/lib/postgresql/*/bin/initdb').map(dirname).at(-1);
const NOBODY = 65_534;

describe('queue on a PostgreSQL server', () => {
  let dir: string;
  let postgres: ChildProcess;
  let databaseUrl: string;

  before(async function () {
    if (!programs) return this.skip();
    dir = await mkdtemp(join(tmpdir(), 'hepar-postgres-'));
    chmodSync(dir, 0o777);
    const as = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    const data = join(dir, 'postgres');
    const initial = ['-D', data, '-U', 'hepar', '-A', 'trust', '--no-sync'];
    execFileSync(join(programs, 'initdb'), initial, { ...as, cwd: dir, stdio: 'ignore' });
    const port = await freePort();
    const options = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', dir, '-F'];
    postgres = spawn(join(programs, 'postgres'), options, { ...as, cwd: dir, stdio: 'ignore' });
    databaseUrl = `postgres://hepar@127.0.0.1:${port}/postgres`;
    for (let waited = 0; waited < 60_000; waited += 100) {
      try {
        execFileSync(join(programs, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
        return;
      } catch {
        await sleep(100);
      }
    }
  });

  after(async () => {
    if (!postgres) return;
    const exited = new Promise((resolve) => postgres.once('exit', resolve));
    postgres.kill('SIGINT');
    await exited;
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
