import type { Db } from 'pg-boss';
import { z } from 'zod';
import { modelRefSchema, type Order, type RunParts, runSchema } from './run.ts';
import { transaction } from './transaction.ts';

export const RERUN_STATES = ['active', 'done', 'stopped'] as const;

export const rerunSchema = z.object({
  model: modelRefSchema,
  /** Only series whose result is from this time or later. */
  since: z.date().nullable(),
  perHour: z.int().positive(),
  state: z.enum(RERUN_STATES),
  /** Runs that it has queued so far, and series that still have their result from another model. */
  queued: z.int().nonnegative(),
  left: z.int().nonnegative(),
  askedAt: z.date(),
});
export type Rerun = z.infer<typeof rerunSchema>;

/** Behind everything else. */
const BACKGROUND: Order = { origin: 'automation', priority: 0, rule: 'rerun' };
/** After a pause nothing is made up for: at most so many at once. */
const MOST_AT_ONCE = 10;

/**
 * Series whose current result is another model's, and for which this model has no run yet; the oldest results first. What
 * a person has corrected stays.
 */
const CANDIDATES = `
  SELECT DISTINCT ON (series_uid) runs.* FROM hepar.runs WHERE state = 'done'
  ORDER BY series_uid, finished_at DESC`;
const DUE = `
  SELECT current.study_uid, current.series_uid, current.instances FROM (${CANDIDATES}) current
  WHERE current.kind = 'segmentation' AND current.model->>'digest' <> $1 AND ($2::timestamptz IS NULL OR current.finished_at >= $2)
    AND NOT EXISTS (SELECT 1 FROM hepar.runs own WHERE own.series_uid = current.series_uid
      AND own.model->>'digest' = $1 AND own.instances = current.instances)
  ORDER BY current.finished_at`;

/**
 * Has what was segmented with other models segmented with a new one, slowly. What is left to do follows from the runs
 * themselves, so that it goes on after any interruption, and asking twice is asking once.
 */
export class Reruns {
  readonly #db: Db;
  readonly #request: (parts: RunParts, order: Order) => Promise<unknown>;

  /** @param request queues a run unless it is known */
  constructor(db: Db, request: (parts: RunParts, order: Order) => Promise<unknown>) {
    this.#db = db;
    this.#request = request;
  }

  /** Begins, or goes on at another pace. */
  async start(wish: {
    readonly model: RunParts['model'];
    readonly since: Date | null;
    readonly perHour: number;
    readonly by: string | null;
  }): Promise<Rerun> {
    const { model, since, perHour, by } = wish;
    await this.#db.executeSql(
      `INSERT INTO hepar.reruns (model_digest, model, since, per_hour, asked_by, state) VALUES ($1, $2, $3, $4, $5, 'active')
       ON CONFLICT (model_digest) DO UPDATE SET since = excluded.since, per_hour = excluded.per_hour, state = 'active',
         asked_by = excluded.asked_by, paced_from = now(), paced = 0`,
      [model.digest, JSON.stringify(model), since, perHour, by],
    );
    await this.tick();
    return (await this.list()).find((each) => each.model.digest === model.digest)!;
  }

  /** @returns null when none of this model is under way */
  async stop(modelId: string): Promise<Rerun | null> {
    const { rows } = await this.#db.executeSql(
      `UPDATE hepar.reruns SET state = 'stopped' WHERE model->>'id' = $1 AND state = 'active' RETURNING model_digest`,
      [modelId],
    );
    if (rows.length === 0) return null;
    return (await this.list()).find(({ model }) => model.digest === rows[0].model_digest)!;
  }

  async list(): Promise<Rerun[]> {
    const { rows } = await this.#db.executeSql(
      `SELECT model, since, per_hour AS "perHour", state, queued, asked_at AS "askedAt" FROM hepar.reruns ORDER BY asked_at`,
    );
    const reruns: Rerun[] = [];
    for (const row of rows) {
      const counted = await this.#db.executeSql(`SELECT count(*)::int AS left FROM (${DUE}) due`, [
        row.model.digest,
        row.since,
      ]);
      reruns.push(rerunSchema.parse({ ...row, left: counted.rows[0].left }));
    }
    return reruns;
  }

  /** Queues what is due by now. Several processes may do so at once: one of them does. @returns how many */
  async tick(): Promise<number> {
    const { rows } = await this.#db.executeSql(`SELECT model_digest FROM hepar.reruns WHERE state = 'active'`);
    let queued = 0;
    for (const { model_digest: digest } of rows) queued += await this.#advance(digest);
    return queued;
  }

  async #advance(digest: string): Promise<number> {
    const due = await transaction(this.#db, async (tx) => {
      // The first is due at once, the others at the pace that was asked for, by the database's clock.
      const { rows } = await tx.executeSql(
        `SELECT model, since, (1 + floor(greatest(0, extract(epoch FROM now() - paced_from)) * per_hour / 3600))::int AS due,
           paced
         FROM hepar.reruns WHERE model_digest = $1 AND state = 'active' FOR UPDATE SKIP LOCKED`,
        [digest],
      );
      const rerun = rows[0];
      if (!rerun || rerun.due <= rerun.paced) return [];
      const allowed = Math.min(MOST_AT_ONCE, rerun.due - rerun.paced);
      const found = await tx.executeSql(`${DUE} LIMIT ${allowed}`, [digest, rerun.since]);
      await tx.executeSql(
        `UPDATE hepar.reruns SET queued = queued + $2, paced = $3, state = CASE WHEN $2 = 0 THEN 'done' ELSE state END
         WHERE model_digest = $1`,
        [digest, found.rows.length, rerun.due],
      );
      return found.rows.map((row) => ({
        studyInstanceUid: row.study_uid as string,
        seriesInstanceUid: row.series_uid as string,
        instances: runSchema.shape.instances.parse(row.instances),
        model: modelRefSchema.parse(rerun.model),
        repeat: 0,
      }));
    });
    // Outside: should this process die in between, the series is found again, as it has no run.
    for (const parts of due) await this.#request(parts, BACKGROUND);
    return due.length;
  }
}
