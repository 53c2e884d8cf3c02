import type { Db } from 'pg-boss';
import { z } from 'zod';

/** What the audit log tells of. */
export const AUDIT_EVENTS = [
  'asked',
  'brought-forward',
  'begun',
  'stored',
  'refused',
  'failed',
  'cancelled',
  'cancel-asked',
  'retried',
  'rerun-asked',
  'rerun-stopped',
  'reviewed',
  'corrected',
] as const;

export const auditEntrySchema = z.strictObject({
  number: z.int().positive(),
  at: z.date(),
  event: z.enum(AUDIT_EVENTS),
  runId: z.string().nullable(),
  seriesInstanceUid: z.string().nullable(),
  /** Name of the token, of the rule or of the worker; null where nobody had to sign in. */
  who: z.string().nullable(),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;

export type AuditRecord = Pick<AuditEntry, 'event'> &
  Partial<Pick<AuditEntry, 'runId' | 'seriesInstanceUid' | 'who' | 'details'>>;

export const MOST_AUDIT_ENTRIES = 1_000;

/**
 * Who asked for what, what was stored where, and by whom it was reviewed. It is only ever added to: the database refuses
 * everything else. Runs and series are named by their ids; nothing in it says who the patient is.
 */
export class Audit {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  /** Inside a transaction it is true together with what it tells of. */
  async add({ event, runId, seriesInstanceUid, who, details = {} }: AuditRecord, tx: Db = this.#db): Promise<void> {
    await tx.executeSql(
      'INSERT INTO hepar.audit (event, run_id, series_uid, who, details) VALUES ($1, $2, $3, $4, $5)',
      [event, runId ?? null, seriesInstanceUid ?? null, who ?? null, JSON.stringify(details)],
    );
  }

  /** In their order, after the entry of a number; at most 1,000. */
  async list(after: number, filter: { readonly runId?: string | undefined } = {}): Promise<AuditEntry[]> {
    const { rows } = await this.#db.executeSql(
      `SELECT number::int, at, event, run_id AS "runId", series_uid AS "seriesInstanceUid", who, details FROM hepar.audit
       WHERE number > $1 AND ($2::text IS NULL OR run_id = $2) ORDER BY number LIMIT ${MOST_AUDIT_ENTRIES}`,
      [after, filter.runId ?? null],
    );
    return rows.map((row) => auditEntrySchema.parse(row));
  }
}
