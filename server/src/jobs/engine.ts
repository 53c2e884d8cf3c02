import { type ChildProcess, fork } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { FindingsDocument } from '../findings/schema.ts';
import type { RunRequest } from '../pipeline.ts';
import type { Progress } from '../progress.ts';
import { Refusal, type RefusalCode } from '../refusal.ts';
import { type FromEngine, fromEngineSchema, type ToEngine } from './engine-messages.ts';
import { EngineCrashed, PipelineFailed } from './errors.ts';

export interface EngineOptions {
  /** The module that exports `runPipeline`. */
  readonly pipeline?: URL;
  /** How long a cancelled run may take to stop by itself, before its process is killed. Default 5 s. */
  readonly graceMs?: number;
  /** An idle process is let go after this, and with it the model's memory. Default 5 minutes. */
  readonly idleMs?: number;
  /**
   * Whether a process stands by between runs, with the pipeline's code loaded. To start one holds the event loop for as
   * long as the system takes to copy the page tables: 5 to 30 ms beside the embedded database. Default false.
   */
  readonly standsBy?: boolean;
  /** Whether the server and the archive beside it go before the engine when the machine is busy. Default false. */
  readonly yieldsToOthers?: boolean;
  /** Lines that the process writes to its standard output and error, and the run that it is at work on. */
  readonly onOutput?: (line: string, runId: string | undefined) => void;
  /** Why the archive is asked once more in the middle of a run, which goes on. */
  readonly onAskedAgain?: (problem: string, runId: string) => void;
}

const CHILD = fileURLToPath(new URL('./engine-child.ts', import.meta.url));
const PIPELINE = new URL('../pipeline.ts', import.meta.url);
const KEPT_LINES = 20;
/** The engine reads files from outside: what it need not know stays out of its environment. */
const SECRETS = /^(HEPAR_AUTH|HEPAR_DICOMWEB_.*|DATABASE_URL)$/;

/**
 * The process that computes. It is started for the first run and kept for the next ones, so that a model is loaded once.
 * One run at a time.
 */
export class Engine {
  readonly #options: Required<Omit<EngineOptions, 'onOutput' | 'onAskedAgain'>>;
  readonly #onOutput: NonNullable<EngineOptions['onOutput']>;
  readonly #onAskedAgain: NonNullable<EngineOptions['onAskedAgain']>;
  #child: ChildProcess | undefined;
  #busy = false;
  #runId: string | undefined;
  #closed = false;
  /** Whether the process has been given a request. */
  #wasAsked = false;
  #idle: NodeJS.Timeout | undefined;
  #output: string[] = [];

  constructor(options: EngineOptions = {}) {
    const { pipeline = PIPELINE, graceMs = 5_000, idleMs = 300_000 } = options;
    const { standsBy = false, yieldsToOthers = false, onOutput, onAskedAgain } = options;
    this.#options = { pipeline, graceMs, idleMs, standsBy, yieldsToOthers };
    this.#onOutput = onOutput ?? (() => {});
    this.#onAskedAgain = onAskedAgain ?? (() => {});
    if (standsBy) this.prepare();
  }

  /** The process' id while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the process, which loads the pipeline's code while nobody waits for it yet. */
  prepare(): void {
    this.#ensureChild();
  }

  /**
   * Runs the pipeline for a request.
   * @throws Refusal when the series is unsuitable; PipelineFailed for what else the pipeline threw; EngineCrashed when
   * the process ended; the signal's reason when the run was cancelled
   */
  async run(request: RunRequest, { signal, report }: Progress): Promise<FindingsDocument> {
    signal.throwIfAborted();
    if (this.#busy) throw new Error('The engine runs one request at a time.');
    this.#busy = true;
    this.#runId = request.runId;
    clearTimeout(this.#idle);
    try {
      return await this.#converse(this.#ensureChild(), request, { signal, report });
    } finally {
      this.#busy = false;
      this.#runId = undefined;
      this.#standBy();
      this.#idle = setTimeout(() => void this.#release().then(() => this.#standBy()), this.#options.idleMs).unref();
    }
  }

  /** Lets the process go, and kills it when it does not end. A run that is under way ends with EngineCrashed. */
  close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#idle);
    return this.#release();
  }

  #standBy(): void {
    if (this.#options.standsBy && !this.#closed && !this.#busy) this.#ensureChild();
  }

  async #release(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    // It has nothing to bring to an end when it was never asked, and may still be loading.
    if (!this.#wasAsked) child.kill('SIGKILL');
    if (child.connected) child.disconnect();
    const killer = setTimeout(() => child.kill('SIGKILL'), 1_000);
    await exited;
    clearTimeout(killer);
  }

  #converse(child: ChildProcess, request: RunRequest, { signal, report }: Progress): Promise<FindingsDocument> {
    return new Promise<FindingsDocument>((resolve, reject) => {
      let killer: NodeJS.Timeout | undefined;
      const settle = (conclude: () => void) => {
        clearTimeout(killer);
        signal.removeEventListener('abort', cancel);
        child.off('message', hear).off('close', fall).off('error', fail);
        conclude();
      };
      const cancel = () => {
        tell(child, { kind: 'cancel' });
        killer = setTimeout(() => child.kill('SIGKILL'), this.#options.graceMs);
      };
      const hear = (received: unknown) => {
        const parsed = fromEngineSchema.safeParse(received);
        if (!parsed.success) {
          const what = parsed.error.issues[0];
          const where = what?.path.join('.') ?? '';
          return fail(
            new PipelineFailed('BadMessage', `The engine's answer is malformed: ${where} ${what?.message}`, false),
          );
        }
        const message: FromEngine = parsed.data;
        if (message.kind === 'progress') report(message.phase, message.fraction);
        else if (message.kind === 'asked-again') this.#onAskedAgain(message.problem, request.runId);
        else if (message.kind === 'done') settle(() => resolve(message.findings));
        else if (message.kind === 'cancelled') fail(signal.reason);
        else if (message.kind === 'refused') {
          const { code, message: line, figures } = message.refusal;
          fail(new Refusal(code as RefusalCode, line, figures));
        } else fail(new PipelineFailed(message.name, message.message, message.transient, message.stack));
      };
      const fall = (exitCode: number | null, exitSignal: NodeJS.Signals | null) => {
        fail(signal.aborted ? signal.reason : new EngineCrashed(exitCode, exitSignal, this.#output));
      };
      const fail = (error: unknown) => settle(() => reject(error));
      signal.addEventListener('abort', cancel, { once: true });
      child.on('message', hear).on('close', fall).on('error', fail);
      this.#wasAsked = true;
      tell(child, { kind: 'start', request });
    });
  }

  #ensureChild(): ChildProcess {
    if (this.#child?.connected) return this.#child;
    const child = fork(CHILD, [this.#options.pipeline.href], {
      execPath: process.execPath,
      execArgv: [],
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !SECRETS.test(name))),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    this.#wasAsked = false;
    this.#output = [];
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.#output = [...this.#output, line].slice(-KEPT_LINES);
        this.#onOutput(line, this.#runId);
      });
    }
    const forget = () => {
      if (this.#child === child) this.#child = undefined;
    };
    child.once('exit', forget);
    // A child that could not be started has no 'exit'.
    child.on('error', () => {
      if (child.pid === undefined) forget();
    });
    if (this.#options.yieldsToOthers && child.pid !== undefined) {
      setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    }
    return child;
  }
}

/** A child that has gone hears nothing; its 'exit' says so. */
function tell(child: ChildProcess, message: ToEngine): void {
  if (child.connected) child.send(message, () => {});
}
