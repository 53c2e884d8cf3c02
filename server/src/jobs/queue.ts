import { randomUUID } from 'node:crypto';
import { type Db, type JobWithMetadata, PgBoss } from 'pg-boss';
import type { Logger } from 'pino';
import { type EmbeddedDatabase, openEmbeddedDatabase } from './embedded-database.ts';
import { DatabaseError } from './errors.ts';
import { CLICK, CLICK_PRIORITY, type Order, type Run, type RunParts } from './run.ts';
import { Runs, transaction } from './runs.ts';

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
}

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

export const MOST_ATTEMPTS = 8;
const LONGEST_RETRY_DELAY_SECONDS = 600;
/** A worker that is not heard of for this long has died; how often it is heard of is how fast it hears of a cancelling. */
const HEARTBEAT_SECONDS = 30;
const HEARTBEAT_EVERY_SECONDS = 4;
const LONGEST_RUN_SECONDS = 6 * 3600;
const LONGEST_WAIT_SECONDS = 365 * 86_400;
const POLLING_SECONDS = 1;
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

  /** @throws DatabaseError when the embedded database is in use or broken, or the other cannot be used */
  static async open(options: QueueOptions): Promise<Queue> {
    const { dir, databaseUrl, logger, retryDelaySeconds = 5 } = options;
    const embedded = databaseUrl ? null : await openEmbeddedDatabase(dir);
    const boss = new PgBoss({
      ...(embedded
        ? { db: embedded, backend: 'pglite' as const, registerInstance: false }
        : { connectionString: databaseUrl!, application_name: 'hepar' }),
      schema: SCHEMA,
      schedule: false,
      useListenNotify: true,
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
        heartbeatSeconds: HEARTBEAT_SECONDS,
        expireInSeconds: LONGEST_RUN_SECONDS,
        retentionSeconds: LONGEST_WAIT_SECONDS,
      };
      await boss.createQueue(LOST, { notify: true });
      await boss.createQueue(JOBS, { ...retry, deadLetter: LOST, notify: true });
      await boss.updateQueue(JOBS, { retryDelayMax: null, ...retry });
      const queue = new Queue(boss, embedded, logger);
      await queue.runs.migrate();
      if (embedded) await queue.#recover();
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

  private constructor(boss: PgBoss, embedded: EmbeddedDatabase | null, logger: Logger) {
    this.#boss = boss;
    this.#db = boss.getDb();
    this.#embedded = embedded;
    this.#logger = logger;
    this.runs = new Runs(this.#db);
  }

  /**
   * Queues a run unless it is known; a click queues one again that failed or was cancelled, and brings one forward that
   * waits.
   */
  request(parts: RunParts, order: Order = CLICK): Promise<{ run: Run; queued: boolean }> {
    return transaction(this.#db, async (tx) => {
      const jobId = randomUUID();
      const { run, queued, formerJob } = await this.runs.add(parts, order, jobId, tx);
      if (formerJob) await this.#boss.cancel(JOBS, formerJob, { db: tx });
      if (queued || formerJob) await this.#send(run.id, jobId, tx, run.priority);
      return { run, queued };
    });
  }

  /** Cancels a queued run at once; a running one is marked, and its task's signal aborts. @returns null when it is neither */
  cancel(id: string): Promise<Run | null> {
    return transaction(this.#db, async (tx) => {
      const run = await this.runs.cancel(id, tx);
      const jobId = run && (await this.runs.jobOf(id, tx));
      // The job of a running run stays with its worker here; a worker elsewhere finds its claim gone at the next heartbeat.
      if (jobId && (run.state === 'cancelled' || !this.#embedded)) await this.#boss.cancel(JOBS, jobId, { db: tx });
      return run;
    });
  }

  /** Puts a running run back to be worked on as soon as possible, and not as one more attempt after a failure. */
  putBack(id: string): Promise<Run | null> {
    return transaction(this.#db, async (tx) => {
      const jobId = randomUUID();
      const run = await this.runs.putBack(id, { jobId }, tx);
      if (run) await this.#send(id, jobId, tx, FIRST);
      return run;
    });
  }

  /**
   * Gives the tasks to the handler, one at a time. The handler sees to the state of the run and returns when the task is
   * over, or throws TryAgain.
   */
  async work(handler: (task: Task) => Promise<void>): Promise<void> {
    const polling = { pollingIntervalSeconds: POLLING_SECONDS, notifyPollingIntervalSeconds: POLLING_SECONDS };
    await this.#boss.work(
      JOBS,
      { ...polling, includeMetadata: true, heartbeatRefreshSeconds: HEARTBEAT_EVERY_SECONDS },
      async ([job]: JobWithMetadata<{ runId: string }>[]) => {
        const { id: jobId, data, retryCount, signal } = job!;
        await handler({ runId: data.runId, jobId, attempt: retryCount + 1, signal });
      },
    );
    await this.#boss.work(LOST, polling, async ([job]) => {
      const { runId } = job!.data as { runId: string };
      const message = 'Its worker ended without a word more often than it is retried.';
      await this.runs.end(runId, { state: 'failed', failure: { code: 'worker-lost', message } });
    });
  }

  /** Takes no more tasks; the one in hand goes on. */
  async stopWorking(): Promise<void> {
    await Promise.all([JOBS, LOST].map((name) => this.#boss.offWork(name, { wait: false })));
  }

  /** Resolves when the database answers. */
  async ping(): Promise<void> {
    await this.#db.executeSql('SELECT 1');
  }

  /** Waits up to ten seconds for the task in hand, then closes the database. */
  async close(): Promise<void> {
    await this.#boss.stop({ graceful: true, timeout: 10_000 });
    await this.#embedded?.close();
  }

  async #send(runId: string, jobId: string, tx: Db, priority: number): Promise<void> {
    await this.#boss.send(JOBS, { runId }, { id: jobId, db: tx, priority });
  }

  /**
   * The embedded database has one process: what counts as running when it is opened was cut off with the process before.
   * It becomes one more attempt, so that a series that takes the machine down does not do so for ever.
   */
  async #recover(): Promise<void> {
    for (const { id, jobId, cancelRequested } of await this.runs.interrupted()) {
      if (cancelRequested) {
        await this.runs.end(id, { state: 'cancelled' });
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
