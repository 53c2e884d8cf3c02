/**
 * PGlite in a thread of its own: its queries run on the thread that calls them, which must not be the server's
 * (creating a database takes seconds, maintenance 50 to 100 ms).
 */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';

export interface ThreadData {
  /** Folder of the database. */
  readonly dir: string;
  /** File by which one process at a time has the database. */
  readonly lockFile: string;
}

export type ThreadRequest = { readonly id: number } & (
  | { readonly kind: 'query'; readonly text: string; readonly values: unknown[] }
  | { readonly kind: 'exec'; readonly text: string }
  | { readonly kind: 'listen'; readonly channel: string }
  | { readonly kind: 'unlisten'; readonly channel: string }
  | { readonly kind: 'close' }
);

export type ThreadAnswer =
  | { readonly kind: 'opened' }
  | { readonly kind: 'in-use' }
  | { readonly kind: 'result'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly message: string; readonly fields: Record<string, unknown> }
  | { readonly kind: 'notification'; readonly channel: string; readonly payload: string };

const SQLITE_BUSY = 5;
const port = parentPort!;
const { dir, lockFile } = workerData as ThreadData;
const answer = (message: ThreadAnswer) => port.postMessage(message);

const lock = takeLock(lockFile);
if (lock === null) {
  answer({ kind: 'in-use' });
} else {
  const pglite = await PGlite.create(dir);
  const stopListening = new Map<string, () => Promise<void>>();
  port.on('message', (request: ThreadRequest) => {
    serve(pglite, stopListening, request).then(
      (result) => answer({ kind: 'result', id: request.id, result }),
      (error: Error) => {
        // PostgreSQL's fields (code, detail, …) do not survive the copying of an Error between threads.
        answer({ kind: 'error', id: request.id, message: error.message, fields: plainFields(error) });
      },
    );
  });
  answer({ kind: 'opened' });
}

async function serve(
  pglite: PGlite,
  stopListening: Map<string, () => Promise<void>>,
  request: ThreadRequest,
): Promise<unknown> {
  switch (request.kind) {
    case 'query':
      return { rows: (await pglite.query(request.text, request.values)).rows };
    case 'exec':
      return (await pglite.exec(request.text)).map(({ rows }) => ({ rows }));
    case 'listen': {
      const { channel } = request;
      const stop = await pglite.listen(channel, (payload) => answer({ kind: 'notification', channel, payload }));
      stopListening.set(channel, stop);
      return undefined;
    }
    case 'unlisten':
      return stopListening.get(request.channel)?.();
    case 'close':
      await pglite.close();
      lock?.close();
      return undefined;
  }
}

/**
 * The lock is the operating system's, so that it goes with its process, however that ends.
 * @returns null when another process has it
 */
function takeLock(file: string): DatabaseSync | null {
  const database = new DatabaseSync(file);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return null;
    throw error;
  }
}

function plainFields(error: Error): Record<string, unknown> {
  return Object.fromEntries(Object.entries(error).filter(([, value]) => ['string', 'number'].includes(typeof value)));
}
