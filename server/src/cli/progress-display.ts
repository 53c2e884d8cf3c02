import { PHASES, type Phase, type Report } from '../progress.ts';

/** Where progress is shown; process.stderr is one. */
export interface Display {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const BAR_CELLS = 28;
const REDRAW_MS = 100;
const LINE_EVERY_MS = 5_000;

/**
 * Shows the progress of a run: one line that is redrawn on a terminal, plain lines in a pipe
 * (one for each phase, and one every five seconds within a phase).
 */
export function showProgress(display: Display, now: () => number = Date.now): { report: Report; end: () => void } {
  return display.isTTY ? progressBar(display, now) : progressLines(display, now);
}

function progressBar(display: Display, now: () => number) {
  const started = now();
  let drawn = Number.NEGATIVE_INFINITY;
  let last: Phase | undefined;
  return {
    report: (phase: Phase, fraction: number) => {
      if (phase === last && fraction < 1 && now() - drawn < REDRAW_MS) return;
      drawn = now();
      last = phase;
      const filled = Math.round(BAR_CELLS * clamp(fraction));
      const bar = '█'.repeat(filled) + '░'.repeat(BAR_CELLS - filled);
      const step = `${PHASES.indexOf(phase) + 1}/${PHASES.length}`;
      const line = `${step} ${phase.padEnd(8)} ${bar} ${percent(fraction).padStart(4)}  ${seconds(now() - started)}`;
      display.write(`\r\x1b[2K${line.slice(0, (display.columns ?? 80) - 1)}`);
    },
    end: () => {
      display.write('\r\x1b[2K');
    },
  };
}

function progressLines(display: Display, now: () => number) {
  const started = now();
  let written = Number.NEGATIVE_INFINITY;
  let last: Phase | undefined;
  return {
    report: (phase: Phase, fraction: number) => {
      if (phase === last && now() - written < LINE_EVERY_MS) return;
      written = now();
      last = phase;
      display.write(`${seconds(now() - started)} ${phase} ${percent(fraction)}\n`);
    },
    end: () => {},
  };
}

const clamp = (fraction: number) => Math.min(1, Math.max(0, fraction));
const percent = (fraction: number) => `${Math.floor(100 * clamp(fraction))}%`;
const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;
