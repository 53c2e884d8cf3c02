import { randomUUID } from 'node:crypto';
import type { Db } from 'pg-boss';
import type { Logger } from 'pino';
import { type ClockReading, readClock, secondsSetBack, TOLERANCE_SECONDS } from './database-clock.ts';
import { giveBack, type Jobs, LONGEST_RETRY_DELAY_SECONDS } from './jobs.ts';
import { holdSeries } from './one-a-series.ts';
import type { Ending, Runs } from './runs.ts';
import { transaction } from './transaction.ts';

type Send = (runId: string, jobId: string, tx: Db, priority: number) => Promise<void>;

/** What has to be put right from time to time, whoever is to blame: a clock that was set back, a run without a job. */
export class Upkeep {
  readonly #db: Db;
  readonly #runs: Runs;
  readonly #send: Send;
  readonly #logger: Logger;
  readonly #monotonicMs: () => number;
  #clock: ClockReading | undefined;

  /** @param monotonicMs a clock that nobody sets */
  constructor(db: Db, runs: Runs, send: Send, logger: Logger, monotonicMs: () => number = () => performance.now()) {
    this.#db = db;
    this.#runs = runs;
    this.#send = send;
    this.#logger = logger;
    this.#monotonicMs = monotonicMs;
  }

  async look(): Promise<void> {
    try {
      await this.#lookAtClock();
      for (const { id } of await this.#runs.orphans()) {
        const isAdopted = await adopt(id, this.#db, this.#runs, this.#send);
        if (isAdopted) this.#logger.warn({ runId: id }, 'a run had no job in the queue: it is queued again');
      }
    } catch (err) {
      this.#logger.debug({ err }, 'the upkeep of the queue has to wait');
    }
  }

  async #lookAtClock(): Promise<void> {
    const clock = await readClock(this.#db, this.#monotonicMs);
    const seconds = this.#clock ? secondsSetBack(this.#clock, clock) : 0;
    // Whole or not at all: what was mended must be told of, too.
    const mended = await transaction(this.#db, (tx) => mendAfterClockStep(tx, seconds));
    this.#clock = clock;
    const said = seconds > 0 ? { seconds, ...mended } : mended;
    if (mended.jobs + mended.followUps > 0) {
      this.#logger.warn(said, 'the clock was set back: what was put off by that is due again');
    } else if (seconds > 0) {
      this.#logger.warn(said, 'the clock was set back: nothing waits longer because of it');
    }
  }
}

/**
 * Puts right what a clock leaves behind that was set back: jobs that could be taken an hour from now only, results that
 * would be sent on and studies that would be done again as late, and workers that would count as alive for an hour after
 * their death.
 * @param seconds by which the clock is known to have been set back; 0: what waits longer than anything is put off tells
 * @returns how many jobs, and runs that something follows, it concerned
 */
export async function mendAfterClockStep(tx: Db, seconds: number): Promise<{ jobs: number; followUps: number }> {
  const isKnown = seconds > 0;
  const waiting = await tx.executeSql(
    `UPDATE pgboss.job SET start_after = now() WHERE state = 'created' AND start_after > now() + $1 * interval '1 second'
       OR state = 'retry' AND start_after > now() + $2 * interval '1 second' RETURNING id`,
    [TOLERANCE_SECONDS, TOLERANCE_SECONDS + (isKnown ? 0 : LONGEST_RETRY_DELAY_SECONDS)],
  );
  const active = await tx.executeSql(
    `UPDATE pgboss.job SET heartbeat_on = now() WHERE state = 'active' AND heartbeat_on > now() + $1 * interval '1 second'
     RETURNING id`,
    [TOLERANCE_SECONDS],
  );
  await tx.executeSql(
    `UPDATE pgboss.queue SET monitor_on = now() WHERE monitor_on > now() + $1 * interval '1 second'`,
    [TOLERANCE_SECONDS],
  );
  const jobs = waiting.rows.length + active.rows.length;
  if (!isKnown) return { jobs, followUps: 0 };
  const followed = await tx.executeSql(
    `UPDATE hepar.runs SET follow_up_at = now() WHERE follow_up_at > now() + $1 * interval '1 second' RETURNING id`,
    [TOLERANCE_SECONDS],
  );
  await tx.executeSql('UPDATE hepar.reruns SET paced_from = now(), paced = 0');
  return { jobs, followUps: followed.rows.length };
}

/** Gives a job to a run that should have one and has none. @returns whether it was so still */
export function adopt(id: string, db: Db, runs: Runs, send: Send): Promise<boolean> {
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
 * The embedded database has one process: what counts as taken when it is opened was cut off with the process before. What
 * had begun becomes one more attempt, so that a series that takes the machine down does not do so for ever.
 */
export async function takeUpInterrupted(
  runs: Runs,
  jobs: Jobs,
  end: (id: string, ending: Ending) => Promise<unknown>,
  logger: Logger,
): Promise<void> {
  for (const { id, jobId, cancelRequested, hasBegun } of await runs.interrupted()) {
    if (cancelRequested) {
      await end(id, { state: 'cancelled' });
      await jobs.cancel(jobId);
      continue;
    }
    if (hasBegun) {
      const failure = { code: 'interrupted', message: 'The server ended in the middle of the run.' };
      await runs.putBack(id, { failure });
      await jobs.fail(jobId, failure);
    } else {
      await giveBack(jobs.db, jobId);
    }
    logger.info({ runId: id }, 'an interrupted run goes on');
  }
}
