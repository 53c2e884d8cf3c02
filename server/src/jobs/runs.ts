import type { Db } from 'pg-boss';
import type { ArchivedRun } from '../reports/archived-run.ts';
import { SUPERSEDED } from './one-a-series.ts';
import {
  type Delivery,
  type Failure,
  type Order,
  type Run,
  type RunParts,
  type RunState,
  runId,
  runSchema,
  type TimingsMs,
} from './run.ts';

/** What the tables of the runs are called into being with, one step a version. Never change a step that was released. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE hepar.runs (
     id text PRIMARY KEY,
     job_id uuid NOT NULL,
     study_uid text NOT NULL,
     series_uid text NOT NULL,
     instances jsonb NOT NULL,
     model jsonb NOT NULL,
     repeat int NOT NULL,
     state text NOT NULL CHECK (state IN ('queued', 'running', 'done', 'refused', 'failed', 'cancelled')),
     cancel_requested boolean NOT NULL DEFAULT false,
     phase text,
     attempt int NOT NULL DEFAULT 0,
     created_at timestamptz NOT NULL DEFAULT now(),
     started_at timestamptz,
     finished_at timestamptz,
     failure jsonb,
     refusal jsonb,
     supersedes text,
     timings_ms jsonb
   );
   CREATE INDEX runs_of_series ON hepar.runs (series_uid, created_at DESC);
   CREATE INDEX runs_of_study ON hepar.runs (study_uid, created_at DESC);
   CREATE INDEX runs_by_age ON hepar.runs (created_at DESC);`,
  `ALTER TABLE hepar.runs ADD COLUMN origin text NOT NULL DEFAULT 'click' CHECK (origin IN ('click', 'automation'));
   ALTER TABLE hepar.runs ADD COLUMN priority int NOT NULL DEFAULT 100;
   ALTER TABLE hepar.runs ADD COLUMN rule text;`,
  `ALTER TABLE hepar.runs ADD COLUMN kind text NOT NULL DEFAULT 'segmentation' CHECK (kind IN ('segmentation', 'correction'));
   ALTER TABLE hepar.runs ADD COLUMN corrects text;
   ALTER TABLE hepar.runs ADD COLUMN reviewer text;
   CREATE TABLE hepar.corrections (
     run_id text PRIMARY KEY REFERENCES hepar.runs (id),
     payload bytea NOT NULL
   );
   CREATE TABLE hepar.reviews (
     run_id text NOT NULL REFERENCES hepar.runs (id),
     number int NOT NULL,
     reviewer text,
     verdict text NOT NULL CHECK (verdict IN ('accepted', 'rejected')),
     comment text,
     created_at timestamptz NOT NULL,
     is_stored boolean NOT NULL DEFAULT false,
     PRIMARY KEY (run_id, number)
   );`,
  `CREATE INDEX runs_superseding ON hepar.runs (supersedes) WHERE supersedes IS NOT NULL;
   CREATE INDEX runs_unfinished ON hepar.runs (state) WHERE state NOT IN ('done', 'refused', 'cancelled');
   CREATE TABLE hepar.workers (
     id uuid PRIMARY KEY,
     name text NOT NULL,
     kind text NOT NULL,
     version text NOT NULL,
     provider text,
     device text,
     started_at timestamptz NOT NULL DEFAULT now(),
     heartbeat_at timestamptz NOT NULL DEFAULT now(),
     run_id text,
     runs_done int NOT NULL DEFAULT 0
   );
   CREATE TABLE hepar.results (
     run_id text NOT NULL,
     name text NOT NULL,
     content bytea NOT NULL,
     kept_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (run_id, name)
   );
   CREATE TABLE hepar.reruns (
     model_digest text PRIMARY KEY,
     model jsonb NOT NULL,
     since timestamptz,
     per_hour int NOT NULL,
     asked_by text,
     asked_at timestamptz NOT NULL DEFAULT now(),
     paced_from timestamptz NOT NULL DEFAULT now(),
     paced int NOT NULL DEFAULT 0,
     queued int NOT NULL DEFAULT 0,
     state text NOT NULL CHECK (state IN ('active', 'done', 'stopped'))
   );
   CREATE TABLE hepar.audit (
     number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     at timestamptz NOT NULL DEFAULT clock_timestamp(),
     event text NOT NULL,
     run_id text,
     series_uid text,
     who text,
     details jsonb NOT NULL
   );
   CREATE INDEX audit_of_run ON hepar.audit (run_id);
   CREATE FUNCTION hepar.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
     $$ BEGIN RAISE EXCEPTION 'The audit log is only ever added to.'; END $$;
   CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON hepar.audit
     FOR EACH STATEMENT EXECUTE FUNCTION hepar.refuse_change();`,
  `CREATE TABLE hepar.feeds (
     source text PRIMARY KEY,
     position bigint NOT NULL DEFAULT 0,
     anchors jsonb NOT NULL DEFAULT '[]',
     read_at timestamptz,
     holder text,
     held_until timestamptz
   );
   CREATE TABLE hepar.watched (
     source text NOT NULL,
     resource text NOT NULL,
     study text,
     version bigint NOT NULL DEFAULT 0,
     looks int NOT NULL DEFAULT 0,
     due_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (source, resource)
   );
   CREATE INDEX watched_due ON hepar.watched (source, due_at);
   CREATE TABLE hepar.searched (
     source text NOT NULL,
     study text NOT NULL,
     size text NOT NULL,
     settled boolean NOT NULL DEFAULT false,
     PRIMARY KEY (source, study)
   );
   ALTER TABLE hepar.runs ADD COLUMN deliveries jsonb NOT NULL DEFAULT '[]';
   ALTER TABLE hepar.runs ADD COLUMN follow_up_at timestamptz;
   CREATE INDEX runs_to_follow_up ON hepar.runs (follow_up_at) WHERE follow_up_at IS NOT NULL;`,
  `ALTER TABLE hepar.runs ADD COLUMN archived jsonb;`,
];

const UNSENT = { state: 'waiting', attempts: 0, job: null, problem: null } as const;

/** The failure of a run whose series is no longer in the archive. */
export const SOURCE_GONE = 'source-gone';

