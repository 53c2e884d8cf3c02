import { setTimeout as sleep } from 'node:timers/promises';
import type { HouseProcess } from './fault-house.ts';

/** What processes log from now on, those included that have ended and those that are started yet. */
export class FaultLog {
  readonly #processes: readonly HouseProcess[];
  readonly #before: ReadonlyMap<HouseProcess, number>;

  /** @param processes grows with every one that is started */
  constructor(processes: readonly HouseProcess[]) {
    this.#processes = processes;
    this.#before = new Map(processes.map((each) => [each, each.output().length]));
  }

  text(): string {
    return this.#processes.map((each) => each.output().slice(this.#before.get(each) ?? 0)).join('\n');
  }

  /** Waits for a line. @throws Error when it does not come */
  async until(line: RegExp, withinMs = 120_000): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (!line.test(this.text())) {
      if (performance.now() > deadline) throw new Error(`no line ${line} in\n${this.text()}`);
      await sleep(25);
    }
  }
}
