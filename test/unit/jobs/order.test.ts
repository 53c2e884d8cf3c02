import { deepEqual, equal } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Queue } from '../../../server/src/jobs/queue.ts';
import { CLICK, type Order, type RunParts } from '../../../server/src/jobs/run.ts';
import { SOURCE_GONE } from '../../../server/src/jobs/runs.ts';
import { provideQueue } from '../../support/data-dir.ts';

const parts = (series: string): RunParts => ({
  studyInstanceUid: '1.2',
  seriesInstanceUid: `1.2.${series}`,
  instances: ['1.2.3.1'],
  model: { id: 'm', version: '1', digest: 'abc' },
  repeat: 0,
});
const RULE: Order = { origin: 'automation', priority: 10, rule: 'abdomen' };

describe('who asks for a run', () => {
  let dir: string;
  let queue: Queue;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-order-'));
    await provideQueue(dir);
    queue = await Queue.open({ dir: join(dir, 'queue'), logger: pino({ level: 'silent' }) });
  });
  after(async () => {
    await queue?.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('does not make another run of it: a click for what a rule has queued brings that run forward', async () => {
    const first = await queue.request(parts('1'), RULE);
    const waiting = await queue.request(parts('2'), RULE);
    const clicked = await queue.request(parts('2'));
    deepEqual([clicked.run.id, clicked.queued], [waiting.run.id, false]);
    deepEqual([clicked.run.origin, clicked.run.priority, clicked.run.rule], ['click', CLICK.priority, 'abdomen']);
    equal((await queue.request(parts('2'), RULE)).run.origin, 'click', 'a rule does not push it back');

    const order: string[] = [];
    const both = Promise.withResolvers<void>();
    await queue.work(async ({ runId, jobId, attempt }) => {
      if (!(await queue.runs.begin(runId, jobId, attempt))) return;
      await queue.runs.end(runId, { state: 'done' });
      if (order.push(runId) === 2) both.resolve();
    });
    await both.promise;
    await queue.stopWorking();
    deepEqual(order, [clicked.run.id, first.run.id]);
  });

  it('matters for what a person has cancelled: a rule leaves it so, a click has it done', async () => {
    const { run } = await queue.request(parts('3'), RULE);
    await queue.cancel(run.id);
    deepEqual((await queue.request(parts('3'), RULE)).run.state, 'cancelled');
    deepEqual((await queue.request(parts('3'))).queued, true);
  });

  it('matters not when the series was gone from the archive and is there again', async () => {
    const { run } = await queue.request(parts('4'), RULE);
    await queue.runs.end(run.id, { state: 'cancelled', failure: { code: SOURCE_GONE, message: 'It is gone.' } });
    const again = await queue.request(parts('4'), RULE);
    deepEqual([again.run.id, again.queued, again.run.failure], [run.id, true, null]);
  });
});
