import { randomUUID } from 'node:crypto';
import type { Db } from 'pg-boss';
import type { Logger } from 'pino';
import type { Jobs } from './jobs.ts';
import { holdSeries } from './one-a-series.ts';
import type { Ending, Runs } from './runs.ts';
import { transaction } from './transaction.ts';

/** How far two clocks may be apart before one counts as set back. */
const TOLERANCE_SECONDS = 10;

/**
 * Puts right what a clock leaves behind that was set back: jobs that could be taken an hour from now only, and workers
 * that would count as alive for an hour after their death.
 * @param longestDelaySeconds the longest time for which a job may be put off
 * @returns how many jobs it concerned
 */
export async function mendAfterClockStep(db: Db, longestDelaySeconds: number): Promise<number> {
  const waiting = await db.executeSql(
    `UPDATE pgboss.job SET start_after = now() WHERE state = 'created' AND start_after > now() + $1 * interval '1 second'
       OR state = 'retry' AND start_after > now() + $2 * interval '1 second' RETURNING id`,
    [TOLERANCE_SECONDS, longestDelaySeconds + TOLERANCE_SECONDS],
  );
  const active = await db.executeSql(
    `UPDATE pgboss.job SET heartbeat_on = now() WHERE state = 'active' AND heartbeat_on > now() + $1 * interval '1 second'
     RETURNING id`,
    [TOLERANCE_SECONDS],
  );
  await db.executeSql(
    `UPDATE pgboss.queue SET monitor_on = now() WHERE monitor_on > now() + $1 * interval '1 second'`,
    [TOLERANCE_SECONDS],
  );
  return waiting.rows.length + active.rows.length;
}

/** Gives a job to a run that should have one and has none. @returns whether it was so still */
export function adopt(
  id: string,
  db: Db,
  runs: Runs,
  send: (runId: string, jobId: string, tx: Db, priority: number) => Promise<void>,
): Promise<boolean> {
  return transaction(db, async (tx) => {
    await holdSeries(id, tx);
    const orphan = (await runs.orphans(tx)).find((each) => each.id === id);
    const newJob = randomUUID();
    const priority = orphan ? await runs.moveTo(id, orphan.jobId, newJob, tx) : null;
    if (priority !== null) await send(id, newJob, tx, priority);
    return priority !== null;
  });
}

/**
 * The embedded database has one process: what counts as running when it is opened was cut off with the process before.
 * It becomes one more attempt, so that a series that takes the machine down does not do so for ever.
 */
export async function takeUpInterrupted(
  runs: Runs,
  jobs: Jobs,
  end: (id: string, ending: Ending) => Promise<unknown>,
  logger: Logger,
): Promise<void> {
  for (const { id, jobId, cancelRequested } of await runs.interrupted()) {
    if (cancelRequested) {
      await end(id, { state: 'cancelled' });
      await jobs.cancel(jobId);
      continue;
    }
    const failure = { code: 'interrupted', message: 'The server ended in the middle of the run.' };
    await runs.putBack(id, { failure });
    await jobs.fail(jobId, failure);
    logger.info({ runId: id }, 'an interrupted run goes on');
  }
}
