import { mkdir } from 'node:fs/promises';
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
 * Opens the database in `<dir>/postgres`, which is created when it is not there.
 * @throws DatabaseError when another process has it, or it cannot be opened
 */
export async function openEmbeddedDatabase(dir: string): Promise<EmbeddedDatabase> {
  await mkdir(dir, { recursive: true });
  const thread = await PgliteThread.open({ dir: join(dir, 'postgres'), lockFile: join(dir, 'lock') });
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
      const fail = (error: Error) =>
        reject(new DatabaseError(`The queue in ${data.dir} cannot be opened: ${error.message}`, { cause: error }));
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
