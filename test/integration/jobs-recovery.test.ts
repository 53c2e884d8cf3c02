import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openEmbeddedDatabase } from '../../server/src/jobs/embedded-database.ts';
import { DatabaseError } from '../../server/src/jobs/errors.ts';
import { transaction } from '../../server/src/jobs/transaction.ts';
import { provideQueue } from '../support/data-dir.ts';
import { engineOf } from '../support/serve.ts';
import { ask, isIn, json, startTestServer, until } from '../unit/http/support.ts';
import { SERIES } from '../unit/jobs/fake-pipeline.ts';

const SERVER = fileURLToPath(new URL('../unit/http/server-process.ts', import.meta.url));

describe('what survives', () => {
  let dir: string;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-recovery-'));
    await provideQueue(join(dir, 'data'));
  });

  after(() => rm(dir, { recursive: true, force: true }));

  it('a transaction of the embedded database is whole or nothing, and alone', async () => {
    const database = await openEmbeddedDatabase(join(dir, 'data', 'queue'));
    try {
      const count = async () => (await database.executeSql('SELECT count(*)::int AS n FROM t')).rows[0].n;
      await database.executeSql('CREATE TABLE t (x int PRIMARY KEY)');
      const broken = transaction(database, async (tx) => {
        await tx.executeSql('INSERT INTO t VALUES (1)');
        await tx.executeSql('INSERT INTO t VALUES (1)');
      });
      // Sent while the transaction is open: it must neither see nor join it.
      const between = database.executeSql('INSERT INTO t VALUES (2)');
      await assert.rejects(broken, { code: '23505' });
      await between;
      assert.equal(await count(), 1);
      await assert.rejects(database.executeSql('SELECT 1/0'), /division by zero/);
      await transaction(database, (tx) => tx.executeSql('INSERT INTO t VALUES ($1)', [3]));
      assert.equal(await count(), 2);
      await database.executeSql('DROP TABLE t');
    } finally {
      await database.close();
    }
    await assert.rejects(database.executeSql('SELECT 1'), DatabaseError);
  });

  it('a stop puts the run in hand back, and the next start does it and what was queued', async () => {
    const first = await startTestServer(dir);
    const interrupted = await json(ask(first.url, SERIES.killedOnce));
    await until(first.url, interrupted.id, ({ phase }) => phase !== null);
    const queued = await json(ask(first.url, SERIES.quick));
    await first.close();

    const second = await startTestServer(dir);
    try {
      const one = await until(second.url, interrupted.id, isIn('done', 'failed'));
      const two = await until(second.url, queued.id, isIn('done', 'failed'));
      assert.deepEqual([one.state, two.state], ['done', 'done']);
      assert.deepEqual([one.attempt, one.failure], [1, null], 'a stop does not count as a failure');
    } finally {
      await second.close();
    }
  });

  it('a killed engine costs a retry; one that is killed each time ends the run', async () => {
    const server = await startTestServer(dir, { retryDelaySeconds: 0 });
    try {
      const killed = await json(ask(server.url, SERIES.killedOnce, { repeat: 1 }));
      await until(server.url, killed.id, ({ phase }) => phase !== null);
      process.kill(await engineOf(process.pid), 'SIGKILL');
      const { failure } = await until(server.url, killed.id, (run) => run.failure !== null);
      assert.equal(failure?.code, 'engine-crashed');
      assert.match(failure.message, /SIGKILL/);
      const done = await until(server.url, killed.id, isIn('done', 'failed'));
      assert.deepEqual([done.state, done.attempt], ['done', 2]);

      const crashing = await json(ask(server.url, SERIES.crashing));
      const failed = await until(server.url, crashing.id, isIn('done', 'failed'));
      assert.deepEqual([failed.state, failed.attempt, failed.failure?.code], ['failed', 3, 'engine-crashed']);
    } finally {
      await server.close();
    }
  });

  it('a run that stands still is stopped, its engine killed, and given up after three attempts', async () => {
    const server = await startTestServer(dir, { retryDelaySeconds: 0, stuckAfterMs: 2_000 });
    try {
      const { id } = await json(ask(server.url, SERIES.deaf));
      const stuck = await until(server.url, id, isIn('done', 'failed'));
      assert.deepEqual([stuck.state, stuck.attempt, stuck.failure?.code], ['failed', 3, 'stuck']);
      assert.equal(stuck.failure!.message, 'The run made no progress for 2 s.');
    } finally {
      await server.close();
    }
  });

  it('a killed server loses nothing: its engine goes with it, and the run is done after the next start', async () => {
    const { child, url } = await startServerProcess(dir);
    const running = await json(ask(url, SERIES.killedOnce, { repeat: 2 }));
    const queued = await json(ask(url, SERIES.quick, { repeat: 2 }));
    await until(url, running.id, ({ phase }) => phase !== null);
    const engine = await engineOf(child.pid!);

    await assert.rejects(
      startTestServer(dir),
      (error) => error instanceof DatabaseError && /in use/.test(error.message),
    );
    child.kill('SIGKILL');
    for (let waited = 0; waited < 30_000 && (await isAlive(engine)); waited += 50) await sleep(50);
    assert.equal(await isAlive(engine), false, 'the engine outlived its server');

    const server = await startTestServer(dir);
    try {
      const one = await until(server.url, running.id, isIn('done', 'failed'));
      const two = await until(server.url, queued.id, isIn('done', 'failed'));
      assert.deepEqual([one.state, one.attempt, two.state], ['done', 2, 'done']);
    } finally {
      await server.close();
    }
  });
});

/** A zombie is as good as dead. */
async function isAlive(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z');
  return !status.includes(') Z');
}

async function startServerProcess(dir: string): Promise<{ child: ChildProcess; url: string }> {
  const child = fork(SERVER, [dir], {
    execPath: process.execPath,
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (message) => resolve(message as string));
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return { child, url };
}
