import type { Logger } from 'pino';
import type { FindingsDocument } from '../findings/schema.ts';
import type { RunRequest } from '../pipeline.ts';
import type { Progress } from '../progress.ts';
import { Refusal } from '../refusal.ts';
import { describe, details, firstLine, mostAttempts } from './attempt-failure.ts';
import { ClaimLost, PipelineFailed, RunCancelled, RunStuck, ServerStopping } from './errors.ts';
import { type ExpectedMs, USUAL_MS, USUAL_OF_CORRECTION_MS } from './estimate.ts';
import type { KeptResults } from './kept-results.ts';
import type { LiveRuns } from './live-runs.ts';
import type { Queue } from './queue.ts';
import type { Registration } from './register.ts';
import { elapsedMs, type Run } from './run.ts';
import { type Ending, SOURCE_GONE } from './runs.ts';
import { patiently, type Task, TryAgain } from './taker.ts';

/** What a worker needs of the engine. */
export interface Runner {
  run(request: RunRequest, progress: Progress): Promise<FindingsDocument>;
  close(): Promise<void>;
}

export interface WorkerOptions {
  readonly queue: Queue;
  readonly live: LiveRuns;
  readonly engine: Runner;
  /** What the engine is asked for a run. @throws Error when the run's model is not there any more */
  readonly requestFor: (run: Run) => RunRequest | Promise<RunRequest>;
  readonly logger: Logger;
  /** Under which this worker appears in the audit log. */
  readonly name?: string;
  /** Hears of every run that ended here, for the metrics. */
  readonly onEnd?: (run: Run) => void;
  /** Makes this worker known; absent in tests that have no need of it. */
  readonly registration?: Pick<Registration, 'began' | 'ended'>;
  /** Where the results of several machines are kept; absent where there is one machine. */
  readonly kept?: KeptResults | undefined;
  /** A run that makes no progress for this long is stuck: its engine is killed. Default 10 minutes. */
  readonly stuckAfterMs?: number;
}

const STUCK_AFTER_MS = 600_000;
const ASK_EVERY_MS = 4_000;
/** How often the other processes hear of a run's progress. */
const TELL_EVERY_MS = 1_000;

