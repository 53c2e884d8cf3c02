import { randomUUID } from 'node:crypto';
import { type Db, PgBoss } from 'pg-boss';
import type { Logger } from 'pino';
import type { ArchivedRun } from '../reports/archived-run.ts';
import { Audit, type AuditRecord } from './audit.ts';
import { type EmbeddedDatabase, openEmbeddedDatabase } from './embedded-database.ts';
import { DatabaseError } from './errors.ts';
import { holdSeries, isSeriesBusy, overtakenBy, supersededBy, supersedeFewerSlices } from './one-a-series.ts';
import { CLICK, CLICK_PRIORITY, type Order, type Run, type RunParts } from './run.ts';
import { type Ending, Runs, transaction } from './runs.ts';
import { Signals } from './signals.ts';
import { Taker, type Task } from './taker.ts';
import { mendAfterClockStep } from './upkeep.ts';

const JOBS = 'segmentation';
/** Jobs whose worker died more often than they may be retried end up here. */
const LOST = 'segmentation-lost';
const SCHEMA = 'pgboss';

export interface QueueOptions {
  /** Folder of the embedded database. */
  readonly dir: string;
  /** A PostgreSQL to use instead: postgres://… */
  readonly databaseUrl?: string | undefined;
  readonly logger: Logger;
  /** The wait before a second attempt; it doubles with every further one. 0: none at all. Default 5 s. */
  readonly retryDelaySeconds?: number;
  /** A worker that is not heard of for this long has died, and its run is given to another. At least 10; default 30. */
  readonly heartbeatSeconds?: number;
}

export const MOST_ATTEMPTS = 8;
const LONGEST_RETRY_DELAY_SECONDS = 600;
const HEARTBEAT_SECONDS = 30;
/** How often a worker is heard of, and how often those that are not are looked for: shares of the time above. */
const HEARTBEATS = 7;
const LOOKS = 3;
const LONGEST_RUN_SECONDS = 6 * 3600;
const LONGEST_WAIT_SECONDS = 365 * 86_400;
const CLOSES_WITHIN_MS = 10_000;
/** How often jobs are looked for whose workers died too often. */
const LOST_POLLING_SECONDS = 10;
const UPKEEP_EVERY_MS = 10_000;
/** How long a run waits before it asks again whether another one of its series is over. */
const SERIES_BUSY_SECONDS = 2;
/** Before every run that was asked for: a run that was put back had begun. */
const FIRST = CLICK_PRIORITY + 1;

/**
 * The durable queue: runs in a table of ours, and one pg-boss job for each run that has to be worked on. Both change
 * in the same transaction. A job says only that there is something to do; what became of it is said by the run.
 */
export class Queue {
  readonly runs: Runs;
  readonly #boss: PgBoss;
  readonly #db: Db;
  readonly #embedded: EmbeddedDatabase | null;
  readonly #logger: Logger;
  readonly #heartbeatSeconds: number;
  readonly signals: Signals;
  readonly audit: Audit;
  #taker: Taker | undefined;
  #upkeep: NodeJS.Timeout | undefined;

