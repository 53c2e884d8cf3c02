import type { Db } from 'pg-boss';
import { transaction } from './transaction.ts';

/** What the tables of the runs are called into being with, one step a version. Never change a step that was released. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE hepar.runs (
     id text PRIMARY KEY,
     job_id uuid NOT NULL,
     study_uid text NOT NULL,
     series_uid text NOT NULL,
     instances jsonb NOT NULL,
     model jsonb NOT NULL,
     repeat int NOT NULL,
     state text NOT NULL CHECK (state IN ('queued', 'running', 'done', 'refused', 'failed', 'cancelled')),
     cancel_requested boolean NOT NULL DEFAULT false,
     phase text,
     attempt int NOT NULL DEFAULT 0,
     created_at timestamptz NOT NULL DEFAULT now(),
     started_at timestamptz,
     finished_at timestamptz,
     failure jsonb,
     refusal jsonb,
     supersedes text,
     timings_ms jsonb
   );
   CREATE INDEX runs_of_series ON hepar.runs (series_uid, created_at DESC);
   CREATE INDEX runs_of_study ON hepar.runs (study_uid, created_at DESC);
   CREATE INDEX runs_by_age ON hepar.runs (created_at DESC);`,
  `ALTER TABLE hepar.runs ADD COLUMN origin text NOT NULL DEFAULT 'click' CHECK (origin IN ('click', 'automation'));
   ALTER TABLE hepar.runs ADD COLUMN priority int NOT NULL DEFAULT 100;
   ALTER TABLE hepar.runs ADD COLUMN rule text;`,
  `ALTER TABLE hepar.runs ADD COLUMN kind text NOT NULL DEFAULT 'segmentation' CHECK (kind IN ('segmentation', 'correction'));
   ALTER TABLE hepar.runs ADD COLUMN corrects text;
   ALTER TABLE hepar.runs ADD COLUMN reviewer text;
   CREATE TABLE hepar.corrections (
     run_id text PRIMARY KEY REFERENCES hepar.runs (id),
     payload bytea NOT NULL
   );
   CREATE TABLE hepar.reviews (
     run_id text NOT NULL REFERENCES hepar.runs (id),
     number int NOT NULL,
     reviewer text,
     verdict text NOT NULL CHECK (verdict IN ('accepted', 'rejected')),
     comment text,
     created_at timestamptz NOT NULL,
     is_stored boolean NOT NULL DEFAULT false,
     PRIMARY KEY (run_id, number)
   );`,
  `CREATE INDEX runs_superseding ON hepar.runs (supersedes) WHERE supersedes IS NOT NULL;
   CREATE INDEX runs_unfinished ON hepar.runs (state) WHERE state NOT IN ('done', 'refused', 'cancelled');
   CREATE TABLE hepar.workers (
     id uuid PRIMARY KEY,
     name text NOT NULL,
     kind text NOT NULL,
     version text NOT NULL,
     provider text,
     device text,
     started_at timestamptz NOT NULL DEFAULT now(),
     heartbeat_at timestamptz NOT NULL DEFAULT now(),
     run_id text,
     runs_done int NOT NULL DEFAULT 0
   );
   CREATE TABLE hepar.results (
     run_id text NOT NULL,
     name text NOT NULL,
     content bytea NOT NULL,
     kept_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (run_id, name)
   );
   CREATE TABLE hepar.reruns (
     model_digest text PRIMARY KEY,
     model jsonb NOT NULL,
     since timestamptz,
     per_hour int NOT NULL,
     asked_by text,
     asked_at timestamptz NOT NULL DEFAULT now(),
     paced_from timestamptz NOT NULL DEFAULT now(),
     paced int NOT NULL DEFAULT 0,
     queued int NOT NULL DEFAULT 0,
     state text NOT NULL CHECK (state IN ('active', 'done', 'stopped'))
   );
   CREATE TABLE hepar.audit (
     number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     at timestamptz NOT NULL DEFAULT clock_timestamp(),
     event text NOT NULL,
     run_id text,
     series_uid text,
     who text,
     details jsonb NOT NULL
   );
   CREATE INDEX audit_of_run ON hepar.audit (run_id);
   CREATE FUNCTION hepar.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
     $$ BEGIN RAISE EXCEPTION 'The audit log is only ever added to.'; END $$;
   CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON hepar.audit
     FOR EACH STATEMENT EXECUTE FUNCTION hepar.refuse_change();`,
  `CREATE TABLE hepar.feeds (
     source text PRIMARY KEY,
     position bigint NOT NULL DEFAULT 0,
     anchors jsonb NOT NULL DEFAULT '[]',
     read_at timestamptz,
     holder text,
     held_until timestamptz
   );
   CREATE TABLE hepar.watched (
     source text NOT NULL,
     resource text NOT NULL,
     study text,
     version bigint NOT NULL DEFAULT 0,
     looks int NOT NULL DEFAULT 0,
     due_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (source, resource)
   );
   CREATE INDEX watched_due ON hepar.watched (source, due_at);
   CREATE TABLE hepar.searched (
     source text NOT NULL,
     study text NOT NULL,
     size text NOT NULL,
     settled boolean NOT NULL DEFAULT false,
     PRIMARY KEY (source, study)
   );
   ALTER TABLE hepar.runs ADD COLUMN deliveries jsonb NOT NULL DEFAULT '[]';
   ALTER TABLE hepar.runs ADD COLUMN follow_up_at timestamptz;
   CREATE INDEX runs_to_follow_up ON hepar.runs (follow_up_at) WHERE follow_up_at IS NOT NULL;`,
  `ALTER TABLE hepar.runs ADD COLUMN archived jsonb;`,
];

/** Creates or updates the tables; several servers may do so at once. */
export async function migrate(db: Db): Promise<void> {
  await transaction(db, async (tx) => {
    await tx.executeSql(`SELECT pg_advisory_xact_lock(hashtext('hepar.migrations'))`);
    // Asked of the table: IF NOT EXISTS asks a cache of the connection's that may be older than the lock.
    const { rows: schemas } = await tx.executeSql(`SELECT FROM pg_namespace WHERE nspname = 'hepar'`);
    if (schemas.length === 0) await tx.executeSql('CREATE SCHEMA hepar');
    await tx.executeSql('CREATE TABLE IF NOT EXISTS hepar.migrations (version int PRIMARY KEY)');
    const { rows } = await tx.executeSql('SELECT coalesce(max(version), 0)::int AS version FROM hepar.migrations');
    for (let version = Number(rows[0].version) + 1; version <= MIGRATIONS.length; version++) {
      for (const statement of MIGRATIONS[version - 1]!.split(/;\s*(?=CREATE|ALTER|$)/).filter(Boolean)) {
        await tx.executeSql(statement);
      }
      await tx.executeSql('INSERT INTO hepar.migrations (version) VALUES ($1)', [version]);
    }
  });
}
