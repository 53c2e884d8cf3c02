import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Db, fromPglite, type PGliteLike } from 'pg-boss';
import { DatabaseError } from './errors.ts';
import type { ThreadAnswer, ThreadData, ThreadRequest } from './pglite-thread.ts';

/** PostgreSQL inside this process (PGlite), with what pg-boss and our own tables need of a database. */
export interface EmbeddedDatabase extends Db {
  beginTransaction: NonNullable<Db['beginTransaction']>;
  close(): Promise<void>;
}

type Rows = { rows: never[] };
type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

/**
 * Opens the database in `<dir>/postgres`, which is created when it is not there. One that is damaged is put aside, and a
 * new one begun: the archive is the truth, and what was lost is found again there.
 * @param onDamage hears of it, in one line
 * @throws DatabaseError when another process has it, or it cannot be opened
 */
export async function openEmbeddedDatabase(
  dir: string,
  onDamage: (line: string) => void = () => {},
): Promise<EmbeddedDatabase> {
  await mkdir(dir, { recursive: true });
  const thread = await openThread(dir, onDamage);
  const turns = new Turns();
  const pglite: PGliteLike = {
    query: (text, values = []) => thread.ask<Rows>({ kind: 'query', text, values }),
    exec: (text) => thread.ask<Rows[]>({ kind: 'exec', text }),
    listen: (channel, callback) => thread.listen(channel, callback),
  };
  const db = fromPglite(pglite);
  return {
    ...db,
    // There is one connection: a statement between another one's BEGIN and COMMIT would become part of that transaction.
    executeSql: (text, values) => turns.take(() => db.executeSql(text, values)),
    beginTransaction: async () => {
      const end = await turns.begin();
      const settle = async (statement: string) => {
        try {
          await pglite.exec(statement);
        } finally {
          end();
        }
      };
      await pglite.exec('BEGIN').catch((error) => {
        end();
        throw error;
      });
      return {
        db: { executeSql: (text, values) => pglite.query(text, values) },
        commit: () => settle('COMMIT'),
        rollback: () => settle('ROLLBACK').catch(() => {}),
      };
    },
    close: () => turns.take(() => thread.close()),
  };
}

async function openThread(dir: string, onDamage: (line: string) => void): Promise<PgliteThread> {
  const data = { dir: join(dir, 'postgres'), lockFile: join(dir, 'lock') };
  try {
    const thread = await PgliteThread.open(data);
    try {
      for (const text of PROOFS) await thread.ask({ kind: 'exec', text });
      return thread;
    } catch (error) {
      await thread.close().catch(() => {});
      throw isDamage(error) ? new DatabaseDamaged(data.dir, error) : error;
    }
  } catch (error) {
    if (!(error instanceof DatabaseDamaged)) throw error;
    const aside = `${data.dir}.damaged-${new Date().toISOString().replace(/[:.]/g, '-')}`;
    await rename(data.dir, aside);
    onDamage(
      `The queue's database in ${data.dir} is damaged and was put aside as ${aside}; a new one is begun. What the ` +
        'archive holds is found again by the rules; what was asked for by hand has to be asked for again.',
    );
    return PgliteThread.open(data);
  }
}

/** What is read of a database to see whether it is whole: the newest of each table, by its index. */
const PROOFS = [
  `SET enable_seqscan = off`,
  `DO $$ BEGIN
     IF to_regclass('hepar.runs') IS NOT NULL THEN
       PERFORM count(instances) FROM (SELECT instances FROM hepar.runs ORDER BY created_at DESC LIMIT 1000) newest;
     END IF;
     IF to_regclass('pgboss.job') IS NOT NULL THEN PERFORM count(data) FROM (SELECT data FROM pgboss.job LIMIT 1000) jobs; END IF;
   END $$`,
  `RESET enable_seqscan`,
];

/** Of PostgreSQL's errors, class XX are its own: a block that cannot be read, an index that leads nowhere. */
const isDamage = (error: unknown) => /^XX/.test((error as { code?: string }).code ?? '');

/** Not a matter of the disk's room or of rights: the files are not what they were. */
class DatabaseDamaged extends DatabaseError {
  constructor(dir: string, cause: unknown) {
    super(`The queue in ${dir} cannot be opened: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** Errors of the machine, which leave the files as they are. */
const OF_THE_MACHINE =
  /ENOSPC|EDQUOT|EACCES|EPERM|EROFS|EMFILE|ENOMEM|EIO|No space left|Permission denied|out of memory/i;

/** Work that waits for its turn, in the order in which it came. */
class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /** Resolves when its turn has come, which lasts until the function that it gives is called. */
  begin(): Promise<() => void> {
    const { promise: begun, resolve: announce } = Promise.withResolvers<() => void>();
    void this.take(() => new Promise<void>((end) => announce(() => end())));
    return begun;
  }
}

/** The other end of pglite-thread.ts. */
class PgliteThread {
  readonly #worker: Worker;
  readonly #pending = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  readonly #listeners = new Map<string, (payload: string) => void>();
  #nextId = 0;
  #lost: Error | undefined;

  static open(data: ThreadData): Promise<PgliteThread> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./pglite-thread.ts', import.meta.url), { workerData: data });
      const fail = async (error: Error) => {
        // The thread holds the lock until it has ended: one that takes its place would find it taken.
        await worker.terminate();
        const line = `The queue in ${data.dir} cannot be opened: ${error.message}`;
        const isOfTheMachine = OF_THE_MACHINE.test(error.message) || !existsSync(data.dir);
        reject(isOfTheMachine ? new DatabaseError(line, { cause: error }) : new DatabaseDamaged(data.dir, error));
      };
      worker.once('error', fail);
      worker.once('message', (message: ThreadAnswer) => {
        worker.off('error', fail);
        if (message.kind === 'opened') return resolve(new PgliteThread(worker));
        void worker.terminate();
        reject(new DatabaseError(`The queue in ${data.dir} is in use by another process: a server that runs already?`));
      });
    });
  }

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (message: ThreadAnswer) => this.#hear(message));
    worker.on('error', (error) => this.#lose(new DatabaseError('The embedded database was lost.', { cause: error })));
    worker.on('exit', () => this.#lose(new DatabaseError('The embedded database is closed.')));
  }

  ask<T>(request: WithoutId<ThreadRequest>): Promise<T> {
    if (this.#lost) return Promise.reject(this.#lost);
    return new Promise<T>((resolve, reject) => {
      const id = this.#nextId++;
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ ...request, id });
    });
  }

  async listen(channel: string, callback: (payload: string) => void): Promise<() => Promise<void>> {
    this.#listeners.set(channel, callback);
    await this.ask({ kind: 'listen', channel });
    return async () => {
      this.#listeners.delete(channel);
      await this.ask({ kind: 'unlisten', channel });
    };
  }

  async close(): Promise<void> {
    if (this.#lost) return;
    await this.ask({ kind: 'close' });
    await this.#worker.terminate();
  }

  #hear(message: ThreadAnswer): void {
    if (message.kind === 'notification') this.#listeners.get(message.channel)?.(message.payload);
    if (message.kind !== 'result' && message.kind !== 'error') return;
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.kind === 'result') pending?.resolve(message.result as never);
    else pending?.reject(Object.assign(new Error(message.message), message.fields));
  }

  #lose(error: Error): void {
    this.#lost ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#lost);
    this.#pending.clear();
  }
}
