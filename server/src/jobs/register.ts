import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Db } from 'pg-boss';
import { VERSION } from '../version.ts';
import type { Device } from './device.ts';

/** A process with an engine, as the others see it. */
export interface RegisteredWorker {
  readonly name: string;
  /** 'companion' serves HTTP as well. */
  readonly kind: 'companion' | 'worker';
  readonly version: string;
  /** What its last run ran on; null before the first. */
  readonly provider: string | null;
  readonly device: string | null;
  readonly startedAt: Date;
  readonly heartbeatAt: Date;
  /** Seconds since its last word, by the database's clock. */
  readonly silentSeconds: number;
  /** The run in hand. */
  readonly runId: string | null;
  readonly runsDone: number;
}

const HEARTBEAT_MS = 5_000;
/** One that ended without a word is shown as silent until then. */
const FORGOTTEN_AFTER = '1 day';

/** Name of this process among the workers, unless the configuration gives one. */
export function defaultWorkerName(): string {
  return `${hostname()}-${process.pid}`;
}

/** Makes a worker known to the other processes on its database, and keeps it so until it is withdrawn. */
export class Registration {
  readonly #db: Db;
  readonly #about: Pick<RegisteredWorker, 'name' | 'kind'>;
  readonly #id = randomUUID();
  #timer: NodeJS.Timeout | undefined;
  #runId: string | null = null;
  #runsDone = 0;
  #engine: Device | null;
  #written: Promise<void> = Promise.resolve();

  /** @param engine what it will run on, where that is known already */
  constructor(db: Db, about: Pick<RegisteredWorker, 'name' | 'kind'>, engine: Device | null = null) {
    this.#db = db;
    this.#about = about;
    this.#engine = engine;
  }

  start(): void {
    this.#beat();
    this.#timer = setInterval(() => this.#beat(), HEARTBEAT_MS);
  }

  began(runId: string): void {
    this.#runId = runId;
    this.#beat();
  }

  /** @param engine what the run ran on; null when it came to no result */
  ended(engine: Device | null): void {
    this.#runId = null;
    if (engine) {
      this.#engine = engine;
      this.#runsDone++;
    }
    this.#beat();
  }

  async withdraw(): Promise<void> {
    clearInterval(this.#timer);
    await this.#written;
    await this.#db.executeSql('DELETE FROM hepar.workers WHERE id = $1', [this.#id]).catch(() => {});
  }

  #beat(): void {
    this.#written = this.#written.then(() => this.#write()).catch(() => {});
  }

  async #write(): Promise<void> {
    const { name, kind } = this.#about;
    const { provider = null, device = null } = this.#engine ?? {};
    await this.#db.executeSql(
      `INSERT INTO hepar.workers (id, name, kind, version, provider, device, run_id, runs_done)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT (id) DO UPDATE SET heartbeat_at = now(), provider = excluded.provider, device = excluded.device,
         run_id = excluded.run_id, runs_done = excluded.runs_done`,
      [this.#id, name, kind, VERSION, provider, device, this.#runId, this.#runsDone],
    );
    await this.#db.executeSql(
      `DELETE FROM hepar.workers WHERE heartbeat_at < now() - interval '${FORGOTTEN_AFTER}'
         OR name = $1 AND id <> $2 AND heartbeat_at < now() - interval '15 seconds'`,
      [name, this.#id],
    );
  }
}

/** All workers, by name. */
export async function listWorkers(db: Db): Promise<RegisteredWorker[]> {
  const { rows } = await db.executeSql(
    `SELECT name, kind, version, provider, device, started_at AS "startedAt", heartbeat_at AS "heartbeatAt",
       greatest(0, extract(epoch FROM now() - heartbeat_at))::float AS "silentSeconds", run_id AS "runId",
       runs_done AS "runsDone"
     FROM hepar.workers ORDER BY name, started_at`,
  );
  return rows;
}
