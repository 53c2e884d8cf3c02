import type { Db } from 'pg-boss';
import { listWorkers, type RegisteredWorker } from './register.ts';
import { ORIGINS, RUN_STATES, type RunState } from './run.ts';

/** How the whole is doing, for the person who looks after it. */
export interface Operations {
  readonly runs: Readonly<Record<RunState, number>>;
  /** Of those that wait: who asked for them, how many wait after a failure, and for how long the first has waited. */
  readonly waiting: {
    readonly byOrigin: Readonly<Record<(typeof ORIGINS)[number], number>>;
    readonly afterFailure: number;
    readonly oldestSeconds: number | null;
  };
  /** Refusals and failures by their code. */
  readonly refused: Readonly<Record<string, number>>;
  readonly failed: Readonly<Record<string, number>>;
  readonly speed: {
    readonly doneLastHour: number;
    readonly doneLastDay: number;
    /** From the beginning of a run to its end, of the last day's. */
    readonly medianSeconds: number | null;
    /** From asked to done, of the last day's. */
    readonly medianTotalSeconds: number | null;
  };
  readonly workers: readonly RegisteredWorker[];
  /** The archives whose news are followed. */
  readonly feeds: readonly {
    readonly source: string;
    /** Number of the last change that was read. */
    readonly position: number;
    /** How long ago it was read; null before the first time. */
    readonly readSecondsAgo: number | null;
    /** What was heard of and has still to be looked at: all of it, and what is due by now. */
    readonly watched: number;
    readonly due: number;
    /** For how long the first of what is due has been so. */
    readonly lagSeconds: number;
  }[];
}

/** Reads the figures from the database, which all processes share. */
export async function readOperations(db: Db): Promise<Operations> {
  const one = async (text: string) => (await db.executeSql(text)).rows[0];
  const counts = async (text: string): Promise<Record<string, number>> =>
    Object.fromEntries((await db.executeSql(text)).rows.map(({ key, n }) => [key, n]));
  const states = await counts('SELECT state AS key, count(*)::int AS n FROM hepar.runs GROUP BY state');
  const origins = await counts(
    `SELECT origin AS key, count(*)::int AS n FROM hepar.runs WHERE state = 'queued' GROUP BY origin`,
  );
  const waiting = await one(
    `SELECT count(*) FILTER (WHERE failure IS NOT NULL)::int AS "afterFailure",
       extract(epoch FROM now() - min(created_at))::float AS "oldestSeconds" FROM hepar.runs WHERE state = 'queued'`,
  );
  const speed = await one(
    `SELECT count(*) FILTER (WHERE finished_at > now() - interval '1 hour')::int AS "doneLastHour",
       count(*)::int AS "doneLastDay",
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at))::float AS "medianSeconds",
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - created_at))::float AS "medianTotalSeconds"
     FROM hepar.runs WHERE state = 'done' AND finished_at > now() - interval '1 day'`,
  );
  const feeds = await db.executeSql(
    `SELECT source, position::float AS position, extract(epoch FROM now() - read_at)::float AS "readSecondsAgo",
       (SELECT count(*)::int FROM hepar.watched WHERE watched.source = feeds.source) AS watched,
       (SELECT count(*)::int FROM hepar.watched WHERE watched.source = feeds.source AND due_at <= now()) AS due,
       (SELECT coalesce(greatest(0, extract(epoch FROM now() - min(due_at))), 0)::float FROM hepar.watched
          WHERE watched.source = feeds.source AND due_at <= now()) AS "lagSeconds"
     FROM hepar.feeds ORDER BY source`,
  );
  return {
    runs: { ...none(RUN_STATES), ...states },
    waiting: { byOrigin: { ...none(ORIGINS), ...origins }, ...waiting },
    refused: await counts(
      `SELECT refusal->>'code' AS key, count(*)::int AS n FROM hepar.runs WHERE state = 'refused' GROUP BY 1 ORDER BY 2 DESC`,
    ),
    failed: await counts(
      `SELECT failure->>'code' AS key, count(*)::int AS n FROM hepar.runs WHERE state = 'failed' GROUP BY 1 ORDER BY 2 DESC`,
    ),
    speed,
    workers: await listWorkers(db),
    feeds: feeds.rows,
  };
}

function none<Key extends string>(keys: readonly Key[]): Record<Key, number> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<Key, number>;
}
