import type { Db } from 'pg-boss';

/** How far two clocks may be apart before one counts as set back. */
const TOLERANCE_SECONDS = 10;

/**
 * Puts right what a clock leaves behind that was set back: jobs that could be taken an hour from now only, and workers
 * that would count as alive for an hour after their death.
 * @param longestDelaySeconds the longest time for which a job may be put off
 */
export async function mendAfterClockStep(db: Db, longestDelaySeconds: number): Promise<void> {
  await db.executeSql(
    `UPDATE pgboss.job SET start_after = now() WHERE state = 'created' AND start_after > now() + $1 * interval '1 second'
       OR state = 'retry' AND start_after > now() + $2 * interval '1 second'`,
    [TOLERANCE_SECONDS, longestDelaySeconds + TOLERANCE_SECONDS],
  );
  await db.executeSql(
    `UPDATE pgboss.job SET heartbeat_on = now() WHERE state = 'active' AND heartbeat_on > now() + $1 * interval '1 second'`,
    [TOLERANCE_SECONDS],
  );
  await db.executeSql(
    `UPDATE pgboss.queue SET monitor_on = now() WHERE monitor_on > now() + $1 * interval '1 second'`,
    [TOLERANCE_SECONDS],
  );
}
