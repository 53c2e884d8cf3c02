import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** Of one run of a loop. */
export interface Spent {
  readonly seconds: number;
  /** Of all threads together: what others do on the machine matters less to it. */
  readonly cpuSeconds: number;
}

/** The PyTorch loop of sliding_window.py, in a process that stays for several runs. */
export class SlidingWindow {
  readonly version: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  static async start(python: string, script: string, task: object): Promise<SlidingWindow> {
    const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    child.stdin.write(`${JSON.stringify(task)}\n`);
    const iterator = (lines as Interface)[Symbol.asyncIterator]();
    const { version } = JSON.parse(await nextOf(iterator)) as { version: string };
    return new SlidingWindow(child, iterator, version);
  }

  private constructor(
    child: ChildProcessByStdio<Writable, Readable, null>,
    lines: AsyncIterator<string>,
    version: string,
  ) {
    this.#child = child;
    this.#lines = lines;
    this.version = version;
  }

  /** One run of the loop; with `warm` the network has run beforehand. */
  async run(mode: 'eager' | 'frozen', batch: number, warm = false): Promise<Spent> {
    this.#child.stdin.write(`${JSON.stringify({ mode, batch, warm })}\n`);
    return JSON.parse(await nextOf(this.#lines)) as Spent;
  }

  async close(): Promise<void> {
    const closed = once(this.#child, 'close');
    this.#child.stdin.end();
    await closed;
  }
}

async function nextOf(lines: AsyncIterator<string>): Promise<string> {
  const { value, done } = await lines.next();
  if (done) throw new Error('the PyTorch loop ended early');
  return value;
}
