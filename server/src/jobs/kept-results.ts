import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Db } from 'pg-boss';
import { holdSeries } from './one-a-series.ts';
import { transaction } from './transaction.ts';

const pack = promisify(gzip);
const unpack = promisify(gunzip);

/** Of a result that is in the archive, the database keeps what the archive has not: the findings, and pictures for a while. */
const STAYS = /\.(json|png)$/;
const PICTURES_STAY = '30 days';

/**
 * The files of the runs in the database, for several machines: what one has computed, another can store after its death,
 * byte by byte the same, and every companion can show. The first set that is kept for a run is the only one: whoever
 * computes the same run again gets that set.
 */
export class KeptResults {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  /** Puts the kept files of a run into its folder. @returns whether there were any */
  async restore(runId: string, dir: string): Promise<boolean> {
    const { rows } = await this.#db.executeSql('SELECT name, content FROM hepar.results WHERE run_id = $1', [runId]);
    await mkdir(dir, { recursive: true });
    // findings.json stands for a complete set, and comes last.
    const last = rows.toSorted((a, b) => Number(a.name === 'findings.json') - Number(b.name === 'findings.json'));
    for (const { name, content } of last) {
      const unfinished = join(dir, `${name}.part`);
      await writeFile(unfinished, await unpack(content));
      await rename(unfinished, join(dir, name));
    }
    return rows.length > 0;
  }

  /** Keeps the files in a run's folder, unless a set is kept already: then the folder gets that one. */
  async keep(runId: string, dir: string): Promise<void> {
    const files = await packed(dir);
    const isFirst = await transaction(this.#db, async (tx) => {
      await holdSeries(runId, tx);
      const { rows } = await tx.executeSql('SELECT 1 FROM hepar.results WHERE run_id = $1 LIMIT 1', [runId]);
      if (rows.length > 0) return false;
      for (const [name, content] of files) {
        await tx.executeSql('INSERT INTO hepar.results (run_id, name, content) VALUES ($1, $2, $3)', [
          runId,
          name,
          content,
        ]);
      }
      return true;
    });
    if (!isFirst) await this.restore(runId, dir);
  }

  /** The result is in the archive: its findings say so now, and what the archive has as well goes. So does the folder. */
  async settle(runId: string, dir: string): Promise<void> {
    const findings = await pack(await readFile(join(dir, 'findings.json')));
    await transaction(this.#db, async (tx) => {
      await tx.executeSql(`UPDATE hepar.results SET content = $2 WHERE run_id = $1 AND name = 'findings.json'`, [
        runId,
        findings,
      ]);
      await tx.executeSql(`DELETE FROM hepar.results WHERE run_id = $1 AND name !~ $2`, [runId, STAYS.source]);
    });
    await this.#db.executeSql(
      `DELETE FROM hepar.results WHERE name ~ '\\.png$' AND kept_at < now() - interval '${PICTURES_STAY}'`,
    );
    await rm(dir, { recursive: true, force: true });
  }

  /** @returns null when it is not kept, or not any more */
  async read(runId: string, name: string): Promise<Buffer | null> {
    const { rows } = await this.#db.executeSql('SELECT content FROM hepar.results WHERE run_id = $1 AND name = $2', [
      runId,
      name,
    ]);
    return rows[0] ? unpack(rows[0].content) : null;
  }
}

async function packed(dir: string): Promise<[name: string, content: Buffer][]> {
  const files: [string, Buffer][] = [];
  for (const name of await readdir(dir)) {
    if (name.endsWith('.part') || !(await stat(join(dir, name))).isFile()) continue;
    files.push([name, await pack(await readFile(join(dir, name)))]);
  }
  return files;
}
