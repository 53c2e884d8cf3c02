import type { Db } from 'pg-boss';
import { z } from 'zod';
import { type Delivery, deliverySchema } from './run.ts';

const followUpSchema = z.object({
  runId: z.string(),
  state: z.enum(['done', 'refused']),
  studyInstanceUid: z.string(),
  seriesInstanceUid: z.string(),
  deliveries: z.array(deliverySchema),
});
/** A run of a rule that has ended, and that something is still to be done about. */
export type FollowUp = z.infer<typeof followUpSchema>;

/** Nothing is put off for longer: what is due later than that was written before the clock was set back. */
export const LONGEST_DELAY_SECONDS = 3600;

/** What comes after the runs of rules: results that are sent on, and the next best series after a refusal. */
export class FollowUps {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  /** Longest due first. */
  async due(limit: number): Promise<FollowUp[]> {
    const { rows } = await this.#db.executeSql(
      `SELECT id AS "runId", state, study_uid AS "studyInstanceUid", series_uid AS "seriesInstanceUid", deliveries
       FROM hepar.runs WHERE follow_up_at IS NOT NULL AND state IN ('done', 'refused')
         AND (follow_up_at <= now() OR follow_up_at > now() + ${LONGEST_DELAY_SECONDS} * interval '1 second')
       ORDER BY follow_up_at LIMIT $1`,
      [limit],
    );
    return rows.map((row) => followUpSchema.parse(row));
  }

  /** @param againSeconds when to look at it again; null: there is nothing left to do */
  async write(runId: string, deliveries: readonly Delivery[], againSeconds: number | null): Promise<void> {
    await this.#db.executeSql(
      `UPDATE hepar.runs SET deliveries = $2::jsonb, follow_up_at = now() + $3::float8 * interval '1 second' WHERE id = $1`,
      [runId, JSON.stringify(deliveries), againSeconds],
    );
  }
}
