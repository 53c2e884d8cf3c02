import type { Db } from 'pg-boss';
import { transaction } from '../jobs/transaction.ts';

/** A change that was read, to know the feed by: another one's change of that number has another id. */
export interface Anchor {
  readonly seq: number;
  readonly id: string;
}

export interface FeedState {
  /** Number of the last change that was read; 0 before the first. */
  readonly position: number;
  /** Oldest first; the last one is the change at `position`. */
  readonly anchors: readonly Anchor[];
  readonly readAt: Date | null;
}

/** A series of an archive, or where it has no feed a study, that has to be looked at. */
export interface Watched {
  /** Its name in the archive. */
  readonly resource: string;
  /** Raised by everything that is heard of it. */
  readonly version: string;
  /** How often it was looked at in vain. */
  readonly looks: number;
}

/** Who follows a feed gives word within this time, or another companion takes over. */
const LEASE_SECONDS = 15;
/** Nothing is put off for longer: what is due later than that was written before the clock was set back. */
const LONGEST_DELAY_SECONDS = 600;

/** What the intake remembers of an archive, in the database of the runs. Times are the database's own. */
export class IntakeStore {
  readonly #db: Db;
  /** Which archive. */
  readonly #source: string;
  /** Which companion. */
  readonly #holder: string;

  constructor(db: Db, source: string, holder: string) {
    this.#db = db;
    this.#source = source;
    this.#holder = holder;
  }

  /** Becomes, or stays, the one that follows. @param force also when another one does */
  async take(force: boolean): Promise<boolean> {
    const { rows } = await this.#db.executeSql(
      `INSERT INTO hepar.feeds (source, holder, held_until) VALUES ($1, $2, now() + $4 * interval '1 second')
       ON CONFLICT (source) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
       WHERE feeds.holder IS NULL OR feeds.holder = excluded.holder OR $3 OR feeds.held_until < now()
         OR feeds.held_until > now() + 2 * $4 * interval '1 second'
       RETURNING source`,
      [this.#source, this.#holder, force, LEASE_SECONDS],
    );
    return rows.length > 0;
  }

  async release(): Promise<void> {
    await this.#db.executeSql(
      'UPDATE hepar.feeds SET holder = NULL, held_until = NULL WHERE source = $1 AND holder = $2',
      [this.#source, this.#holder],
    );
  }

  async feed(): Promise<FeedState> {
    const { rows } = await this.#db.executeSql(
      'SELECT position::float8 AS position, anchors, read_at AS "readAt" FROM hepar.feeds WHERE source = $1',
      [this.#source],
    );
    return rows[0] ?? { position: 0, anchors: [], readAt: null };
  }

