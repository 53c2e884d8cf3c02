import type { Db, JobWithMetadata, PgBoss } from 'pg-boss';
import type { Logger } from 'pino';
import { giveBack } from './jobs.ts';
import type { Signals } from './signals.ts';
import { isTurnOfOldest } from './turns.ts';

/** A run to work on. */
export interface Task {
  readonly runId: string;
  readonly jobId: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** Aborts when the claim to the task is gone: cancelled elsewhere, or given to another worker. */
  readonly signal: AbortSignal;
}

/** The handler of a task throws this after it has put the run back: the task is tried again, after a while. */
export class TryAgain extends Error {
  override readonly name = 'TryAgain';
}

export interface TakerOptions {
  readonly boss: PgBoss;
  readonly db: Db;
  readonly signals: Signals;
  readonly logger: Logger;
  /** Name of the jobs' queue. */
  readonly queue: string;
  /** How often the database hears that the task goes on. */
  readonly heartbeatEveryMs: number;
  /** Returns when the task is over, or throws TryAgain. */
  readonly handler: (task: Task) => Promise<void>;
}

type Job = JobWithMetadata<{ runId: string }>;

/** How long until the queue is looked at again when no signal comes. */
const POLLING_MS = 1_000;
/** How long a result is kept at hand while the database does not answer; after that the task's claim runs out by itself. */
const PATIENCE_MS = 120_000;

/** Takes tasks from the queue, one at a time, and keeps hold of each while it is worked on. */
export class Taker {
  readonly #options: TakerOptions;
  #takes = 0;
  #stopped = false;
  #wake: (() => void) | undefined;
  #woken = false;
  #databaseFails = false;
  #loop: Promise<void> = Promise.resolve();
  #unsubscribe: () => void = () => {};

  constructor(options: TakerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#unsubscribe = this.#options.signals.on(({ kind }) => {
      if (kind === 'queued') this.#wakeUp();
    });
    this.#loop = this.#takeAll();
  }

  /** Takes no more; the task in hand goes on. */
  stop(): void {
    this.#stopped = true;
    this.#unsubscribe();
    this.#wakeUp();
  }

  /** Resolves when the task in hand is over. */
  idle(): Promise<void> {
    return this.#loop;
  }

  async #takeAll(): Promise<void> {
    while (!this.#stopped) {
      this.#woken = false;
      const job = await this.#take();
      if (!job) await this.#pause();
      else if (this.#stopped) await this.#giveBack(job);
      else await this.#work(job);
    }
  }

  /** It was taken while the stop was asked for: another worker, or the next start, has it at once. */
  async #giveBack({ id, retryCount, data: { runId } }: Job): Promise<void> {
    const { db, signals, logger } = this.#options;
    try {
      await giveBack(db, id, retryCount);
      await signals.send({ kind: 'queued' });
    } catch (err) {
      logger.error({ err, runId }, 'the end of a task was not written: it is taken up again');
    }
  }

  async #take(): Promise<Job | undefined> {
    const { boss, queue, logger } = this.#options;
    try {
      const only = isTurnOfOldest(this.#takes) ? await this.#priorityOfOldest() : null;
      const range = only === null ? {} : { minPriority: only, maxPriority: only };
      const [job] = await boss.fetch<{ runId: string }>(queue, { includeMetadata: true, ...range });
      if (job) this.#takes++;
      if (this.#databaseFails) logger.info('the database answers again');
      this.#databaseFails = false;
      return job;
    } catch (err) {
      if (!this.#databaseFails) logger.error({ err }, 'the database does not answer: no run is taken until it does');
      this.#databaseFails = true;
      return undefined;
    }
  }

  async #priorityOfOldest(): Promise<number | null> {
    const { rows } = await this.#options.db.executeSql(
      `SELECT priority FROM pgboss.job WHERE name = $1 AND state < 'active' AND NOT blocked AND start_after <= now()
       ORDER BY created_on LIMIT 1`,
      [this.#options.queue],
    );
    return rows[0]?.priority ?? null;
  }

  async #work(job: Job): Promise<void> {
    const { boss, queue, handler, logger } = this.#options;
    const abort = new AbortController();
    const heartbeat = setInterval(() => {
      this.#holds(job).then(
        (holds) => holds || abort.abort(new Error('The task was given to another worker.')),
        // The database may be back before the claim has run out.
        () => {},
      );
    }, this.#options.heartbeatEveryMs);
    const task = { runId: job.data.runId, jobId: job.id, attempt: job.retryCount + 1, signal: abort.signal };
    try {
      const over = await handler(task).then(
        (): (() => Promise<unknown>) => () => boss.complete(queue, { id: job.id, retryCount: job.retryCount }),
        (error: Error) => {
          if (!(error instanceof TryAgain)) logger.error({ err: error, runId: task.runId }, 'task failed');
          return () => this.#putOff(job, error.message);
        },
      );
      await patiently(over, () => this.#stopped);
    } catch (err) {
      logger.error({ err, runId: task.runId }, 'the end of a task was not written: it is taken up again');
    } finally {
      clearInterval(heartbeat);
    }
  }

  /** The log says for how long, as far as nobody has taken it again by then. */
  async #putOff({ id, retryCount, data: { runId } }: Job, message: string): Promise<void> {
    const { boss, db, queue, logger } = this.#options;
    await boss.fail(queue, { id, retryCount }, { message });
    const { rows } = await db.executeSql(
      `SELECT ceil(extract(epoch FROM start_after - now()))::int AS seconds FROM pgboss.job
       WHERE name = $1 AND id = $2 AND retry_count = $3 AND state = 'retry'`,
      [queue, id, retryCount],
    );
    if (rows.length > 0) logger.info({ runId, ...rows[0] }, 'the run waits for its next attempt');
  }

  /** Says that the task goes on. @returns whether it is still this attempt's */
  async #holds({ id, retryCount }: Job): Promise<boolean> {
    const { db, queue } = this.#options;
    const { rows } = await db.executeSql(
      `UPDATE pgboss.job SET heartbeat_on = now() WHERE name = $1 AND id = $2 AND retry_count = $3 AND state = 'active'
       RETURNING id`,
      [queue, id, retryCount],
    );
    return rows.length > 0;
  }

  #pause(): Promise<void> {
    if (this.#woken || this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, POLLING_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #wakeUp(): void {
    this.#woken = true;
    this.#wake?.();
  }
}

/**
 * Writes to the database, again and again while it does not answer.
 * @throws what the last try threw, when patience is over or there is no time left for it
 */
export async function patiently<T>(write: () => Promise<T>, isOver: () => boolean = () => false): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (isOver() || performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, POLLING_MS));
    }
  }
}
