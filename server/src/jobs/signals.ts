import { randomUUID } from 'node:crypto';
import type { Db } from 'pg-boss';
import type { Logger } from 'pino';
import { z } from 'zod';
import { PHASES } from '../progress.ts';

const signalSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('queued') }),
  z.object({ kind: z.literal('cancel'), runId: z.string() }),
  z.object({ kind: z.literal('state'), runId: z.string() }),
  z.object({
    kind: z.literal('progress'),
    runId: z.string(),
    phase: z.enum(PHASES),
    fraction: z.number(),
    whole: z.number(),
    elapsedMs: z.number(),
    remainingMs: z.number().nullable(),
  }),
]);

/**
 * What the processes on one database tell one another (PostgreSQL's NOTIFY): that there is something to do, that a run is
 * to stop, has changed its state or has come further. A signal that is lost costs time and nothing else, for everything
 * but progress is in the database as well.
 */
export type Signal = z.infer<typeof signalSchema>;

const CHANNEL = 'hepar';
const messageSchema = z.object({ from: z.string(), signal: signalSchema });

/** Sends signals, and hears those of the other processes; of its own only that something was queued. */
export class Signals {
  readonly #db: Db;
  readonly #logger: Logger;
  readonly #self = randomUUID();
  readonly #listeners = new Set<(signal: Signal) => void>();
  #handle: { close(): Promise<void> } | undefined;

  constructor(db: Db, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
  }

  /** Where the database cannot notify (a pooler in between), the log says so and the tables are asked from time to time. */
  async open(): Promise<void> {
    const missed = () => this.#emit({ kind: 'queued' });
    try {
      this.#handle = await this.#db.listen?.(CHANNEL, (payload) => this.#hear(payload), missed);
    } catch (err) {
      this.#logger.warn({ err }, 'the database does not notify: it is asked once a second');
    }
  }

  /** @returns a function that ends the subscription */
  on(listener: (signal: Signal) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Inside a transaction the others hear of it when that is through. */
  async send(signal: Signal, tx: Db = this.#db): Promise<void> {
    const payload = JSON.stringify({ from: this.#self, signal });
    await tx.executeSql('SELECT pg_notify($1, $2)', [CHANNEL, payload]);
  }

  async close(): Promise<void> {
    await this.#handle?.close().catch(() => {});
  }

  #hear(payload: string): void {
    const message = messageSchema.safeParse(parsedOrNull(payload));
    if (!message.success) return;
    const { from, signal } = message.data;
    if (from !== this.#self || signal.kind === 'queued') this.#emit(signal);
  }

  #emit(signal: Signal): void {
    for (const listener of [...this.#listeners]) listener(signal);
  }
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