  /** @throws DatabaseError when the embedded database is in use or broken, or the other cannot be used */
  static async open(options: QueueOptions): Promise<Queue> {
    const { dir, databaseUrl, logger, retryDelaySeconds = 5, heartbeatSeconds = HEARTBEAT_SECONDS } = options;
    const embedded = databaseUrl ? null : await openEmbeddedDatabase(dir, (line) => logger.error(line));
    const boss = new PgBoss({
      ...(embedded
        ? { db: embedded, backend: 'pglite' as const, registerInstance: false }
        : { connectionString: databaseUrl!, application_name: 'hepar' }),
      schema: SCHEMA,
      schedule: false,
      superviseIntervalSeconds: Math.ceil(heartbeatSeconds / LOOKS),
      monitorIntervalSeconds: Math.ceil(heartbeatSeconds / LOOKS),
    });
    boss.on('error', (error) => logger.error({ err: error }, 'queue'));
    boss.on('warning', ({ message }) => logger.warn({ warning: message }, 'queue'));
    try {
      await boss.start();
      const retry = {
        retryLimit: MOST_ATTEMPTS,
        retryDelay: retryDelaySeconds,
        retryBackoff: retryDelaySeconds > 0,
        ...(retryDelaySeconds > 0 ? { retryDelayMax: LONGEST_RETRY_DELAY_SECONDS } : {}),
        heartbeatSeconds,
        expireInSeconds: LONGEST_RUN_SECONDS,
        retentionSeconds: LONGEST_WAIT_SECONDS,
      };
      await boss.createQueue(LOST);
      await boss.createQueue(JOBS, { ...retry, deadLetter: LOST });
      await boss.updateQueue(JOBS, { retryDelayMax: null, ...retry });
      const queue = new Queue(boss, embedded, logger, heartbeatSeconds);
      await queue.runs.migrate();
      if (embedded) await queue.#recover();
      await queue.signals.open();
      queue.#upkeep = setInterval(() => void queue.#keepUp(), UPKEEP_EVERY_MS).unref();
      return queue;
    } catch (error) {
      await boss.stop({ graceful: false }).catch(() => {});
      await embedded?.close();
      if (embedded) throw error;
      // Of several addresses that all fail, Node has no message but a code.
      const { message, code } = error as NodeJS.ErrnoException;
      throw new DatabaseError(`The database of DATABASE_URL cannot be used: ${message || code}.`, { cause: error });
    }
  }

