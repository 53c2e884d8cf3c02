import type { Db } from 'pg-boss';
import { LOST } from './jobs.ts';
import { type Delivery, type Run, type RunState, runSchema, type TimingsMs } from './run.ts';

/** A run as it is kept, in SQL. */
export const COLUMNS = `id, study_uid AS "studyInstanceUid", series_uid AS "seriesInstanceUid", instances, model, repeat, origin, priority, rule,
  deliveries, state, phase, attempt, created_at AS "createdAt", started_at AS "startedAt", finished_at AS "finishedAt", failure, refusal, supersedes,
  timings_ms AS "timingsMs", kind, corrects, reviewer, archived, (SELECT verdict FROM hepar.reviews
    WHERE run_id = runs.id AND is_stored ORDER BY number DESC LIMIT 1) AS verdict`;

/**
 * Places of the waiting runs, in the order in which their jobs are taken: first one that a worker holds already while another
 * is still at work, last those that wait after a failure.
 */
const QUEUED = `SELECT waiting.job_id, row_number() OVER
    (ORDER BY job.state < 'active', job.start_after > now(), job.priority DESC, job.created_on)::int AS position
  FROM hepar.runs AS waiting JOIN pgboss.job ON job.id = waiting.job_id WHERE waiting.state = 'queued'`;
/** Runs with their places in the queue, to select from. */
const WITH_POSITIONS = `SELECT ${COLUMNS}, position FROM hepar.runs LEFT JOIN (${QUEUED}) AS queued USING (job_id)`;

const MOST_LISTED = 200;

/** Which runs are listed; all where nothing is said. */
export interface RunFilter {
  readonly studyInstanceUid?: string | undefined;
  readonly seriesInstanceUid?: string | undefined;
  readonly state?: RunState | undefined;
  /** How the sending on of the result to one of its destinations stands. */
  readonly delivery?: Delivery['state'] | undefined;
}

/** The runs in the database, to be looked at. Each method reads the database or, where one is given, inside a transaction. */
export class KnownRuns {
  protected readonly db: Db;

  constructor(db: Db) {
    this.db = db;
  }

  async idsOfStudy(studyInstanceUid: string): Promise<string[]> {
    const { rows } = await this.db.executeSql('SELECT id FROM hepar.runs WHERE study_uid = $1', [studyInstanceUid]);
    return rows.map(({ id }) => id);
  }

  async get(id: string, tx?: Db): Promise<Run | null> {
    const [run] = await this.select(`${WITH_POSITIONS} WHERE id = $1`, [id], tx);
    return run ?? null;
  }

  /** What a correction is made from: JSON, gzip. */
  async correctionOf(id: string): Promise<Uint8Array> {
    const { rows } = await this.db.executeSql('SELECT payload FROM hepar.corrections WHERE run_id = $1', [id]);
    if (rows.length === 0) throw new Error(`run ${id} has no correction`);
    return rows[0].payload;
  }

  /** Newest first, at most 200. */
  list(filter: RunFilter): Promise<Run[]> {
    return this.select(
      `${WITH_POSITIONS}
       WHERE ($1::text IS NULL OR study_uid = $1) AND ($2::text IS NULL OR series_uid = $2)
         AND ($3::text IS NULL OR state = $3)
         AND ($4::text IS NULL OR deliveries @> jsonb_build_array(jsonb_build_object('state', $4::text)))
       ORDER BY created_at DESC, id LIMIT ${MOST_LISTED}`,
      [
        filter.studyInstanceUid ?? null,
        filter.seriesInstanceUid ?? null,
        filter.state ?? null,
        filter.delivery ?? null,
      ],
    );
  }

  async jobOf(id: string, tx?: Db): Promise<string | null> {
    const { rows } = await (tx ?? this.db).executeSql('SELECT job_id FROM hepar.runs WHERE id = $1', [id]);
    return rows[0]?.job_id ?? null;
  }

  async failedIds(): Promise<string[]> {
    const { rows } = await this.db.executeSql(`SELECT id FROM hepar.runs WHERE state = 'failed' ORDER BY created_at`);
    return rows.map(({ id }) => id);
  }

  /**
   * Runs that wait or count as running, but have no job that anybody could take, nor one that is about to end them; there
   * should be none.
   */
  async orphans(tx: Db = this.db): Promise<{ id: string; jobId: string }[]> {
    const { rows } = await tx.executeSql(
      `SELECT id, job_id AS "jobId" FROM hepar.runs WHERE state IN ('queued', 'running')
         AND NOT EXISTS (SELECT 1 FROM pgboss.job WHERE job.state < 'completed'
           AND (job.id = runs.job_id OR job.name = $1 AND job.data->>'runId' = runs.id))`,
      [LOST],
    );
    return rows;
  }

  async isCancelRequested(id: string): Promise<boolean> {
    const { rows } = await this.db.executeSql('SELECT cancel_requested FROM hepar.runs WHERE id = $1', [id]);
    return rows[0]?.cancel_requested === true;
  }

  /** What the phases of the last finished run of a model and of this kind took. */
  async lastTimings({ model, kind }: Pick<Run, 'model' | 'kind'>): Promise<TimingsMs | null> {
    const { rows } = await this.db.executeSql(
      `SELECT timings_ms FROM hepar.runs WHERE state = 'done' AND model->>'digest' = $1 AND kind = $2 AND archived IS NULL
       ORDER BY finished_at DESC LIMIT 1`,
      [model.digest, kind],
    );
    return runSchema.shape.timingsMs.parse(rows[0]?.timings_ms ?? null);
  }

  /**
   * Where no process can be at work: the runs that count as running, and those whose job counts as taken though they had
   * not begun, or had been put back already.
   */
  async interrupted(): Promise<{ id: string; jobId: string; cancelRequested: boolean; hasBegun: boolean }[]> {
    const { rows } = await this.db.executeSql(
      `SELECT runs.id, job_id AS "jobId", cancel_requested AS "cancelRequested",
         runs.state = 'running' OR runs.attempt > job.retry_count AS "hasBegun"
       FROM hepar.runs LEFT JOIN pgboss.job ON job.id = runs.job_id
       WHERE runs.state = 'running' OR runs.state = 'queued' AND job.state = 'active'`,
    );
    return rows;
  }

  async countByState(): Promise<Partial<Record<RunState, number>>> {
    const { rows } = await this.db.executeSql('SELECT state, count(*)::int AS n FROM hepar.runs GROUP BY state');
    return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
  }

  /** @param text a statement that gives COLUMNS, with or without the position */
  protected async select(text: string, values: unknown[], tx: Db = this.db): Promise<Run[]> {
    const { rows } = await tx.executeSql(text, values);
    return rows.map((row) => runSchema.parse({ position: null, ...row }));
  }
}
