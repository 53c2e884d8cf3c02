import type { Phase } from './progress.ts';

type Computed = Exclude<Phase, 'store'>;

/** Measures how long each phase takes, in milliseconds of wall-clock time. */
export class Stopwatch {
  readonly #elapsed: Record<Computed, number> = { retrieve: 0, assemble: 0, segment: 0, measure: 0, report: 0 };

  async time<T>(phase: Computed, work: () => T | Promise<T>): Promise<T> {
    const started = performance.now();
    const waited = this.#elapsed.retrieve;
    const result = await work();
    // What a phase waits for arriving data counts as retrieving.
    this.#elapsed[phase] += performance.now() - started - (this.#elapsed.retrieve - waited);
    return result;
  }

  /** Passes on what arrives, and counts the time spent waiting for it as that phase's. */
  async *waiting<T>(phase: Computed, source: AsyncIterable<T>): AsyncIterable<T> {
    let started = performance.now();
    for await (const item of source) {
      this.#elapsed[phase] += performance.now() - started;
      yield item;
      started = performance.now();
    }
    this.#elapsed[phase] += performance.now() - started;
  }

  timingsMs(): Record<Computed, number> {
    const rounded = { ...this.#elapsed };
    for (const phase of Object.keys(rounded) as Computed[]) rounded[phase] = Math.max(0, Math.round(rounded[phase]));
    return rounded;
  }
}
