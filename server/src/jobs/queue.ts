import { randomUUID } from 'node:crypto';
import type { Db } from 'pg-boss';
import type { Logger } from 'pino';
import type { ArchivedRun } from '../reports/archived-run.ts';
import { Audit, type AuditRecord } from './audit.ts';
import { FIRST, JOBS, Jobs, type JobsOptions, LOST } from './jobs.ts';
import { holdSeries, isSeriesBusy, overtakenBy, supersededBy, supersedeFewerSlices } from './one-a-series.ts';
import { CLICK, type Order, type Run, type RunParts } from './run.ts';
import { type Ending, Runs } from './runs.ts';
import { Signals } from './signals.ts';
import { Taker, type Task } from './taker.ts';
import { transaction } from './transaction.ts';
import { takeUpInterrupted, Upkeep } from './upkeep.ts';

/** The task in hand is waited for at a stop, for so long. */
const CLOSES_WITHIN_MS = 10_000;
/** How often jobs are looked for whose workers died too often. */
const LOST_POLLING_SECONDS = 10;
const UPKEEP_EVERY_MS = 10_000;
/** How long a run waits before it asks again whether another one of its series is over. */
const SERIES_BUSY_SECONDS = 2;

/**
 * The durable queue: runs in a table of ours, and a job for each run that has to be worked on. Both change in the same
 * transaction.
 */
export class Queue {
  readonly runs: Runs;
  readonly signals: Signals;
  readonly audit: Audit;
  readonly #jobs: Jobs;
  readonly #logger: Logger;
  #taker: Taker | undefined;
  #upkeep: NodeJS.Timeout | undefined;

