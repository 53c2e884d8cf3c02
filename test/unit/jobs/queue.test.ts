import { deepEqual, equal, match } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { SUPERSEDED } from '../../../server/src/jobs/one-a-series.ts';
import { Queue } from '../../../server/src/jobs/queue.ts';
import { CLICK, type Order, type Run, type RunParts } from '../../../server/src/jobs/run.ts';
import { nextOf } from '../../../server/src/jobs/turns.ts';
import { mendAfterClockStep } from '../../../server/src/jobs/upkeep.ts';
import { provideQueue } from '../../support/data-dir.ts';

const parts = (series: string, slices = 1): RunParts => ({
  studyInstanceUid: '1.2',
  seriesInstanceUid: `1.2.${series}`,
  instances: Array.from({ length: slices }, (_, index) => `1.2.3.${index}`),
  model: { id: 'm', version: '1', digest: 'abc' },
  repeat: 0,
});
const rule = (priority: number): Order => ({ origin: 'automation', priority, rule: 'abdomen' });

describe('the queue', () => {
  let dir: string;
  let queue: Queue;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-queue-test-'));
    await provideQueue(dir);
    queue = await Queue.open({ dir: join(dir, 'queue'), logger: pino({ level: 'silent' }) });
  });
  afterEach(async () => {
    await queue?.close();
    await rm(dir, { recursive: true, force: true });
  });

  /** Takes and ends tasks until so many were begun. */
  async function workOff(count: number, ended: 'done' | 'failed' = 'done'): Promise<Run[]> {
    const begun: Run[] = [];
    const enough = Promise.withResolvers<void>();
    await queue.work(async (task) => {
      const run = await queue.begin(task);
      if (!run) return;
      await queue.runs.end(run.id, { state: ended, failure: ended === 'done' ? null : { code: 'x', message: 'y' } });
      if (begun.push(run) === count) enough.resolve();
    });
    await enough.promise;
    await queue.stopWorking();
    return begun;
  }

  it('is worked off in the order that the rule of turns gives', async () => {
    const orders = [rule(0), ...Array(7).fill(CLICK), rule(50), rule(0), ...Array(3).fill(CLICK)] as Order[];
    const waiting: { id: string; priority: number }[] = [];
    for (const [index, order] of orders.entries()) {
      const { run } = await queue.request(parts(`9.${index}`), order);
      waiting.push({ id: run.id, priority: order.priority });
    }
    const expected: string[] = [];
    for (let takes = 0; waiting.length > 0; takes++) {
      const next = nextOf(waiting, takes)!;
      expected.push(next.id);
      waiting.splice(waiting.indexOf(next), 1);
    }
    deepEqual(
      (await workOff(orders.length)).map(({ id }) => id),
      expected,
    );
  });

  it('drops a waiting run when more slices of its series have arrived, and says so', async () => {
    const { run: few } = await queue.request(parts('1', 10), rule(0));
    const { run: all } = await queue.request(parts('1', 12), rule(0));
    const dropped = (await queue.runs.get(few.id))!;
    deepEqual([dropped.state, dropped.failure?.code], ['cancelled', SUPERSEDED]);
    match(dropped.failure!.message, new RegExp(all.id));
    const [begun] = await workOff(1);
    deepEqual([begun!.id, begun!.supersedes], [all.id, null]);
  });

  it('does not run a series’ fewer slices any more when the run with all of them is done', async () => {
    const { run: few } = await queue.request(parts('2', 10), rule(0));
    await workOff(1, 'failed');
    const { run: all } = await queue.request(parts('2', 12), rule(0));
    await workOff(1);
    equal((await queue.retry(few.id))!.state, 'queued');
    const { run: other } = await queue.request(parts('3'), rule(0));
    deepEqual(
      (await workOff(1)).map(({ id }) => id),
      [other.id],
    );
    const dropped = (await queue.runs.get(few.id))!;
    deepEqual([dropped.state, dropped.failure?.message.includes(all.id)], ['cancelled', true]);
  });

  it('has one run of a series at a time: the other waits its turn and then says what it supersedes', async () => {
    const first = await queue.request(parts('4'));
    const firstBegun = Promise.withResolvers<void>();
    const firstMayEnd = Promise.withResolvers<void>();
    const both = Promise.withResolvers<void>();
    const seen: (string | null)[] = [];
    const handler = async (task: Parameters<Parameters<Queue['work']>[0]>[0]) => {
      const run = await queue.begin(task);
      if (!run) return;
      if (run.id === first.run.id) {
        firstBegun.resolve();
        await firstMayEnd.promise;
      }
      await queue.runs.end(run.id, { state: 'done' });
      if (seen.push(run.supersedes) === 2) both.resolve();
    };
    await queue.work(handler);
    await firstBegun.promise;
    const second = await queue.request({ ...parts('4'), repeat: 1 });
    // As another worker on the same database would try it.
    const jobId = (await queue.runs.jobOf(second.run.id))!;
    const early = await queue.begin({ runId: second.run.id, jobId, attempt: 1, signal: new AbortController().signal });
    deepEqual([early, (await queue.runs.get(second.run.id))!.state], [null, 'queued']);
    firstMayEnd.resolve();
    await both.promise;
    deepEqual(seen, [null, first.run.id]);
  });

  it('keeps dead letters with their reason until they are retried, with all attempts anew', async () => {
    const { run } = await queue.request(parts('5'), rule(7));
    await queue.request(parts('6'));
    await workOff(2, 'failed');
    const failed = await queue.runs.list({ state: 'failed' });
    deepEqual(
      failed.map(({ failure }) => failure),
      Array(2).fill({ code: 'x', message: 'y' }),
    );
    const again = (await queue.retry(run.id))!;
    deepEqual([again.state, again.failure, again.attempt, again.priority], ['queued', null, 0, 7]);
    equal(await queue.retry(run.id), null, 'it is not failed any more');
    deepEqual((await workOff(1))[0]!.attempt, 1);
  });

  it('gives a worker that has lost its run no say in it any more', async () => {
    const { run } = await queue.request(parts('7'));
    const jobId = (await queue.runs.jobOf(run.id))!;
    await queue.runs.begin(run.id, jobId, 1);
    await queue.runs.begin(run.id, jobId, 2);
    equal(await queue.runs.end(run.id, { state: 'failed', attempt: 1 }), null);
    equal(await queue.runs.putBack(run.id, { attempt: 1 }), null);
    equal((await queue.runs.end(run.id, { state: 'done', attempt: 2 }))!.state, 'done');
  });

  it('gives a task back that it was about to take when it was asked to stop, with no attempt spent', async () => {
    const { run } = await queue.request(parts('10'));
    let handled = 0;
    const working = queue.work(async () => void handled++);
    await queue.stopWorking();
    await working;
    await queue.idle();
    const { rows } = await queue.db.executeSql('SELECT state, retry_count, started_on FROM pgboss.job');
    deepEqual([handled, rows], [0, [{ state: 'created', retry_count: 0, started_on: null }]]);
    const [begun] = await workOff(1);
    deepEqual([begun!.id, begun!.attempt], [run.id, 1]);
  });

  it('takes what was queued by a clock that has been set back since', async () => {
    const { run } = await queue.request(parts('8'));
    await queue.db.executeSql(
      `UPDATE pgboss.job SET start_after = now() + interval '1 hour', created_on = now() + interval '1 hour'`,
    );
    await mendAfterClockStep(queue.db, 0);
    equal((await workOff(1))[0]!.id, run.id);
  });
});
