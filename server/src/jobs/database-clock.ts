import type { Db } from 'pg-boss';

/** What the database's clock said, and when it was asked and answered by a clock that only goes forward. */
export interface ClockReading {
  readonly databaseMs: number;
  readonly askedMs: number;
  readonly answeredMs: number;
}

/** How far two clocks may be apart before one counts as set back. */
export const TOLERANCE_SECONDS = 10;

export async function readClock(db: Db, monotonicMs: () => number): Promise<ClockReading> {
  const askedMs = monotonicMs();
  const { rows } = await db.executeSql('SELECT (1000 * extract(epoch FROM clock_timestamp()))::float8 AS "databaseMs"');
  return { databaseMs: rows[0].databaseMs, askedMs, answeredMs: monotonicMs() };
}

/** @returns by how many seconds at least it was set back between two readings; 0 where it was not, or by less than it may */
export function secondsSetBack(earlier: ClockReading, later: ClockReading): number {
  const passedMs = later.askedMs - earlier.answeredMs;
  const seconds = Math.round((earlier.databaseMs + passedMs - later.databaseMs) / 1_000);
  return seconds > TOLERANCE_SECONDS ? seconds : 0;
}