/** Takes runs from the queue one after the other, has the engine do them, and keeps their records. */
export class Worker {
  readonly #options: WorkerOptions;
  #current: { readonly runId: string; readonly abort: AbortController } | undefined;
  #stopping = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    this.#options.queue.signals.on((signal) => {
      if (signal.kind === 'cancel') this.cancel(signal.runId);
    });
    return this.#options.queue.work((task) => this.#take(task));
  }

  /** Stops the run if it is the one in hand. */
  cancel(runId: string): void {
    if (this.#current?.runId === runId) this.#current.abort.abort(new RunCancelled());
  }

  /** Puts the run in hand back into the queue, where the next start finds it, and lets the engine go. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#options.queue.stopWorking();
    this.#current?.abort.abort(new ServerStopping());
  }

  /** Resolves when the run in hand has been put back or has ended; within ten seconds. */
  idle(): Promise<void> {
    return this.#options.queue.idle();
  }

  async #take(task: Task): Promise<void> {
    const { queue, live, registration } = this.#options;
    const { runId, attempt, signal } = task;
    const logger = this.#options.logger.child({ runId, attempt });
    const run = await queue.begin(task, this.#options.name);
    if (!run) return;
    const abort = new AbortController();
    this.#current = { runId, abort };
    const loseClaim = () => abort.abort(new ClaimLost(signal.reason));
    signal.addEventListener('abort', loseClaim, { once: true });
    logger.info('run begins');
    registration?.began(runId);
    let engine: FindingsDocument['engine'] | null = null;
    try {
      live.begin(run, await this.#expected(run));
      this.#tell(runId);
      // Cancelled, or asked to stop, between the beginning and now, when nobody could hear it.
      if (await queue.runs.isCancelRequested(runId)) throw new RunCancelled();
      if (this.#stopping) throw new ServerStopping();
      const findings = await this.#run(run, abort);
      const { supersedes } = findings;
      engine = findings.engine;
      const { seg } = findings.objects;
      const stored = { series: seg?.seriesInstanceUID ?? null, object: seg?.sopInstanceUID ?? null };
      await this.#end(run, { state: 'done', supersedes, timingsMs: findings.engine.timingsMs, stored }, logger);
    } catch (error) {
      await this.#endWithout(run, error, logger);
    } finally {
      signal.removeEventListener('abort', loseClaim);
      this.#current = undefined;
      registration?.ended(engine);
    }
  }

  async #run(run: Run, abort: AbortController): Promise<FindingsDocument> {
    const { queue, live, engine, requestFor, kept, logger, stuckAfterMs = STUCK_AFTER_MS } = this.#options;
    let written: Promise<unknown> = Promise.resolve();
    const watch = setTimeout(() => abort.abort(new RunStuck(stuckAfterMs)), stuckAfterMs);
    // Of a wish to cancel that was told to another process, should its signal be lost.
    const ask = setInterval(async () => {
      const isWished = await queue.runs.isCancelRequested(run.id).catch(() => false);
      if (isWished) abort.abort(new RunCancelled());
    }, ASK_EVERY_MS);
    let toldAt = Number.NEGATIVE_INFINITY;
    const report: Progress['report'] = (phase, fraction) => {
      watch.refresh();
      const isNew = live.advance(run.id, phase, fraction);
      if (queue.isShared && (isNew || performance.now() - toldAt > TELL_EVERY_MS)) {
        toldAt = performance.now();
        this.#tellProgress(run.id);
      }
      if (!isNew) return;
      written = written
        .then(() => queue.runs.enterPhase(run.id, phase, run.attempt))
        .catch((err) => logger.warn({ err, runId: run.id }, 'phase not written'));
    };
    try {
      const request = await requestFor(run);
      const progress = { signal: abort.signal, report };
      if (!kept) return await engine.run(request, progress);
      // What is stored is what the database keeps: should this machine die now, another one stores the same bytes.
      if (!(await kept.restore(run.id, request.outDir))) {
        await engine.run({ ...request, store: false }, progress);
        await patiently(() => kept.keep(run.id, request.outDir));
      }
      const findings = await engine.run(request, progress);
      await patiently(() => kept.settle(run.id, request.outDir));
      return findings;
    } finally {
      clearTimeout(watch);
      clearInterval(ask);
      await written;
    }
  }

  async #endWithout(run: Run, error: unknown, logger: Logger): Promise<void> {
    const { queue, live } = this.#options;
    if (error instanceof Refusal) {
      const { code, message, figures } = error;
      return this.#end(run, { state: 'refused', refusal: { code, message, figures } }, logger);
    }
    if (error instanceof ServerStopping) {
      const back = await queue.putBack(run.id, run.attempt);
      logger.info('run put back: the server is stopping');
      if (back) return live.changed(back);
    }
    if (error instanceof RunCancelled || (await patiently(() => queue.runs.isCancelRequested(run.id)))) {
      return this.#end(run, { state: 'cancelled' }, logger);
    }
    if (error instanceof PipelineFailed && error.kind === 'SourceGone') {
      return this.#end(
        run,
        { state: 'cancelled', failure: { code: SOURCE_GONE, message: firstLine(error.message) } },
        logger,
      );
    }
    if (error instanceof ClaimLost) {
      logger.warn({ err: error.cause }, 'run lost to another worker');
      return live.forget(run.id);
    }
    const failure = describe(error);
    logger.warn({ failure, ...details(error) }, 'attempt failed');
    if (run.attempt < mostAttempts(error)) {
      const { attempt } = run;
      const back = await patiently(() => queue.runs.putBack(run.id, { failure, attempt }));
      if (back) {
        live.changed(back);
        this.#tell(run.id);
        throw new TryAgain(failure.message);
      }
    }
    return this.#end(run, { state: 'failed', failure }, logger);
  }

  async #end({ id, attempt }: Run, ending: Ending, logger: Logger): Promise<void> {
    const { queue, live, onEnd, name } = this.#options;
    const run = await patiently(
      () => queue.end(id, { ...ending, attempt }, name),
      () => this.#stopping,
    );
    if (!run) {
      logger.warn('the run has been given to another worker meanwhile: what it made is left to that one');
      return live.forget(id);
    }
    logger.info({ state: run.state, ms: elapsedMs(run), refusal: run.refusal?.code }, 'run ends');
    live.changed(run);
    onEnd?.(run);
    this.#tell(id);
  }

  /** Lets the other processes on the same database know that the run has changed its state. */
  #tell(runId: string): void {
    const { queue, logger } = this.#options;
    if (!queue.isShared) return;
    queue.signals.send({ kind: 'state', runId }).catch((err) => logger.debug({ err, runId }, 'signal not sent'));
  }

  #tellProgress(runId: string): void {
    const { queue, live } = this.#options;
    const progress = live.progressOf(runId);
    if (!progress?.phase) return;
    const { phase, ...rest } = progress;
    queue.signals.send({ kind: 'progress', runId, phase, ...rest }).catch(() => {});
  }

  /** The proportions of the last run of the same model; a phase that it did not have counts as usual. */
  async #expected(run: Run): Promise<ExpectedMs> {
    const last = await this.#options.queue.runs.lastTimings(run);
    const known = Object.entries(last ?? {}).filter(([, ms]) => ms !== null && ms !== undefined);
    return { ...(run.kind === 'correction' ? USUAL_OF_CORRECTION_MS : USUAL_MS), ...Object.fromEntries(known) };
  }
}
