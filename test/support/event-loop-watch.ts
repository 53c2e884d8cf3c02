/**
 * Loaded before a program (`node --import`): watches its event loop, and tells over IPC what it has seen since it was
 * last asked.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface EventLoopFigures {
  /** How late timers were. */
  readonly p99Ms: number;
  readonly longestMs: number;
  /** The most time that the thread itself computed in one such delay: what is left when the machine's own waits are taken off. */
  readonly longestComputingMs: number;
}

const EVERY_MS = 2;
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
let computing = computedMs();
let longestComputingMs = 0;

setInterval(() => {
  const now = computedMs();
  longestComputingMs = Math.max(longestComputingMs, now - computing);
  computing = now;
}, EVERY_MS).unref();

process.on('message', (message) => {
  if (message !== 'event loop?') return;
  const figures: EventLoopFigures = {
    p99Ms: delay.percentile(99) / 1e6,
    longestMs: delay.max / 1e6,
    longestComputingMs,
  };
  delay.reset();
  longestComputingMs = 0;
  process.send!(figures);
});
// The program ends when it has nothing else to do.
process.channel?.unref();

function computedMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