const COLUMNS = `id, study_uid AS "studyInstanceUid", series_uid AS "seriesInstanceUid", instances, model, repeat, origin, priority, rule,
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

/** How a run ended. */
export interface Ending {
  readonly state: Extract<RunState, 'done' | 'refused' | 'failed' | 'cancelled'>;
  readonly failure?: Failure | null;
  readonly refusal?: Run['refusal'];
  readonly supersedes?: string | null;
  readonly timingsMs?: TimingsMs;
  /** Series and object in the archive, for the audit log. */
  readonly stored?: Readonly<Record<string, string | null>>;
  /** Only if the run is in this attempt. */
  readonly attempt?: number;
}

export interface Added {
  readonly run: Run;
  readonly queued: boolean;
  readonly formerJob: string | null;
}

/**
 * The runs in the database. Every change names the states that it starts from, so that of two that collide one wins and
 * the other finds out. Each method works on the database or, where one is given, inside a transaction.
 */
export class Runs {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  /** Creates or updates the tables; several servers may do so at once. */
  async migrate(): Promise<void> {
    await transaction(this.#db, async (tx) => {
      await tx.executeSql(`SELECT pg_advisory_xact_lock(hashtext('hepar.migrations'))`);
      await tx.executeSql('CREATE SCHEMA IF NOT EXISTS hepar');
      await tx.executeSql('CREATE TABLE IF NOT EXISTS hepar.migrations (version int PRIMARY KEY)');
      const { rows } = await tx.executeSql('SELECT coalesce(max(version), 0)::int AS version FROM hepar.migrations');
      for (let version = Number(rows[0].version) + 1; version <= MIGRATIONS.length; version++) {
        for (const statement of MIGRATIONS[version - 1]!.split(/;\s*(?=CREATE|ALTER|$)/).filter(Boolean)) {
          await tx.executeSql(statement);
        }
        await tx.executeSql('INSERT INTO hepar.migrations (version) VALUES ($1)', [version]);
      }
    });
  }

  /**
   * Queues a run under a job, or leaves it as it is when it is known. A click queues again what failed or was cancelled; a
   * rule only what was cancelled because its series was gone, and is there again. A waiting run takes over the more urgent
   * order, under the new job.
   * @returns the run, whether it was queued anew, and the job that it waited under before
   */
  async add(parts: RunParts, order: Order, jobId: string, tx: Db): Promise<Added> {
    const id = runId(parts);
    const { studyInstanceUid, seriesInstanceUid, instances, model, repeat } = parts;
    const { origin, priority, rule } = order;
    const { correction } = parts;
    const deliveries = (order.sendTo ?? []).map((destination): Delivery => ({ destination, ...UNSENT }));
    const [added] = await this.#select(
      `INSERT INTO hepar.runs (id, job_id, study_uid, series_uid, instances, model, repeat, origin, priority, rule,
         deliveries, follow_up_at, kind, corrects, reviewer, state)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text, $12, CASE WHEN $10::text IS NOT NULL THEN now() END,
         $13, $14, $15, 'queued')
       ON CONFLICT (id) DO UPDATE SET job_id = excluded.job_id, state = 'queued', cancel_requested = false, phase = NULL,
         attempt = 0, started_at = NULL, finished_at = NULL, failure = NULL, origin = excluded.origin,
         priority = excluded.priority, rule = coalesce(excluded.rule, runs.rule),
         deliveries = CASE WHEN excluded.rule IS NULL THEN runs.deliveries ELSE excluded.deliveries END,
         follow_up_at = coalesce(excluded.follow_up_at, runs.follow_up_at)
       WHERE runs.state IN ('failed', 'cancelled') AND (excluded.origin = 'click' OR runs.failure->>'code' = $11)
       RETURNING ${COLUMNS}`,
      [
        id,
        jobId,
        studyInstanceUid,
        seriesInstanceUid,
        JSON.stringify(instances),
        JSON.stringify(model),
        repeat,
        origin,
        priority,
        rule,
        SOURCE_GONE,
        JSON.stringify(deliveries),
        correction ? 'correction' : 'segmentation',
        correction?.corrects ?? null,
        correction?.reviewer ?? null,
      ],
      tx,
    );
    if (added && correction) {
      await tx.executeSql(
        'INSERT INTO hepar.corrections (run_id, payload) VALUES ($1, $2) ON CONFLICT (run_id) DO NOTHING',
        [id, correction.payload],
      );
    }
    if (added) return { run: added, queued: true, formerJob: null };
    const { rows } = await tx.executeSql(
      `SELECT job_id FROM hepar.runs WHERE id = $1 AND state = 'queued' AND priority < $2 FOR UPDATE`,
      [id, priority],
    );
    if (rows.length === 0) return { run: (await this.get(id, tx))!, queued: false, formerJob: null };
    const [raised] = await this.#select(
      `UPDATE hepar.runs SET job_id = $2, origin = $3, priority = $4 WHERE id = $1 RETURNING ${COLUMNS}`,
      [id, jobId, origin, priority],
      tx,
    );
    return { run: raised!, queued: false, formerJob: rows[0].job_id };
  }

  /**
   * Takes up a run whose result is in the archive, to be read back under a job.
   * @returns null when it is known
   */
  async adopt(archived: ArchivedRun, jobId: string, tx: Db): Promise<Run | null> {
    const { runId, studyInstanceUid, seriesInstanceUid, instances, model, correction, engine, confidences } = archived;
    const [run] = await this.#select(
      `INSERT INTO hepar.runs (id, job_id, study_uid, series_uid, instances, model, repeat, kind, corrects, reviewer,
         supersedes, created_at, archived, state)
       VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11, $12, 'queued')
       ON CONFLICT (id) DO NOTHING RETURNING ${COLUMNS}`,
      [
        runId,
        jobId,
        studyInstanceUid,
        seriesInstanceUid,
        JSON.stringify(instances),
        JSON.stringify(model),
        correction ? 'correction' : 'segmentation',
        correction?.corrects ?? null,
        correction?.reviewer ?? null,
        archived.supersedes,
        archived.createdAt,
        JSON.stringify({ engine, confidences }),
      ],
      tx,
    );
    return run ?? null;
  }

  async idsOfStudy(studyInstanceUid: string): Promise<string[]> {
    const { rows } = await this.#db.executeSql('SELECT id FROM hepar.runs WHERE study_uid = $1', [studyInstanceUid]);
    return rows.map(({ id }) => id);
  }

  async get(id: string, tx?: Db): Promise<Run | null> {
    const [run] = await this.#select(`${WITH_POSITIONS} WHERE id = $1`, [id], tx);
    return run ?? null;
  }

  /** What a correction is made from: JSON, gzip. */
  async correctionOf(id: string): Promise<Uint8Array> {
    const { rows } = await this.#db.executeSql('SELECT payload FROM hepar.corrections WHERE run_id = $1', [id]);
    if (rows.length === 0) throw new Error(`run ${id} has no correction`);
    return rows[0].payload;
  }

  /** Newest first, at most 200. */
  list(filter: RunFilter): Promise<Run[]> {
    return this.#select(
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
    const { rows } = await (tx ?? this.#db).executeSql('SELECT job_id FROM hepar.runs WHERE id = $1', [id]);
    return rows[0]?.job_id ?? null;
  }

  /**
   * Begins an attempt; the job is what entitles to it. With the first attempt it is settled which run this one supersedes:
   * the series' current result, but no model takes the place of what a person corrected.
   * @returns null when the run was cancelled, or belongs to another job by now
   */
  async begin(id: string, jobId: string, attempt: number, tx?: Db): Promise<Run | null> {
    const [run] = await this.#select(
      `UPDATE hepar.runs SET state = 'running', attempt = $3, phase = NULL, started_at = now(), finished_at = NULL,
         supersedes = CASE WHEN runs.attempt > 0 OR runs.archived IS NOT NULL THEN runs.supersedes ELSE
           (SELECT other.id FROM hepar.runs other WHERE other.series_uid = runs.series_uid AND other.state = 'done'
              AND other.id <> runs.id AND (runs.kind = 'correction' OR other.kind = 'segmentation')
              ORDER BY EXISTS (SELECT 1 FROM hepar.runs later WHERE later.supersedes = other.id
                AND later.state = 'done'), other.kind = 'segmentation', other.finished_at DESC LIMIT 1) END
       WHERE id = $1 AND job_id = $2 AND state IN ('queued', 'running') AND NOT cancel_requested
       RETURNING ${COLUMNS}`,
      [id, jobId, attempt],
      tx,
    );
    return run ?? null;
  }

  /** @param attempt the one that entered it: a worker that has lost the run to another has no say any more */
  async enterPhase(id: string, phase: string, attempt: number): Promise<void> {
    await this.#db.executeSql(`UPDATE hepar.runs SET phase = $2 WHERE id = $1 AND state = 'running' AND attempt = $3`, [
      id,
      phase,
      attempt,
    ]);
  }

  /**
   * A result that was read back has the date at which it was made.
   * @returns null when the run had ended already, or is in another attempt than the ending says
   */
  async end(id: string, ending: Ending, tx?: Db): Promise<Run | null> {
    const { state, failure = null, refusal = null, timingsMs = null } = ending;
    const [run] = await this.#select(
      `UPDATE hepar.runs SET state = $2, refusal = $4, timings_ms = $5,
         finished_at = CASE WHEN $2 = 'done' AND archived IS NOT NULL THEN created_at ELSE now() END,
         failure = CASE WHEN $2 = 'cancelled' AND $3::jsonb IS NULL AND failure->>'code' = $9 THEN failure ELSE $3 END,
         supersedes = CASE WHEN $6 THEN $7 ELSE supersedes END
       WHERE id = $1 AND state IN ('queued', 'running') AND ($8::int IS NULL OR attempt = $8) RETURNING ${COLUMNS}`,
      [
        id,
        state,
        failure && JSON.stringify(failure),
        refusal && JSON.stringify(refusal),
        timingsMs && JSON.stringify(timingsMs),
        ending.supersedes !== undefined,
        ending.supersedes ?? null,
        ending.attempt ?? null,
        SUPERSEDED,
      ],
      tx,
    );
    return run ?? null;
  }

  /** Puts a running run back into the queue, under another job when one is given; only that attempt where one is given. */
  async putBack(
    id: string,
    options: { failure?: Failure; jobId?: string; attempt?: number },
    tx?: Db,
  ): Promise<Run | null> {
    const [run] = await this.#select(
      `UPDATE hepar.runs SET state = 'queued', failure = $2, job_id = coalesce($3, job_id)
       WHERE id = $1 AND state = 'running' AND NOT cancel_requested AND ($4::int IS NULL OR attempt = $4)
       RETURNING ${COLUMNS}`,
      [id, options.failure ? JSON.stringify(options.failure) : null, options.jobId ?? null, options.attempt ?? null],
      tx,
    );
    return run ?? null;
  }

  /** Lets a run that has not begun wait under another job. @returns its priority; null when it is not this job's any more */
  async moveTo(id: string, jobId: string, newJobId: string, tx: Db): Promise<number | null> {
    const { rows } = await tx.executeSql(
      `UPDATE hepar.runs SET job_id = $3, state = 'queued'
       WHERE id = $1 AND job_id = $2 AND state IN ('queued', 'running') AND NOT cancel_requested RETURNING priority`,
      [id, jobId, newJobId],
    );
    return rows[0]?.priority ?? null;
  }

  /** Queues a failed run once more, under a new job. @returns null when it is not failed */
  async retry(id: string, jobId: string, tx: Db): Promise<Run | null> {
    const [run] = await this.#select(
      `UPDATE hepar.runs SET job_id = $2, state = 'queued', cancel_requested = false, phase = NULL, attempt = 0,
         started_at = NULL, finished_at = NULL, failure = NULL
       WHERE id = $1 AND state = 'failed' RETURNING ${COLUMNS}`,
      [id, jobId],
      tx,
    );
    return run ?? null;
  }

  async failedIds(): Promise<string[]> {
    const { rows } = await this.#db.executeSql(`SELECT id FROM hepar.runs WHERE state = 'failed' ORDER BY created_at`);
    return rows.map(({ id }) => id);
  }

  /** Runs that wait or count as running, but have no job that anybody could take; there should be none. */
  async orphans(tx: Db = this.#db): Promise<{ id: string; jobId: string }[]> {
    const { rows } = await tx.executeSql(
      `SELECT id, job_id AS "jobId" FROM hepar.runs WHERE state IN ('queued', 'running')
         AND NOT EXISTS (SELECT 1 FROM pgboss.job WHERE job.id = runs.job_id AND job.state < 'completed')`,
    );
    return rows;
  }

  /** Cancels a queued run, or asks for a running one to be cancelled. @returns null when it is neither */
  async cancel(id: string, tx: Db): Promise<Run | null> {
    const [run] = await this.#select(
      `UPDATE hepar.runs SET cancel_requested = true,
         state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END,
         finished_at = CASE state WHEN 'queued' THEN now() END
       WHERE id = $1 AND state IN ('queued', 'running') RETURNING ${COLUMNS}`,
      [id],
      tx,
    );
    return run ?? null;
  }

  async isCancelRequested(id: string): Promise<boolean> {
    const { rows } = await this.#db.executeSql('SELECT cancel_requested FROM hepar.runs WHERE id = $1', [id]);
    return rows[0]?.cancel_requested === true;
  }

  /** What the phases of the last finished run of a model and of this kind took. */
  async lastTimings({ model, kind }: Pick<Run, 'model' | 'kind'>): Promise<TimingsMs | null> {
    const { rows } = await this.#db.executeSql(
      `SELECT timings_ms FROM hepar.runs WHERE state = 'done' AND model->>'digest' = $1 AND kind = $2 AND archived IS NULL
       ORDER BY finished_at DESC LIMIT 1`,
      [model.digest, kind],
    );
    return runSchema.shape.timingsMs.parse(rows[0]?.timings_ms ?? null);
  }

  /** Runs that count as running though no process can be at work on them, with their jobs. */
  async interrupted(): Promise<{ id: string; jobId: string; cancelRequested: boolean }[]> {
    const { rows } = await this.#db.executeSql(
      `SELECT id, job_id AS "jobId", cancel_requested AS "cancelRequested" FROM hepar.runs WHERE state = 'running'`,
    );
    return rows;
  }

  async countByState(): Promise<Partial<Record<RunState, number>>> {
    const { rows } = await this.#db.executeSql('SELECT state, count(*)::int AS n FROM hepar.runs GROUP BY state');
    return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
  }

  async #select(text: string, values: unknown[], tx: Db = this.#db): Promise<Run[]> {
    const { rows } = await tx.executeSql(text, values);
    return rows.map((row) => runSchema.parse({ position: null, ...row }));
  }
}

/** Runs the work in one transaction, which is rolled back when the work fails. */
export async function transaction<T>(db: Db, work: (tx: Db) => Promise<T>): Promise<T> {
  if (!db.beginTransaction) throw new Error('This database has no transactions.');
  const handle = await db.beginTransaction();
  try {
    const result = await work(handle.db);
    await handle.commit();
    return result;
  } catch (error) {
    await handle.rollback();
    throw error;
  }
}
