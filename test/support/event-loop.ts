import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface EventLoopFigures {
  /** How late timers were. */
  readonly p99Ms: number;
  readonly longestMs: number;
  /** The most that the thread computed without a pause: what is left of a delay when the machine's own waits are taken off. */
  readonly longestComputingMs: number;
}

const EVERY_MS = 2;

/** Watches this thread's event loop. `read` gives what was seen since it was last called. */
export function watchEventLoop(): { read(): EventLoopFigures; stop(): void } {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  let before = computedMs();
  let longestComputingMs = 0;
  const timer = setInterval(() => {
    const now = computedMs();
    longestComputingMs = Math.max(longestComputingMs, now - before);
    before = now;
  }, EVERY_MS).unref();
  return {
    read: () => {
      const figures = { p99Ms: delay.percentile(99) / 1e6, longestMs: delay.max / 1e6, longestComputingMs };
      delay.reset();
      longestComputingMs = 0;
      return figures;
    },
    stop: () => {
      clearInterval(timer);
      delay.disable();
    },
  };
}

function computedMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
