import { deepEqual } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { LiveRuns } from '../../../server/src/jobs/live-runs.ts';
import { Queue } from '../../../server/src/jobs/queue.ts';
import { isFinal } from '../../../server/src/jobs/run.ts';
import { type Runner, Worker } from '../../../server/src/jobs/worker.ts';
import type { RunRequest } from '../../../server/src/pipeline.ts';
import { provideQueue } from '../../support/data-dir.ts';

/** Longer than a busy machine lets a timer wait. */
const STUCK_AFTER_MS = 3_000;

describe('a worker', () => {
  it('lets a run go on that makes progress, however slowly, and gives one up that stands still', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hepar-worker-'));
    await provideQueue(dir);
    const logger = pino({ level: 'silent' });
    const queue = await Queue.open({ dir: join(dir, 'queue'), logger, retryDelaySeconds: 0 });
    const engine: Runner = {
      run: async ({ source }, { signal, report }) => {
        const isSlow = source.seriesInstanceUid === '1.2.slow';
        for (let step = 0; isSlow && step < 8; step++) {
          report('segment', step / 8);
          await sleep(STUCK_AFTER_MS / 5, undefined, { signal });
        }
        if (isSlow) throw new TypeError('this one came to its end');
        await sleep(600_000, undefined, { signal }).catch(() => signal.throwIfAborted());
        throw new Error('never');
      },
      close: async () => {},
    };
    const requestFor = ({ seriesInstanceUid }: { seriesInstanceUid: string }) =>
      ({ source: { kind: 'dicomweb', seriesInstanceUid } }) as unknown as RunRequest;
    const worker = new Worker({
      queue,
      live: new LiveRuns(),
      engine,
      requestFor: async (run) => requestFor(run),
      logger,
      stuckAfterMs: STUCK_AFTER_MS,
    });
    try {
      const ids = [];
      for (const seriesInstanceUid of ['1.2.slow', '1.2.still']) {
        const model = { id: 'm', version: '1', digest: 'd' };
        const parts = { studyInstanceUid: '1.2', seriesInstanceUid, instances: ['1.2.3'], model, repeat: 0 };
        ids.push((await queue.request(parts)).run.id);
      }
      await worker.start();
      const ends = [];
      for (const id of ids) {
        let run = (await queue.runs.get(id))!;
        while (!isFinal(run.state)) {
          await sleep(50);
          run = (await queue.runs.get(id))!;
        }
        ends.push([run.failure?.code, run.attempt]);
      }
      deepEqual(ends, [
        ['internal', 1],
        ['stuck', 3],
      ]);
    } finally {
      await worker.stop();
      await queue.close();
      await rm(dir, { recursive: true, force: true });
    }
  });

  it('puts a run back that was just beginning when it was asked to stop', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hepar-worker-'));
    await provideQueue(dir);
    const logger = pino({ level: 'silent' });
    const queue = await Queue.open({ dir: join(dir, 'queue'), logger });
    let asked = 0;
    const engine: Runner = { run: () => Promise.reject(new Error(`asked ${++asked} times`)), close: async () => {} };
    const requestFor = () => ({}) as RunRequest;
    const worker = new Worker({ queue, live: new LiveRuns(), engine, requestFor, logger });
    const begun = Promise.withResolvers<void>();
    const begin = queue.begin.bind(queue);
    queue.begin = async (...task) => {
      const run = await begin(...task);
      await worker.stop();
      begun.resolve();
      return run;
    };
    try {
      const model = { id: 'm', version: '1', digest: 'd' };
      const parts = { studyInstanceUid: '1.2', seriesInstanceUid: '1.2.1', instances: ['1.2.3'], model, repeat: 0 };
      const { id } = (await queue.request(parts)).run;
      await worker.start();
      await begun.promise;
      await queue.idle();
      const run = (await queue.runs.get(id))!;
      deepEqual([asked, run.state, run.failure, run.position], [0, 'queued', null, 1]);
    } finally {
      await queue.close();
      await rm(dir, { recursive: true, force: true });
    }
  });
});
