import { type Db, PgBoss } from 'pg-boss';
import type { Logger } from 'pino';
import { type EmbeddedDatabase, openEmbeddedDatabase } from './embedded-database.ts';
import { DatabaseError } from './errors.ts';
import { migrate } from './migrations.ts';
import { CLICK_PRIORITY } from './run.ts';

export interface JobsOptions {
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

/** Name of the jobs' queue. */
export const JOBS = 'segmentation';
/** Jobs whose worker died more often than they may be retried end up here. */
export const LOST = 'segmentation-lost';
export const MOST_ATTEMPTS = 8;
export const LONGEST_RETRY_DELAY_SECONDS = 600;
/** Before every run that was asked for: a run that was put back had begun. */
export const FIRST = CLICK_PRIORITY + 1;
const SCHEMA = 'pgboss';
const HEARTBEAT_SECONDS = 30;
/** How often a worker is heard of, and how often those that are not are looked for: shares of the time above. */
const HEARTBEATS = 7;
const LOOKS = 3;
const LONGEST_RUN_SECONDS = 6 * 3600;
const LONGEST_WAIT_SECONDS = 365 * 86_400;
const CLOSES_WITHIN_MS = 10_000;
/** What pg-boss notes at a job whose worker is not heard of. */
const NOT_HEARD_OF = 'job heartbeat timeout';

/**
 * The jobs of pg-boss, one for each run that has to be worked on, in the embedded database or on a PostgreSQL. A job says
 * only that there is something to do; what became of it is said by the run.
 */
export class Jobs {
  readonly boss: PgBoss;
  readonly db: Db;
  readonly heartbeatEveryMs: number;
  readonly #embedded: EmbeddedDatabase | null;

  /**
   * Opens the database, with its tables as they are to be.
   * @throws DatabaseError when the embedded database is in use or broken, or the other cannot be used
   */
  static async open(options: JobsOptions): Promise<Jobs> {
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
      await createQueues(boss, retryDelaySeconds, heartbeatSeconds);
      await migrate(boss.getDb());
      return new Jobs(boss, embedded, heartbeatSeconds);
    } catch (error) {
      await boss.stop({ graceful: false }).catch(() => {});
      await embedded?.close();
      if (embedded) throw error;
      // Of several addresses that all fail, Node has no message but a code.
      const { message, code } = error as NodeJS.ErrnoException;
      throw new DatabaseError(`The database of DATABASE_URL cannot be used: ${message || code}.`, { cause: error });
    }
  }

  private constructor(boss: PgBoss, embedded: EmbeddedDatabase | null, heartbeatSeconds: number) {
    this.boss = boss;
    this.db = boss.getDb();
    this.heartbeatEveryMs = (heartbeatSeconds * 1_000) / HEARTBEATS;
    this.#embedded = embedded;
  }

  /** Whether other processes use the same database. */
  get isShared(): boolean {
    return this.#embedded === null;
  }

  async send(runId: string, jobId: string, tx: Db, priority: number, startAfter = 0): Promise<void> {
    await this.boss.send(JOBS, { runId }, { id: jobId, db: tx, priority, ...(startAfter ? { startAfter } : {}) });
  }

  async cancel(jobId: string, tx?: Db): Promise<void> {
    await this.boss.cancel(JOBS, jobId, tx && { db: tx });
  }

  /** The job's attempt counts as failed: it is tried again, after a while. */
  async fail(jobId: string, failure: { readonly code: string; readonly message: string }): Promise<void> {
    await this.boss.fail(JOBS, jobId, failure);
  }

  /** Whether the last worker that took the job has not been heard of since. */
  async wasAbandoned(jobId: string, tx: Db): Promise<boolean> {
    const { rows } = await tx.executeSql(
      `SELECT 1 FROM pgboss.job WHERE id = $1 AND output->'value'->>'message' = $2`,
      [jobId, NOT_HEARD_OF],
    );
    return rows.length > 0;
  }

  /** Waits up to ten seconds for jobs in hand. */
  async close(): Promise<void> {
    await this.boss.stop({ graceful: true, timeout: CLOSES_WITHIN_MS });
    await this.#embedded?.close();
  }
}

/**
 * Undoes the taking of a job whose run has not begun: it is due at once, and no attempt is spent.
 * @param retryCount only of the attempt that has it
 */
export async function giveBack(db: Db, jobId: string, retryCount?: number): Promise<void> {
  await db.executeSql(
    `UPDATE pgboss.job SET state = 'created', start_after = now(), started_on = NULL, heartbeat_on = NULL, output = NULL
     WHERE name = $1 AND id = $2 AND state = 'active' AND ($3::int IS NULL OR retry_count = $3)`,
    [JOBS, jobId, retryCount ?? null],
  );
}

async function createQueues(boss: PgBoss, retryDelaySeconds: number, heartbeatSeconds: number): Promise<void> {
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
}