  /**
   * Writes down what a page has brought and that it was read, in one transaction: a crash repeats a page, and loses none.
   * @returns false when another companion has read on meanwhile, and nothing was written
   */
  advance(
    from: number,
    to: number,
    anchors: readonly Anchor[],
    touched: { readonly series: Iterable<string>; readonly stableStudies: Iterable<string> },
  ): Promise<boolean> {
    return transaction(this.#db, async (tx) => {
      const { rows } = await tx.executeSql(
        `UPDATE hepar.feeds SET position = $4, anchors = $5::jsonb, read_at = now()
         WHERE source = $1 AND holder = $2 AND position = $3 RETURNING source`,
        [this.#source, this.#holder, from, to, JSON.stringify(anchors)],
      );
      if (rows.length === 0) return false;
      await this.#watch([...touched.series], tx);
      await tx.executeSql(
        `UPDATE hepar.watched SET due_at = now() WHERE source = $1
           AND study IN (SELECT jsonb_array_elements_text($2::jsonb))`,
        [this.#source, JSON.stringify([...touched.stableStudies])],
      );
      return true;
    });
  }

  /** Begins the feed anew: the archive's database is another one. */
  async reset(): Promise<void> {
    await this.#db.executeSql(`UPDATE hepar.feeds SET position = 0, anchors = '[]' WHERE source = $1`, [this.#source]);
  }

  /** Has these looked at as soon as possible. */
  watch(resources: readonly string[]): Promise<void> {
    return this.#watch(resources, this.#db);
  }

  async #watch(resources: readonly string[], tx: Db): Promise<void> {
    if (resources.length === 0) return;
    await tx.executeSql(
      `INSERT INTO hepar.watched (source, resource)
       SELECT DISTINCT $1, resource FROM jsonb_array_elements_text($2::jsonb) AS resource
       ON CONFLICT (source, resource) DO UPDATE SET version = watched.version + 1, looks = 0, due_at = now()`,
      [this.#source, JSON.stringify(resources)],
    );
  }

  /** What is to be looked at now, longest waiting first. */
  async due(limit: number): Promise<Watched[]> {
    const { rows } = await this.#db.executeSql(
      `SELECT resource, version::text AS version, looks FROM hepar.watched WHERE source = $1
         AND (due_at <= now() OR due_at > now() + ${LONGEST_DELAY_SECONDS} * interval '1 second')
       ORDER BY due_at LIMIT $2`,
      [this.#source, limit],
    );
    return rows;
  }

  /** Has it looked at again after a while, unless it is heard of before. @param study its study, when that is waited for */
  async later({ resource, version }: Watched, seconds: number, study: string | null = null): Promise<void> {
    await this.#db.executeSql(
      `UPDATE hepar.watched SET due_at = now() + $4 * interval '1 second', looks = looks + 1, study = coalesce($5, study)
       WHERE source = $1 AND resource = $2 AND version = $3::bigint`,
      [this.#source, resource, version, Math.min(seconds, LONGEST_DELAY_SECONDS), study],
    );
  }

  /** There is nothing more to look at, unless it was heard of meanwhile. */
  async forget({ resource, version }: Watched): Promise<void> {
    await this.#db.executeSql(
      'DELETE FROM hepar.watched WHERE source = $1 AND resource = $2 AND version = $3::bigint',
      [this.#source, resource, version],
    );
  }

  async countWatched(): Promise<number> {
    const { rows } = await this.#db.executeSql('SELECT count(*)::int AS n FROM hepar.watched WHERE source = $1', [
      this.#source,
    ]);
    return rows[0].n;
  }

  /**
   * Remembers how large the studies are that a search has found; those whose size is as it was before, and that have not
   * been handed over at this size, are handed over to be looked at. A study that is no longer found is forgotten.
   */
  noteStudies(studies: ReadonlyMap<string, string>, isWhole: boolean): Promise<void> {
    return transaction(this.#db, async (tx) => {
      const found = JSON.stringify([...studies].map(([study, size]) => ({ study, size })));
      const { rows } = await tx.executeSql(
        `UPDATE hepar.searched SET settled = true FROM jsonb_to_recordset($2::jsonb) AS found (study text, size text)
         WHERE searched.source = $1 AND searched.study = found.study AND searched.size = found.size AND NOT searched.settled
         RETURNING searched.study`,
        [this.#source, found],
      );
      await this.#watch(
        rows.map(({ study }) => study as string),
        tx,
      );
      await tx.executeSql(
        `INSERT INTO hepar.searched (source, study, size)
         SELECT $1, study, size FROM jsonb_to_recordset($2::jsonb) AS found (study text, size text)
         ON CONFLICT (source, study) DO UPDATE SET size = excluded.size, settled = false
         WHERE searched.size <> excluded.size`,
        [this.#source, found],
      );
      if (isWhole) {
        await tx.executeSql(
          `DELETE FROM hepar.searched WHERE source = $1
             AND study NOT IN (SELECT study FROM jsonb_to_recordset($2::jsonb) AS found (study text))`,
          [this.#source, found],
        );
      }
      await tx.executeSql('UPDATE hepar.feeds SET read_at = now() WHERE source = $1', [this.#source]);
    });
  }
}