  private constructor(boss: PgBoss, embedded: EmbeddedDatabase | null, logger: Logger, heartbeatSeconds: number) {
    this.#boss = boss;
    this.#heartbeatSeconds = heartbeatSeconds;
    this.#db = boss.getDb();
    this.#embedded = embedded;
    this.#logger = logger;
    this.runs = new Runs(this.#db);
    this.signals = new Signals(this.#db, logger);
    this.audit = new Audit(this.#db);
  }

  /** Whether other processes use the same database. */
  get isShared(): boolean {
    return this.#embedded === null;
  }

  /** The database itself, for what is kept beside the runs. */
  get db(): Db {
    return this.#db;
  }

  /**
   * Queues a run unless it is known; a click queues one again that failed or was cancelled, and brings one forward that
   * waits. Runs of the same series with fewer of its slices are cancelled.
   */
  request(parts: RunParts, order: Order = CLICK): Promise<{ run: Run; queued: boolean }> {
    return transaction(this.#db, async (tx) => {
      const jobId = randomUUID();
      const { run, queued, formerJob } = await this.runs.add(parts, order, jobId, tx);
      if (formerJob) await this.#boss.cancel(JOBS, formerJob, { db: tx });
      if (queued || formerJob) await this.#send(run.id, jobId, tx, run.priority);
      if (queued || formerJob)
        await this.#record(queued ? 'asked' : 'brought-forward', run, order.by ?? order.rule, tx);
      if (queued && run.kind === 'segmentation') {
        for (const fewer of await supersedeFewerSlices(run, tx)) {
          this.#logger.info({ runId: fewer.id, by: run.id }, 'more slices have arrived: another run takes its place');
          if (fewer.state === 'cancelled') {
            await this.#boss.cancel(JOBS, fewer.jobId, { db: tx });
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
    return transaction(this.#db, async (tx) => {
      await holdSeries(runId, tx);
      const overtaker = await overtakenBy(runId, tx);
      if (overtaker) {
        const dropped = await this.runs.end(runId, { state: 'cancelled', failure: supersededBy(overtaker) }, tx);
        if (dropped) await this.#record('cancelled', dropped, worker ?? null, tx, { by: overtaker });
        return null;
      }
      if (!(await isSeriesBusy(runId, tx))) {
        if ((await this.runs.get(runId, tx))?.state === 'running') {
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
    return transaction(this.#db, async (tx) => {
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
    return transaction(this.#db, async (tx) => {
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
    return transaction(this.#db, async (tx) => {
      const jobId = randomUUID();
      const run = await this.runs.adopt(archived, jobId, tx);
      if (run) await this.#send(run.id, jobId, tx, run.priority);
      return run !== null;
    });
  }

  /** Cancels a queued run at once; a running one is marked, and its worker hears of it. @returns null when it is neither */
  cancel(id: string, by?: string): Promise<Run | null> {
    return transaction(this.#db, async (tx) => {
      const run = await this.runs.cancel(id, tx);
      const jobId = run && (await this.runs.jobOf(id, tx));
      if (jobId && run.state === 'cancelled') await this.#boss.cancel(JOBS, jobId, { db: tx });
      if (run) await this.signals.send({ kind: run.state === 'cancelled' ? 'state' : 'cancel', runId: id }, tx);
      if (run) await this.#record(run.state === 'cancelled' ? 'cancelled' : 'cancel-asked', run, by ?? null, tx);
      return run;
    });
  }

  /** Puts a running run back to be worked on as soon as possible, and not as one more attempt after a failure. */
  putBack(id: string, attempt?: number): Promise<Run | null> {
    return transaction(this.#db, async (tx) => {
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
    const heartbeatEveryMs = (this.#heartbeatSeconds * 1_000) / HEARTBEATS;
    const common = { boss: this.#boss, db: this.#db, logger: this.#logger, signals };
    this.#taker = new Taker({ ...common, queue: JOBS, heartbeatEveryMs, handler });
    this.#taker.start();
    await this.#boss.work(LOST, { pollingIntervalSeconds: LOST_POLLING_SECONDS }, async ([job]) => {
      const { runId } = job!.data as { runId: string };
      const message = 'Its worker ended without a word more often than it is retried.';
      await this.end(runId, { state: 'failed', failure: { code: 'worker-lost', message } });
    });
  }

  /** Takes no more tasks; the one in hand goes on. */
  async stopWorking(): Promise<void> {
    this.#taker?.stop();
    await this.#boss.offWork(LOST, { wait: false });
  }

  /** Resolves when the database answers. */
  async ping(): Promise<void> {
    await this.#db.executeSql('SELECT 1');
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
    await this.#boss.stop({ graceful: true, timeout: CLOSES_WITHIN_MS });
    await this.#embedded?.close();
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
    await this.#boss.send(JOBS, { runId }, { id: jobId, db: tx, priority, ...(startAfter ? { startAfter } : {}) });
    await this.signals.send({ kind: 'queued' }, tx);
  }

  /** What has to be put right from time to time, whoever is to blame: a clock that was set back, a run without a job. */
  async #keepUp(): Promise<void> {
    try {
      await mendAfterClockStep(this.#db, LONGEST_RETRY_DELAY_SECONDS);
      for (const { id } of await this.runs.orphans()) await this.#adopt(id);
    } catch (err) {
      this.#logger.debug({ err }, 'the upkeep of the queue has to wait');
    }
  }

  async #adopt(id: string): Promise<void> {
    const adopted = await transaction(this.#db, async (tx) => {
      await holdSeries(id, tx);
      const orphan = (await this.runs.orphans(tx)).find((each) => each.id === id);
      const newJob = randomUUID();
      const priority = orphan ? await this.runs.moveTo(id, orphan.jobId, newJob, tx) : null;
      if (priority !== null) await this.#send(id, newJob, tx, priority);
      return priority !== null;
    });
    if (adopted) this.#logger.warn({ runId: id }, 'a run had no job in the queue: it is queued again');
  }

  /**
   * The embedded database has one process: what counts as running when it is opened was cut off with the process before.
   * It becomes one more attempt, so that a series that takes the machine down does not do so for ever.
   */
  async #recover(): Promise<void> {
    for (const { id, jobId, cancelRequested } of await this.runs.interrupted()) {
      if (cancelRequested) {
        await this.end(id, { state: 'cancelled' });
        await this.#boss.cancel(JOBS, jobId);
        continue;
      }
      const failure = { code: 'interrupted', message: 'The server ended in the middle of the run.' };
      await this.runs.putBack(id, { failure });
      await this.#boss.fail(JOBS, jobId, failure);
      this.#logger.info({ runId: id }, 'an interrupted run goes on');
    }
  }
}