  /** @throws DatabaseError when the embedded database is in use or broken, or the other cannot be used */
  static async open(options: JobsOptions): Promise<Queue> {
    const jobs = await Jobs.open(options);
    const queue = new Queue(jobs, options.logger);
    try {
      if (!jobs.isShared)
        await takeUpInterrupted(queue.runs, jobs, (...ending) => queue.end(...ending), options.logger);
      await queue.signals.open();
      const upkeep = new Upkeep(queue.db, queue.runs, (...job) => queue.#send(...job), options.logger);
      await upkeep.look();
      queue.#upkeep = setInterval(() => void upkeep.look(), UPKEEP_EVERY_MS).unref();
      return queue;
    } catch (error) {
      await jobs.close().catch(() => {});
      throw error;
    }
  }

  private constructor(jobs: Jobs, logger: Logger) {
    this.#jobs = jobs;
    this.#logger = logger;
    this.runs = new Runs(jobs.db);
    this.signals = new Signals(jobs.db, logger);
    this.audit = new Audit(jobs.db);
  }

  /** Whether other processes use the same database. */
  get isShared(): boolean {
    return this.#jobs.isShared;
  }

  /** The database itself, for what is kept beside the runs. */
  get db(): Db {
    return this.#jobs.db;
  }

  /**
   * Queues a run unless it is known; a click queues one again that failed or was cancelled, and brings one forward that
   * waits. Runs of the same series with fewer of its slices are cancelled.
   */
  request(parts: RunParts, order: Order = CLICK): Promise<{ run: Run; queued: boolean }> {
    return transaction(this.db, async (tx) => {
      const jobId = randomUUID();
      const { run, queued, formerJob } = await this.runs.add(parts, order, jobId, tx);
      if (formerJob) await this.#jobs.cancel(formerJob, tx);
      if (queued || formerJob) await this.#send(run.id, jobId, tx, run.priority);
      if (queued || formerJob)
        await this.#record(queued ? 'asked' : 'brought-forward', run, order.by ?? order.rule, tx);
      if (queued && run.kind === 'segmentation') {
        for (const fewer of await supersedeFewerSlices(run, tx)) {
          this.#logger.info({ runId: fewer.id, by: run.id }, 'more slices have arrived: another run takes its place');
          if (fewer.state === 'cancelled') {
            await this.#jobs.cancel(fewer.jobId, tx);
            const { seriesInstanceUid, model } = run;
            await this.#record('cancelled', { id: fewer.id, seriesInstanceUid, model }, null, tx, { by: run.id });
          }
          await this.signals.send({ kind: fewer.state === 'cancelled' ? 'state' : 'cancel', runId: fewer.id }, tx);
        }
      }
      return { run, queued };
    });
  }

  /**
   * Begins an attempt at a task's run.
   * @returns null when there is nothing to do for this task: the run was cancelled, is another task's, has been overtaken
   * by one with more slices, or waits for another run of its series under a new task
   */
  begin({ runId, jobId, attempt }: Task, worker?: string): Promise<Run | null> {
    return transaction(this.db, async (tx) => {
      await holdSeries(runId, tx);
      const overtaker = await overtakenBy(runId, tx);
      if (overtaker) {
        const dropped = await this.runs.end(runId, { state: 'cancelled', failure: supersededBy(overtaker) }, tx);
        if (dropped) await this.#record('cancelled', dropped, worker ?? null, tx, { by: overtaker });
        return null;
      }
      if (!(await isSeriesBusy(runId, tx))) {
        if (await this.#jobs.wasAbandoned(jobId, tx)) {
          this.#logger.warn({ runId }, 'the worker of a run has not been heard of: another worker takes it over');
        }
        const run = await this.runs.begin(runId, jobId, attempt, tx);
        if (run) await this.#record('begun', run, worker ?? null, tx, { attempt });
        return run;
      }
      const nextJob = randomUUID();
      const priority = await this.runs.moveTo(runId, jobId, nextJob, tx);
      if (priority !== null) await this.#send(runId, nextJob, tx, priority, SERIES_BUSY_SECONDS);
      return null;
    });
  }

  /** Ends a run, as `Runs.end` does, and records it. */
  end(id: string, ending: Ending, worker?: string): Promise<Run | null> {
    return transaction(this.db, async (tx) => {
      const run = await this.runs.end(id, ending, tx);
      if (!run) return null;
      const { state, stored = {}, failure, refusal } = ending;
      const code = failure?.code ?? refusal?.code;
      const details = state === 'done' ? stored : code === undefined ? {} : { code };
      await this.#record(state === 'done' ? 'stored' : state, run, worker ?? null, tx, details);
      return run;
    });
  }

  /** Queues a failed run once more, with as many attempts as a new one. @returns null when it is not failed */
  retry(id: string, by?: string): Promise<Run | null> {
    return transaction(this.db, async (tx) => {
      const jobId = randomUUID();
      const run = await this.runs.retry(id, jobId, tx);
      if (!run) return null;
      await this.#send(id, jobId, tx, run.priority);
      await this.#record('retried', run, by ?? null, tx);
      return run;
    });
  }

  /** Queues the reading back of a result in the archive. @returns whether it was not known */
  adopt(archived: ArchivedRun): Promise<boolean> {
    return transaction(this.db, async (tx) => {
      const jobId = randomUUID();
      const run = await this.runs.adopt(archived, jobId, tx);
      if (run) await this.#send(run.id, jobId, tx, run.priority);
      return run !== null;
    });
  }

  /** Cancels a queued run at once; a running one is marked, and its worker hears of it. @returns null when it is neither */
  cancel(id: string, by?: string): Promise<Run | null> {
    return transaction(this.db, async (tx) => {
      const run = await this.runs.cancel(id, tx);
      const jobId = run && (await this.runs.jobOf(id, tx));
      if (jobId && run.state === 'cancelled') await this.#jobs.cancel(jobId, tx);
      if (run) await this.signals.send({ kind: run.state === 'cancelled' ? 'state' : 'cancel', runId: id }, tx);
      if (run) await this.#record(run.state === 'cancelled' ? 'cancelled' : 'cancel-asked', run, by ?? null, tx);
      return run;
    });
  }

  /** Puts a running run back to be worked on as soon as possible, and not as one more attempt after a failure. */
  putBack(id: string, attempt?: number): Promise<Run | null> {
    return transaction(this.db, async (tx) => {
      const jobId = randomUUID();
      const run = await this.runs.putBack(id, { jobId, ...(attempt === undefined ? {} : { attempt }) }, tx);
      if (run) await this.#send(id, jobId, tx, FIRST);
      return run;
    });
  }

  /**
   * Gives the tasks to the handler, one at a time. The handler sees to the state of the run and returns when the task is
   * over, or throws TryAgain.
   */
  async work(handler: (task: Task) => Promise<void>): Promise<void> {
    const { signals } = this;
    const { boss, db, heartbeatEveryMs } = this.#jobs;
    this.#taker = new Taker({ boss, db, logger: this.#logger, signals, queue: JOBS, heartbeatEveryMs, handler });
    this.#taker.start();
    await boss.work(LOST, { pollingIntervalSeconds: LOST_POLLING_SECONDS }, async ([job]) => {
      const { runId } = job!.data as { runId: string };
      const message = 'Its worker ended without a word more often than it is retried.';
      await this.end(runId, { state: 'failed', failure: { code: 'worker-lost', message } });
    });
  }

  /** Takes no more tasks; the one in hand goes on. */
  async stopWorking(): Promise<void> {
    this.#taker?.stop();
    await this.#jobs.boss.offWork(LOST, { wait: false });
  }

  /** Resolves when the database answers. */
  async ping(): Promise<void> {
    await this.db.executeSql('SELECT 1');
  }

  /** Resolves when the task in hand is over, or ten seconds later. */
  async idle(): Promise<void> {
    const waited = new Promise<void>((resolve) => setTimeout(resolve, CLOSES_WITHIN_MS).unref());
    await Promise.race([this.#taker?.idle(), waited]);
  }

  /** Waits up to ten seconds for the task in hand, then closes the database. */
  async close(): Promise<void> {
    clearInterval(this.#upkeep);
    this.#taker?.stop();
    await this.idle();
    await this.signals.close();
    await this.#jobs.close();
  }

  async #record(
    event: AuditRecord['event'],
    { id: runId, seriesInstanceUid, model }: Pick<Run, 'id' | 'seriesInstanceUid' | 'model'>,
    who: string | null,
    tx: Db,
    more: AuditRecord['details'] = {},
  ): Promise<void> {
    const details = event === 'asked' ? { model: `${model.id} ${model.version}` } : more;
    await this.audit.add({ event, runId, seriesInstanceUid, who, details }, tx);
  }

  async #send(runId: string, jobId: string, tx: Db, priority: number, startAfter = 0): Promise<void> {
    await this.#jobs.send(runId, jobId, tx, priority, startAfter);
    await this.signals.send({ kind: 'queued' }, tx);
  }
}
