import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { CorrectionOrder } from '../correct.ts';
import type { ArchiveOptions } from '../dicomweb/archive.ts';
import { type FindingsDocument, findingsSchema } from '../findings/schema.ts';
import type { RunRequest } from '../pipeline.ts';
import type { Audit } from './audit.ts';
import type { Device } from './device.ts';
import { Engine, type EngineOptions } from './engine.ts';
import { PipelineFailed } from './errors.ts';
import type { JobsOptions } from './jobs.ts';
import { KeptResults } from './kept-results.ts';
import { type LiveProgress, LiveRuns, type RunEvent } from './live-runs.ts';
import { Queue } from './queue.ts';
import { defaultWorkerName, Registration } from './register.ts';
import { Reruns } from './reruns.ts';
import { Restorer } from './restorer.ts';
import { Reviews } from './reviews.ts';
import { CLICK, isFinal, type Order, type Run, type RunParts, type RunState, runId } from './run.ts';
import type { Signal } from './signals.ts';
import { Worker } from './worker.ts';

export interface SegmentationsOptions
  extends Pick<JobsOptions, 'databaseUrl' | 'retryDelaySeconds' | 'heartbeatSeconds'> {
  /** Where results and reviews are kept. */
  readonly archive: ArchiveOptions;
  /** Holds the queue (`queue/`) and a folder of results for each run (`runs/<id>/`). */
  readonly dataDir: string;
  /** What the engine is asked for a run whose results go to `outDir`. */
  readonly requestFor: (run: Run, outDir: string, correction: CorrectionOrder | undefined) => RunRequest;
  readonly engine?: EngineOptions;
  /** Options that change every result; a run is named by them. */
  readonly resultOptions?: Readonly<Record<string, unknown>>;
  readonly logger: Logger;
  readonly onEnd?: (run: Run) => void;
  /** What this process works as; null: it leaves the work to others on its database. Default: a companion with an engine. */
  readonly worker?: {
    readonly kind: 'companion' | 'worker';
    readonly name?: string | undefined;
    /** What its engine runs on, where that is known before the first run. */
    readonly device?: Device | null;
  } | null;
  readonly stuckAfterMs?: number | undefined;
}

/** What came of a wish to cancel: null for an unknown run. */
export type Cancelling = { readonly run: Run; readonly outcome: 'cancelled' | 'cancelling' | 'finished' } | null;

/** How often it is looked whether a rerun has something due. */
const RERUN_EVERY_MS = 5_000;

/** Everything that is done with runs: asked for, looked at, cancelled, and worked off by this process' own worker. */
export class Segmentations {
  readonly audit: Audit;
  readonly reviews: Reviews;
  readonly reruns: Reruns;
  readonly #options: SegmentationsOptions;
  readonly #restorer: Restorer;
  readonly #queue: Queue;
  readonly #live = new LiveRuns();
  readonly #engine: Engine | null;
  readonly #worker: Worker | null;
  readonly #registration: Registration | null;
  /** Only on a database that several processes share. */
  readonly #kept: KeptResults | undefined;
  readonly #timer: NodeJS.Timeout;

  /** Opens the queue and starts to work it off. */
  static async open(options: SegmentationsOptions): Promise<Segmentations> {
    const { dataDir, databaseUrl, retryDelaySeconds, heartbeatSeconds, logger, worker } = options;
    // What is in there names patients.
    for (const folder of ['queue', 'runs']) await mkdir(join(dataDir, folder), { recursive: true, mode: 0o700 });
    // Before the database, whose memory would make the start of another process slow.
    const engine =
      worker === null
        ? null
        : new Engine({
            standsBy: true,
            yieldsToOthers: true,
            onOutput: (line, runId) => logger.debug({ line, runId }, 'engine'),
            onAskedAgain: (problem, runId) =>
              logger.warn({ runId, problem }, 'the archive is asked again: the run goes on if it answers soon'),
            ...options.engine,
          });
    const queue = await Queue.open({
      dir: join(dataDir, 'queue'),
      databaseUrl,
      logger,
      ...(retryDelaySeconds === undefined ? {} : { retryDelaySeconds }),
      ...(heartbeatSeconds === undefined ? {} : { heartbeatSeconds }),
    }).catch(async (error) => {
      await engine?.close();
      throw error;
    });
    const segmentations = new Segmentations(options, queue, engine);
    segmentations.#registration?.start();
    await segmentations.#worker?.start();
    return segmentations;
  }

  private constructor(options: SegmentationsOptions, queue: Queue, engine: Engine | null) {
    const { archive, logger, requestFor, onEnd, stuckAfterMs, worker } = options;
    this.#options = options;
    this.#queue = queue;
    this.audit = queue.audit;
    this.#restorer = new Restorer(queue, archive, logger);
    this.reviews = new Reviews(queue.db, archive, queue.audit);
    this.reruns = new Reruns(queue.db, (parts, order) => this.request(parts, order));
    this.#kept = queue.isShared ? new KeptResults(queue.db) : undefined;
    this.#engine = engine;
    const about = { kind: worker?.kind ?? 'companion', name: worker?.name ?? defaultWorkerName() };
    this.#registration = engine && new Registration(queue.db, about, worker?.device ?? null);
    this.#worker =
      engine &&
      new Worker({
        queue,
        live: this.#live,
        engine,
        requestFor: async (run) => requestFor(run, this.outDir(run.id), await this.#correctionOf(run)),
        logger,
        name: about.name,
        kept: this.#kept,
        registration: this.#registration!,
        ...(onEnd ? { onEnd } : {}),
        ...(stuckAfterMs === undefined ? {} : { stuckAfterMs }),
      });
    queue.signals.on((signal) => this.#hear(signal));
    this.#timer = setInterval(() => {
      this.reruns.tick().catch((err) => logger.debug({ err }, 'a rerun has to wait'));
    }, RERUN_EVERY_MS).unref();
  }

