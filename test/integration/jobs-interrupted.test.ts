import { deepEqual, equal, ok } from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PgBoss } from 'pg-boss';
import { pino } from 'pino';
import { JOBS } from '../../server/src/jobs/jobs.ts';
import { Queue } from '../../server/src/jobs/queue.ts';
import type { Run } from '../../server/src/jobs/run.ts';
import { provideQueue } from '../support/data-dir.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';

const PROCESS = fileURLToPath(new URL('../support/taking-process.ts', import.meta.url));

describe('a run whose process is killed between taking its job and saying so', () => {
  let dir: string;
  let postgres: TestPostgres | undefined;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-interrupted-'));
  });
  after(async () => {
    await postgres?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  /** Has a process take a run's job, and kills it. @returns the run's id */
  async function killTaker(folder: string, databaseUrl: string, how: 'taken' | 'put-back'): Promise<string> {
    const child = fork(PROCESS, [folder, databaseUrl, how], { execPath: process.execPath, execArgv: [] });
    const closed = once(child, 'close');
    const [id] = (await Promise.race([
      once(child, 'message'),
      closed.then(([code]) => Promise.reject(new Error(`ended with ${code}`))),
    ])) as [string];
    child.kill('SIGKILL');
    await closed;
    return id;
  }

  it('is the next to be taken after the restart, which says so, and has lost no attempt', async () => {
    await provideQueue(join(dir, 'taken'));
    const id = await killTaker(join(dir, 'taken', 'queue'), '', 'taken');
    const { queue, logged } = await openQueue(join(dir, 'taken', 'queue'));
    try {
      deepEqual(logged(), [{ runId: id, msg: 'an interrupted run goes on' }]);
      equal((await queue.runs.get(id))!.state, 'queued');
      deepEqual(await taken(queue), { id, attempt: 1 });
    } finally {
      await queue.close();
    }
  });

  it('has lost the attempt that was in vain, and goes on with the next one', async () => {
    await provideQueue(join(dir, 'put-back'));
    const id = await killTaker(join(dir, 'put-back', 'queue'), '', 'put-back');
    const { queue, logged } = await openQueue(join(dir, 'put-back', 'queue'), { retryDelaySeconds: 0 });
    try {
      deepEqual(logged(), [{ runId: id, msg: 'an interrupted run goes on' }]);
      equal((await queue.runs.get(id))!.failure!.code, 'engine-crashed', 'why it failed is still known');
      deepEqual(await taken(queue), { id, attempt: 2 });
    } finally {
      await queue.close();
    }
  });

  it('is left alone by another server on the same PostgreSQL until nothing is heard of its worker, which is said', async function () {
    if (!hasPostgres) return this.skip();
    postgres = await startPostgres();
    const { url: databaseUrl } = postgres;
    const id = await killTaker(dir, databaseUrl, 'taken');
    const { queue, logged } = await openQueue(dir, { databaseUrl, retryDelaySeconds: 0 });
    try {
      deepEqual(logged(), []);
      const { rows } = await queue.db.executeSql('SELECT state FROM pgboss.job WHERE name = $1', [JOBS]);
      deepEqual(rows, [{ state: 'active' }], 'its worker may be alive');
      await queue.db.executeSql(`UPDATE pgboss.job SET heartbeat_on = now() - interval '2 hours' WHERE name = $1`, [
        JOBS,
      ]);
      await supervise(databaseUrl);
      deepEqual(await taken(queue), { id, attempt: 2 });
      const takenOver = 'the worker of a run has not been heard of: another worker takes it over';
      deepEqual(logged(), [{ runId: id, msg: takenOver }]);
    } finally {
      await queue.close();
    }
  });
});

async function openQueue(dir: string, options: { databaseUrl?: string; retryDelaySeconds?: number } = {}) {
  const lines: string[] = [];
  const logger = pino({}, { write: (line) => lines.push(line) });
  const queue = await Queue.open({ dir, logger, heartbeatSeconds: 3_600, ...options });
  const logged = () =>
    lines.map((line) => {
      const { runId, msg } = JSON.parse(line);
      return { runId, msg };
    });
  return { queue, logged };
}

/** Takes and ends the next run. */
async function taken(queue: Queue): Promise<Pick<Run, 'id' | 'attempt'>> {
  const begun = Promise.withResolvers<Run | null>();
  await queue.work(async (task) => {
    const run = await queue.begin(task);
    if (run) await queue.end(run.id, { state: 'done' });
    begun.resolve(run);
  });
  const run = await begun.promise;
  await queue.stopWorking();
  await queue.idle();
  ok(run, 'the task is the run’s own');
  return { id: run.id, attempt: run.attempt };
}

/** What every server does from time to time. */
async function supervise(connectionString: string): Promise<void> {
  const boss = new PgBoss({ connectionString, max: 1, supervise: false, schedule: false });
  await boss.start();
  await boss.supervise(JOBS);
  await boss.stop({ graceful: false });
}
