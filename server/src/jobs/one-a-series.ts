import type { Db } from 'pg-boss';
import type { Run } from './run.ts';

/**
 * Of one series, one run at a time and the fullest set of slices last: else two results would each think themselves the
 * current one, and the archive could not tell.
 */

/** The failure of a run that was cancelled because one with more slices of its series takes its place. */
export const SUPERSEDED = 'superseded';

/** Until the transaction is over, no other run of the series begins. */
export async function holdSeries(runId: string, tx: Db): Promise<void> {
  await tx.executeSql(
    `SELECT pg_advisory_xact_lock(hashtextextended('hepar.series ' || series_uid, 0)) FROM hepar.runs WHERE id = $1`,
    [runId],
  );
}

/** Whether another run of the series is at work, or has begun and waits for its next attempt. */
export async function isSeriesBusy(runId: string, tx: Db): Promise<boolean> {
  const { rows } = await tx.executeSql(
    `SELECT 1 FROM hepar.runs own JOIN hepar.runs other ON other.series_uid = own.series_uid AND other.id <> own.id
       JOIN pgboss.job ON job.id = other.job_id
     WHERE own.id = $1 AND (other.state = 'running' AND job.state = 'active'
       OR own.attempt = 0 AND other.state = 'queued' AND other.attempt > 0 AND job.state < 'active') LIMIT 1`,
    [runId],
  );
  return rows.length > 0;
}

/** The run that was asked for later and is done with all slices of this one and more, if there is one; of a correction, none. */
export async function overtakenBy(runId: string, tx: Db): Promise<string | null> {
  const { rows } = await tx.executeSql(
    `SELECT other.id FROM hepar.runs own JOIN hepar.runs other ON other.series_uid = own.series_uid
     WHERE own.id = $1 AND own.kind = 'segmentation' AND own.archived IS NULL AND other.kind = 'segmentation' AND other.state = 'done' AND other.model->>'digest' = own.model->>'digest'
       AND other.created_at > own.created_at AND other.instances @> own.instances AND NOT own.instances @> other.instances LIMIT 1`,
    [runId],
  );
  return rows[0]?.id ?? null;
}

/**
 * Runs of the same series and model that have only some of this one's slices: what waits is cancelled, what is at work is
 * asked to stop unless it is storing already. What a person corrected is nobody's to cancel.
 * @returns their ids and jobs
 */
export async function supersedeFewerSlices(
  run: Run,
  tx: Db,
): Promise<{ id: string; jobId: string; state: 'cancelled' | 'running' }[]> {
  const { rows } = await tx.executeSql(
    `UPDATE hepar.runs SET cancel_requested = true, failure = $5,
       state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END,
       finished_at = CASE state WHEN 'queued' THEN now() END
     WHERE series_uid = $1 AND kind = 'segmentation' AND archived IS NULL AND id <> $2 AND model->>'digest' = $3 AND $4::jsonb @> instances
       AND NOT instances @> $4::jsonb AND (state = 'queued' OR state = 'running' AND phase IS DISTINCT FROM 'store')
     RETURNING id, job_id AS "jobId", state`,
    [
      run.seriesInstanceUid,
      run.id,
      run.model.digest,
      JSON.stringify(run.instances),
      JSON.stringify(supersededBy(run.id)),
    ],
  );
  return rows;
}

export function supersededBy(runId: string): { code: string; message: string } {
  return { code: SUPERSEDED, message: `More slices of the series have arrived: run ${runId} takes its place.` };
}