  /** Where a run's results are while it is worked on here; complete when findings.json is there. */
  outDir(id: string): string {
    return join(this.#options.dataDir, 'runs', id);
  }

  /** A file of a run's results, wherever it was computed. @returns null when it is not, or not any more, to be had */
  async readResult(id: string, file: string): Promise<Buffer | null> {
    const here = await readFile(join(this.outDir(id), file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    return here ?? (await this.#kept?.read(id, file)) ?? null;
  }

  /** The name that a run of these parts would have here. */
  idOf(parts: RunParts): string {
    return runId({ ...parts, options: this.#options.resultOptions });
  }

  /** Queues a run, or finds the one that is the same. `queued` says whether there is something new to do. */
  async request(parts: RunParts, order: Order = CLICK): Promise<{ run: Run; queued: boolean }> {
    const requested = await this.#queue.request({ ...parts, options: this.#options.resultOptions }, order);
    // The worker may have begun before we hear that it was queued.
    if (requested.queued && !this.#live.progressOf(requested.run.id)) this.#live.changed(requested.run);
    return requested;
  }

  /** The result of a run that is done; null when it is no longer here. */
  async findings(id: string): Promise<FindingsDocument | null> {
    const text = await this.readResult(id, 'findings.json');
    return text && findingsSchema.parse(JSON.parse(text.toString('utf8')));
  }

  /** Takes up what the archive has of a study and this server does not know of any more. Never fails. */
  restore(studyInstanceUid: string): Promise<void> {
    return this.#restorer.look(studyInstanceUid);
  }

  get(id: string): Promise<Run | null> {
    return this.#queue.runs.get(id);
  }

  list(filter: Parameters<Queue['runs']['list']>[0]): Promise<Run[]> {
    return this.#queue.runs.list(filter);
  }

  /** A queued run is cancelled at once, a running one as soon as the engine has stopped: its final state tells. */
  async cancel(id: string, by?: string): Promise<Cancelling> {
    const run = await this.#queue.cancel(id, by);
    if (!run) {
      const found = await this.get(id);
      return found && { run: found, outcome: found.state === 'cancelled' ? 'cancelled' : 'finished' };
    }
    if (isFinal(run.state)) {
      this.#live.changed(run);
      this.#options.onEnd?.(run);
      return { run, outcome: 'cancelled' };
    }
    this.#worker?.cancel(id);
    return { run, outcome: 'cancelling' };
  }

  /** Queues a failed run once more. @returns null when it is not failed */
  async retry(id: string, by?: string): Promise<Run | null> {
    const run = await this.#queue.retry(id, by);
    if (run && !this.#live.progressOf(id)) this.#live.changed(run);
    return run;
  }

  /** Queues every failed run once more. @returns how many */
  async retryAll(by?: string): Promise<number> {
    let retried = 0;
    for (const id of await this.#queue.runs.failedIds()) if (await this.retry(id, by)) retried++;
    return retried;
  }

  /** How far a run has come, as far as that is known here. */
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

  /** The database, for figures about the runs. */
  get db(): Queue['db'] {
    return this.#queue.db;
  }

  /** Whether other processes use the same database. */
  get isShared(): boolean {
    return this.#queue.isShared;
  }

  /** Puts what a person sent where the engine finds it, with what is known of the result that it is about. */
  async #correctionOf(run: Run): Promise<CorrectionOrder | undefined> {
    if (run.kind !== 'correction' || run.corrects === null || run.archived) return undefined;
    const before = await this.findings(run.corrects);
    if (!before?.objects.seg) {
      throw new PipelineFailed('ResultGone', 'The result that was corrected is no longer on this server.', false);
    }
    const file = join(this.outDir(run.id), 'correction.json.gz');
    await mkdir(this.outDir(run.id), { recursive: true });
    await writeFile(file, await this.#queue.runs.correctionOf(run.id));
    return {
      corrects: run.corrects,
      reviewer: run.reviewer,
      file,
      model: before.model,
      engine: { provider: before.engine.provider, device: before.engine.device },
      confidences: Object.fromEntries(before.lesions.map(({ trackingUid, confidence }) => [trackingUid, confidence])),
    };
  }

  /** Resolves when the queue's database answers. */
  ping(): Promise<void> {
    return this.#queue.ping();
  }

  /** Puts the run in hand back into the queue, stops the engine and closes the database. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#restorer.close();
    await this.#worker?.stop();
    await this.#worker?.idle();
    await this.#registration?.withdraw();
    await this.#queue.close();
    await this.#engine?.close();
  }

  /** What other processes on the same database tell. */
  #hear(signal: Signal): void {
    if (signal.kind === 'progress') {
      const { kind: _kind, runId, ...progress } = signal;
      this.#live.tell(runId, progress);
    } else if (signal.kind === 'state' && this.#live.isFollowed(signal.runId)) {
      const { runId } = signal;
      this.get(runId).then(
        (run) => run && this.#live.changed(run),
        (err) => this.#options.logger.debug({ err, runId }, 'the state of a run elsewhere was not read'),
      );
    }
  }
}
