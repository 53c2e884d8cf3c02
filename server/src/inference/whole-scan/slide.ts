import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Vec3 } from '../../volume/volume.ts';
import { NetworkError } from '../errors.ts';
import type { Stage } from '../manifest.ts';
import { sharedFloats } from '../runtime.ts';
import type { NetworkSession, WindowOutput } from '../session.ts';
import { readWindow } from '../tiles.ts';
import { grouped, orAborted, partOf } from '../windows.ts';
import { type Decision, toProbabilitiesInPlace } from './decide.ts';
import type { NetworkInput } from './input.ts';
import { mirrored, mirrorings, startsAlong, windowWeights } from './placement.ts';
import { Slab } from './slab.ts';

/** A window seen from one side. All sides of a window follow one another, and so do all windows of a layer. */
interface View {
  readonly start: Vec3;
  readonly turn: readonly [boolean, boolean, boolean];
  /** Whether the window has been seen from all its sides after this. */
  readonly isLast: boolean;
  /** Slices that no later window covers, when this view is in: from `start[2]` to here. */
  readonly finishedTo: number;
}

/**
 * Runs the windows layer by layer along z, and hands on each slice that no later layer covers. While the network runs on
 * some, the next are read and the last are blended.
 * @throws NetworkError for values that are no numbers; the signal's reason when cancelled
 */
export async function slide(
  stage: Stage,
  session: NetworkSession,
  { shape, values }: NetworkInput,
  decision: Decision,
  signal: AbortSignal,
  done: (fraction: number) => void,
): Promise<void> {
  const { windowVoxels: window, channels } = stage;
  const { mirrorAxes, resampled } = stage.wholeScan!;
  const voxels = window[0] * window[1] * window[2];
  const turns = mirrorings(mirrorAxes);
  const views = viewsOver(shape, stage, turns);
  const groups = grouped(views, session.batch);
  const slab = new Slab(channels.length, shape, window, windowWeights(stage));
  const sum = new Float32Array(turns.length > 1 ? channels.length * voxels : 0);
  const whole = new Float32Array(voxels);
  // Two, of which one is read while the other is written.
  const inputs = [sharedFloats(voxels * session.batch), sharedFloats(voxels * session.batch)] as const;
  const prepare = (n: number) => {
    for (const [i, { start, turn }] of (groups[n] ?? []).entries()) {
      readWindow(values, shape, start, window, whole);
      inputs[n % 2]!.set(mirrored(whole, window, turn), i * voxels);
    }
  };
  const begin = (n: number): Promise<WindowOutput> => {
    const output = session.run(inputs[n % 2]!.subarray(0, voxels * groups[n]!.length), groups[n]!.length);
    // It may fail when nobody waits for it any more.
    output.catch(() => {});
    return output;
  };
  const handOn = async (from: number, to: number) => {
    for (let z = from; z < to; z++) {
      const slice = slab.take(z);
      if (!areNumbers(slice)) {
        throw new NetworkError(stage.file, `gives values that are no numbers on ${session.engine.provider}`);
      }
      if (resampled === 'probabilities' && stage.activation === 'logits') toProbabilitiesInPlace(slice, stage);
      await nextTurn();
      signal.throwIfAborted();
      decision.add(z, slice);
    }
  };

  signal.throwIfAborted();
  prepare(0);
  let running = begin(0);
  let seen = 0;
  for (const [n, group] of groups.entries()) {
    prepare(n + 1);
    const { classes } = await orAborted(running, signal);
    if (n + 1 < groups.length) running = begin(n + 1);
    for (const [i, { start, turn, isLast, finishedTo }] of group.entries()) {
      const back = mirrored(partOf(classes, i, group.length), window, turn);
      if (turns.length > 1) addShare(sum, back, turns.length);
      if (!isLast) continue;
      slab.add(start, turns.length > 1 ? sum : back);
      sum.fill(0);
      await handOn(start[2], finishedTo);
    }
    seen += group.length;
    done(seen / views.length);
  }
}

function viewsOver(shape: Vec3, { windowVoxels, overlap, wholeScan }: Stage, turns: readonly View['turn'][]): View[] {
  const starts = (axis: 0 | 1 | 2) => startsAlong(wholeScan!.conventions, shape[axis], windowVoxels[axis], overlap);
  const [xs, ys, zs] = [starts(0), starts(1), starts(2)];
  const last = xs.length * ys.length * turns.length - 1;
  return zs.flatMap((z, layer) => {
    const inLayer = ys.flatMap((y) => xs.flatMap((x) => turns.map((turn) => ({ start: [x, y, z] as Vec3, turn }))));
    return inLayer.map((view, n) => ({
      ...view,
      isLast: n % turns.length === turns.length - 1,
      finishedTo: n === last ? (zs[layer + 1] ?? shape[2]) : z,
    }));
  });
}

function addShare(sum: Float32Array, values: Float32Array, parts: number): void {
  for (let n = 0; n < sum.length; n++) sum[n]! += values[n]! / parts;
}

/** What is no number makes the sum none. */
function areNumbers(values: Float32Array): boolean {
  let sum = 0;
  for (let n = 0; n < values.length; n++) sum += values[n]!;
  return Number.isFinite(sum);
}
