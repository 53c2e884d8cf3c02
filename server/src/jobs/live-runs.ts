import type { Phase } from '../progress.ts';
import { type ExpectedMs, remainingMs, USUAL_MS, wholeFraction } from './estimate.ts';
import { isFinal, type Run } from './run.ts';

/** How far a running run has come. */
export interface LiveProgress {
  readonly phase: Phase | null;
  /** Of the phase, 0 to 1. */
  readonly fraction: number;
  /** Of the whole run, 0 to 1. */
  readonly whole: number;
  readonly elapsedMs: number;
  readonly remainingMs: number | null;
}

/** 'state' after a change that is in the database, 'progress' in between. */
export type RunEvent =
  | { readonly kind: 'state'; readonly run: Run }
  | { readonly kind: 'progress'; readonly runId: string };

/** What another process tells of a run; without a word for this long, it is not known any more. */
export type Told = LiveProgress & { readonly phase: Phase };
const TOLD_LASTS_MS = 15_000;

interface Running {
  readonly startedAt: number;
  readonly expectedMs: ExpectedMs;
  phase: Phase | null;
  fraction: number;
  whole: number;
}

/**
 * What happens to runs, as it happens: to those of this process, and as far as others tell of theirs. Progress lives here
 * only: the database hears of phases.
 */
export class LiveRuns {
  readonly #running = new Map<string, Running>();
  readonly #told = new Map<string, { readonly progress: Told; readonly at: number }>();
  readonly #listeners = new Map<string, Set<(event: RunEvent) => void>>();
  readonly #now: () => number;

  /** @param now milliseconds of a clock that is never set back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  begin(run: Run, expectedMs: ExpectedMs = USUAL_MS): void {
    this.#running.set(run.id, { startedAt: this.#now(), expectedMs, phase: null, fraction: 0, whole: 0 });
    this.#emit(run.id, { kind: 'state', run });
  }

  /** @returns whether this is the first word of the phase */
  advance(runId: string, phase: Phase, fraction: number): boolean {
    const running = this.#running.get(runId);
    if (!running) return false;
    const isNew = running.phase !== phase;
    // What is shown as done stays done, even when a phase reports its steps out of order.
    running.fraction = isNew ? fraction : Math.max(running.fraction, fraction);
    running.phase = phase;
    running.whole = Math.max(running.whole, wholeFraction(phase, running.fraction, running.expectedMs));
    this.#emit(runId, { kind: 'progress', runId });
    return isNew;
  }

  /** The run has changed its state in the database. */
  changed(run: Run): void {
    if (run.state !== 'running') {
      this.#running.delete(run.id);
      this.#told.delete(run.id);
    }
    this.#emit(run.id, { kind: 'state', run });
    if (isFinal(run.state)) this.#listeners.delete(run.id);
  }

  /** The run goes on elsewhere, and its progress is not known here. */
  forget(runId: string): void {
    this.#running.delete(runId);
  }

  /** Another process has got so far with a run. */
  tell(runId: string, progress: Told): void {
    for (const [id, { at }] of this.#told) if (this.#now() - at > TOLD_LASTS_MS) this.#told.delete(id);
    this.#told.set(runId, { progress, at: this.#now() });
    this.#emit(runId, { kind: 'progress', runId });
  }

  /** Whether somebody follows the run here. */
  isFollowed(runId: string): boolean {
    return this.#listeners.has(runId);
  }

  progressOf(runId: string): LiveProgress | null {
    const running = this.#running.get(runId);
    if (!running) return this.#toldOf(runId);
    const elapsedMs = this.#now() - running.startedAt;
    const { phase, fraction, whole } = running;
    return { phase, fraction, whole, elapsedMs, remainingMs: remainingMs(whole, elapsedMs) };
  }

  #toldOf(runId: string): LiveProgress | null {
    const told = this.#told.get(runId);
    if (!told || this.#now() - told.at > TOLD_LASTS_MS) return null;
    return { ...told.progress, elapsedMs: told.progress.elapsedMs + this.#now() - told.at };
  }

  /** @returns a function that ends the subscription */
  subscribe(runId: string, listener: (event: RunEvent) => void): () => void {
    const listeners = this.#listeners.get(runId) ?? new Set();
    this.#listeners.set(runId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(runId) === listeners) this.#listeners.delete(runId);
    };
  }

  #emit(runId: string, event: RunEvent): void {
    for (const listener of [...(this.#listeners.get(runId) ?? [])]) listener(event);
  }
}
