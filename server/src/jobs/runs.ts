import type { Db } from 'pg-boss';
import type { ArchivedRun } from '../reports/archived-run.ts';
import { COLUMNS, KnownRuns } from './known-runs.ts';
import { SUPERSEDED } from './one-a-series.ts';
import {
  type Delivery,
  type Failure,
  type Order,
  type Run,
  type RunParts,
  type RunState,
  runId,
  type TimingsMs,
} from './run.ts';

const UNSENT = { state: 'waiting', attempts: 0, job: null, problem: null } as const;

/** The failure of a run whose series is no longer in the archive. */
export const SOURCE_GONE = 'source-gone';

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
 * The runs in the database, to be changed. Every change names the states that it starts from, so that of two that collide
 * one wins and the other finds out. Each method works on the database or, where one is given, inside a transaction.
 */
export class Runs extends KnownRuns {
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
    const [added] = await this.select(
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
    const [raised] = await this.select(
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
    const [run] = await this.select(
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

  /**
   * Begins an attempt; the job is what entitles to it. With the first attempt it is settled which run this one supersedes:
   * the series' current result, but no model takes the place of what a person corrected.
   * @returns null when the run was cancelled, or belongs to another job by now
   */
  async begin(id: string, jobId: string, attempt: number, tx?: Db): Promise<Run | null> {
    const [run] = await this.select(
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
    await this.db.executeSql(`UPDATE hepar.runs SET phase = $2 WHERE id = $1 AND state = 'running' AND attempt = $3`, [
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
    const [run] = await this.select(
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
    const [run] = await this.select(
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
    const [run] = await this.select(
      `UPDATE hepar.runs SET job_id = $2, state = 'queued', cancel_requested = false, phase = NULL, attempt = 0,
         started_at = NULL, finished_at = NULL, failure = NULL
       WHERE id = $1 AND state = 'failed' RETURNING ${COLUMNS}`,
      [id, jobId],
      tx,
    );
    return run ?? null;
  }

  /** Cancels a queued run, or asks for a running one to be cancelled. @returns null when it is neither */
  async cancel(id: string, tx: Db): Promise<Run | null> {
    const [run] = await this.select(
      `UPDATE hepar.runs SET cancel_requested = true,
         state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END,
         finished_at = CASE state WHEN 'queued' THEN now() END
       WHERE id = $1 AND state IN ('queued', 'running') RETURNING ${COLUMNS}`,
      [id],
      tx,
    );
    return run ?? null;
  }
}
