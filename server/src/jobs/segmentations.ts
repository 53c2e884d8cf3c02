import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { RunRequest } from '../pipeline.ts';
import { Engine, type EngineOptions } from './engine.ts';
import { type LiveProgress, LiveRuns, type RunEvent } from './live-runs.ts';
import { Queue, type QueueOptions } from './queue.ts';
import { CLICK, isFinal, type Order, type Run, type RunParts, type RunState } from './run.ts';
import { Worker } from './worker.ts';

export interface SegmentationsOptions extends Pick<QueueOptions, 'databaseUrl' | 'retryDelaySeconds'> {
  /** Holds the queue (`queue/`) and a folder of results for each run (`runs/<id>/`). */
  readonly dataDir: string;
  /** What the engine is asked for a run whose results go to `outDir`. */
  readonly requestFor: (run: Run, outDir: string) => RunRequest;
  readonly engine?: EngineOptions;
  readonly logger: Logger;
  readonly onEnd?: (run: Run) => void;
}

/** What came of a wish to cancel: null for an unknown run. */
export type Cancelling = { readonly run: Run; readonly outcome: 'cancelled' | 'cancelling' | 'finished' } | null;

/** Everything that is done with runs: asked for, looked at, cancelled, and worked off by this process' own worker. */
export class Segmentations {
  readonly #options: SegmentationsOptions;
  readonly #queue: Queue;
  readonly #live: LiveRuns;
  readonly #worker: Worker;
  readonly #engine: Engine;

  /** Opens the queue and starts to work it off. */
  static async open(options: SegmentationsOptions): Promise<Segmentations> {
    const { dataDir, databaseUrl, retryDelaySeconds, logger } = options;
    // What is in there names patients.
    for (const folder of ['queue', 'runs']) await mkdir(join(dataDir, folder), { recursive: true, mode: 0o700 });
    // Before the database, whose memory would make the start of another process slow.
    const engine = new Engine({
      standsBy: true,
      yieldsToOthers: true,
      onOutput: (line) => logger.debug({ line }, 'engine'),
      ...options.engine,
    });
    const queue = await Queue.open({
      dir: join(dataDir, 'queue'),
      databaseUrl,
      logger,
      ...(retryDelaySeconds === undefined ? {} : { retryDelaySeconds }),
    }).catch(async (error) => {
      await engine.close();
      throw error;
    });
    const segmentations = new Segmentations(options, queue, engine);
    await segmentations.#worker.start();
    return segmentations;
  }

  private constructor(options: SegmentationsOptions, queue: Queue, engine: Engine) {
    const { logger, requestFor, onEnd } = options;
    this.#options = options;
    this.#queue = queue;
    this.#live = new LiveRuns();
    this.#engine = engine;
    this.#worker = new Worker({
      queue,
      live: this.#live,
      engine: this.#engine,
      requestFor: (run) => requestFor(run, this.outDir(run.id)),
      logger,
      ...(onEnd ? { onEnd } : {}),
    });
  }

  /** Where a run's results are; complete when findings.json is there. */
  outDir(id: string): string {
    return join(this.#options.dataDir, 'runs', id);
  }

  /** Queues a run, or finds the one that is the same. `queued` says whether there is something new to do. */
  async request(parts: RunParts, order: Order = CLICK): Promise<{ run: Run; queued: boolean }> {
    const requested = await this.#queue.request(parts, order);
    // The worker may have begun before we hear that it was queued.
    if (requested.queued && !this.#live.progressOf(requested.run.id)) this.#live.changed(requested.run);
    return requested;
  }

  get(id: string): Promise<Run | null> {
    return this.#queue.runs.get(id);
  }

  list(filter: Parameters<Queue['runs']['list']>[0]): Promise<Run[]> {
    return this.#queue.runs.list(filter);
  }

  /** A queued run is cancelled at once, a running one as soon as the engine has stopped: its final state tells. */
  async cancel(id: string): Promise<Cancelling> {
    const run = await this.#queue.cancel(id);
    if (!run) {
      const found = await this.get(id);
      return found && { run: found, outcome: found.state === 'cancelled' ? 'cancelled' : 'finished' };
    }
    if (isFinal(run.state)) {
      this.#live.changed(run);
      this.#options.onEnd?.(run);
      return { run, outcome: 'cancelled' };
    }
    this.#worker.cancel(id);
    return { run, outcome: 'cancelling' };
  }

  /** How far a run has come that this process works on. */
  progressOf(id: string): LiveProgress | null {
    return this.#live.progressOf(id);
  }

  /** @returns a function that ends the subscription */
  subscribe(id: string, listener: (event: RunEvent) => void): () => void {
    return this.#live.subscribe(id, listener);
  }

  countByState(): Promise<Partial<Record<RunState, number>>> {
    return this.#queue.runs.countByState();
  }

  /** Resolves when the queue's database answers. */
  ping(): Promise<void> {
    return this.#queue.ping();
  }

  /** Puts the run in hand back into the queue, stops the engine and closes the database. */
  async close(): Promise<void> {
    await this.#worker.stop();
    await this.#queue.close();
    await this.#engine.close();
  }
}
