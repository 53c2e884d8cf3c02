import type { Field as ProbabilityField } from '../volume/field.ts';
import type { Grid, Vec3 } from '../volume/volume.ts';
import { WindowBlend } from './blend.ts';
import { NetworkError } from './errors.ts';
import type { HuTransform } from './intensity.ts';
import type { Stage } from './manifest.ts';
import { PresenceBlend } from './presence.ts';
import type { Probabilities } from './probabilities.ts';
import { sharedFloats } from './runtime.ts';
import type { NetworkSession, WindowProbabilities } from './session.ts';
import { readWindow, windowsOver } from './tiles.ts';

/** What the windows of a stage slide over: HU on a patient-aligned grid, at least a window along each axis. */
export interface Field {
  readonly grid: Grid;
  readonly hu: Float32Array;
}

export interface WindowRun {
  readonly stage: Stage;
  readonly session: NetworkSession;
  readonly transform: HuTransform;
  /** Windows for which this is false are not run; voxels that only they cover get probability zero. */
  readonly wanted: (start: Vec3) => boolean;
  /** In which order they run: all of one round before the next is asked for. By default all at once. */
  readonly rounds?: Rounds;
  readonly signal: AbortSignal;
  /** Called after each window with the share of them that is done. */
  readonly done: (fraction: number) => void;
}

/** What decides by what some windows have shown whether and when others are run; those that are not are like unwanted ones. */
export interface Rounds {
  first(windows: readonly Vec3[]): readonly Vec3[];
  see(start: Vec3, window: Pick<WindowProbabilities, 'liver' | 'lesion'>): void;
  /** None ends it. */
  next(left: readonly Vec3[]): readonly Vec3[];
}

const ALL_AT_ONCE: Rounds = { first: (windows) => windows, see: () => {}, next: () => [] };

export interface WindowsResult {
  readonly probabilities: Probabilities;
  /** Probability that there is lesion, on a coarse grid; null where the stage has no presence output. */
  readonly presence: ProbabilityField | null;
}

/**
 * Runs a stage's network in overlapping windows over a field and blends what it says, round by round in the windows' order. While the
 * network is at work, in threads of its own, the next windows are prepared and the last are blended. Cancelling does not
 * wait for them.
 * @throws NetworkError when an output of the network is not what the manifest says, or not finite;
 * the signal's reason when cancelled
 */
export async function runWindows(field: Field, run: WindowRun): Promise<WindowsResult> {
  const { stage, session, transform, signal, rounds = ALL_AT_ONCE } = run;
  const { shape } = field.grid;
  const [wx, wy, wz] = stage.windowVoxels;
  const starts = windowsOver(shape, stage.windowVoxels, stage.overlap).filter(run.wanted);
  const blend = new WindowBlend(shape, stage.windowVoxels);
  const patches = stage.presence ? new PresenceBlend(field.grid, stage.windowVoxels, stage.presence) : null;
  const window = wx * wy * wz;
  // In each lane one runs and one waits.
  const ahead = 2 * (session.lanes ?? 1);
  const most = Math.min(ahead, Math.ceil(starts.length / session.batch));
  const inputs = Array.from({ length: most }, () => sharedFloats(window * session.batch));
  const begin = (group: readonly Vec3[], n: number): Promise<WindowProbabilities> => {
    const input = inputs[n % ahead]!.subarray(0, window * group.length);
    for (const [i, start] of group.entries()) {
      const into = input.subarray(i * window, (i + 1) * window);
      readWindow(field.hu, shape, start, stage.windowVoxels, into, transform);
    }
    const output = session.probabilities(input, group.length, stage.windowVoxels);
    // It may fail when nobody waits for it any more.
    output.catch(() => {});
    return output;
  };
  signal.throwIfAborted();
  let left: readonly Vec3[] = starts;
  for (let round = rounds.first(left); round.length > 0; round = rounds.next(left)) {
    const groups = grouped(round, session.batch);
    const running = groups.slice(0, ahead).map(begin);
    for (const [n, group] of groups.entries()) {
      const { liver, lesion, presence } = await orAborted(running[n % ahead]!, signal);
      for (const [i, start] of group.entries()) {
        const part = (values: Float32Array) => partOf(values, i, group.length);
        const shown = { liver: part(liver), lesion: lesion && part(lesion) };
        blend.add(start, shown);
        rounds.see(start, shown);
        if (presence) patches?.add(start, part(presence));
      }
      left = left.filter((start) => !group.includes(start));
      run.done(1 - left.length / starts.length);
      const next = groups[n + ahead];
      if (next) running[n % ahead] = begin(next, n + ahead);
      // While the network is at work.
      if (left.length > 0) blend.finishBefore(Math.min(...left.map(([, , z]) => z)));
    }
  }
  const probabilities = blend.finish();
  const presence = patches?.finish() ?? null;
  if (!blend.areNumbers || !(presence?.values.every(Number.isFinite) ?? true)) {
    throw new NetworkError(stage.file, `gives values that are no numbers on ${session.engine.provider}`);
  }
  return { probabilities, presence };
}

/** Items in their order, `most` at a time. */
export function grouped<T>(items: readonly T[], most: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / most) }, (_, n) => items.slice(n * most, (n + 1) * most));
}

/** One of the equal parts of values. */
export const partOf = (values: Float32Array, part: number, parts: number) =>
  values.subarray((part * values.length) / parts, ((part + 1) * values.length) / parts);

/** Waits for a window, but no longer than until the run is cancelled. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const abort = Promise.withResolvers<never>();
  const cancel = () => abort.reject(signal.reason);
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await Promise.race([work, abort.promise]);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** The grid, or one as large as a window where it is smaller, with the added voxels on both sides of it. */
export function atLeastWindow(grid: Grid, window: Vec3): Grid {
  const before = grid.shape.map((n, axis) => Math.max(0, Math.floor((window[axis]! - n) / 2)));
  const shift = (axis: 0 | 1 | 2) => grid.originMm[axis] - before[axis]! * grid.spacingMm[axis];
  return {
    ...grid,
    shape: [Math.max(grid.shape[0], window[0]), Math.max(grid.shape[1], window[1]), Math.max(grid.shape[2], window[2])],
    originMm: [shift(0), shift(1), shift(2)],
  };
}
