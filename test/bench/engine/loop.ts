/**
 * The loop over the windows of the segmenting stage, eight windows of a phantom: what a window costs and where the time
 * goes, how near the network comes to the fastest convolution of this machine, and the same weights and windows in a
 * PyTorch loop. Prints Markdown tables; fails when the two loops' probabilities differ.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { bundledModelDir } from '../../../server/src/cli/bundled-model.ts';
import { WindowBlend } from '../../../server/src/inference/blend.ts';
import { huTransform, transformed } from '../../../server/src/inference/intensity.ts';
import { loadModel, networkFor, readNetwork } from '../../../server/src/inference/model.ts';
import { useAgain } from '../../../server/src/inference/probabilities.ts';
import { type NetworkSession, openSession } from '../../../server/src/inference/provider.ts';
import { ofOneSize } from '../../../server/src/inference/sliding.ts';
import { gaussianWeights, readWindow, windowsOver } from '../../../server/src/inference/tiles.ts';
import { type Field, runWindows } from '../../../server/src/inference/windows.ts';
import { toPatient } from '../../../server/src/volume/geometry.ts';
import { resampleHu } from '../../../server/src/volume/resample.ts';
import type { Grid, Vec3 } from '../../../server/src/volume/volume.ts';
import { AXIAL } from '../../support/axial.ts';
import { PYTHON } from '../../support/python.ts';
import { timeByKind } from './operators.ts';
import { benchVolume } from './phantom-ct.ts';
import { SlidingWindow, type Spent } from './sliding-window.ts';
import { heading, median, row } from './table.ts';

const THREADS = availableParallelism();
const ROUNDS = 7;
/** Threads of PyTorch's loop spin so long after it, on the cores that ours needs. */
const SPINNING_MS = 500;
/** Of probabilities: what the order of floating-point sums may change. */
const LARGEST_DIFFERENCE = 1e-4;
const LIVER_HU = 105;
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const ms = (milliseconds: number) => milliseconds.toFixed(1);
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

await using stack = new AsyncDisposableStack();
const scratch = await mkdtemp(join(tmpdir(), 'hepar-bench-'));
stack.defer(() => rm(scratch, { recursive: true, force: true }));

const model = await loadModel(bundledModelDir());
/** Windows of one size, which take turns in the cores as those of a network of another system do. */
const stage = ofOneSize(model.manifest.cascade.segment);
const read = (network: Parameters<typeof readNetwork>[1]) => readNetwork(model.dir, network);
const field = await fieldOfEightWindows();
const transform = huTransform(stage.intensity, LIVER_HU);
const starts = windowsOver(field.grid.shape, stage.windowVoxels, stage.overlap);
const session = await openSession(read, stage, 'cpu', THREADS);
stack.defer(() => session.release());
const torch = await slidingWindow();
stack.defer(() => torch.close());

await compareLoops();
await accountForAWindow();
process.stdout.write(`\nLoad after: ${loadavg()[0]!.toFixed(1)}.\n`);

/** The middle of the phantom, so large that two windows fit along each axis. */
async function fieldOfEightWindows(): Promise<Field> {
  const volume = await benchVolume();
  const shape = stage.windowVoxels.map((n) => n + Math.floor(n * (1 - stage.overlap))) as unknown as Vec3;
  const middle = toPatient(volume.grid, volume.grid.shape.map((n) => (n - 1) / 2) as unknown as Vec3);
  const origin = middle.map((at, axis) => at - ((shape[axis]! - 1) / 2) * stage.spacingMm[axis]!);
  const grid: Grid = { shape, spacingMm: stage.spacingMm, originMm: origin as unknown as Vec3, axes: AXIAL };
  return { grid, hu: resampleHu(volume, grid) };
}

/** The PyTorch loop with our field, windows and weights. */
async function slidingWindow(): Promise<SlidingWindow> {
  const path = join(scratch, 'field.f32');
  await writeFile(
    path,
    field.hu.map((hu) => transformed(transform, hu)),
  );
  const backwards = <T>(values: readonly T[]) => values.toReversed();
  return SlidingWindow.start(PYTHON, here('sliding_window.py'), {
    training: here('../../../models/training'),
    model: model.dir,
    stage: 'segment',
    threads: THREADS,
    field: path,
    shapeZyx: backwards(field.grid.shape),
    windowZyx: backwards(stage.windowVoxels),
    starts: starts.map(backwards),
    weights: backwards(stage.windowVoxels).map((edge) => [...gaussianWeights(edge)]),
    out: join(scratch, 'probabilities.f32'),
  });
}

async function runLoop(through: NetworkSession) {
  const started = performance.now();
  const worked = process.cpuUsage();
  const ownWork = process.threadCpuUsage();
  const { probabilities } = await runWindows(field, {
    stage,
    session: through,
    transform,
    wanted: () => true,
    signal: new AbortController().signal,
    done: () => {},
  });
  const seconds = (performance.now() - started) / 1000;
  const sum = ({ user, system }: NodeJS.CpuUsage) => (user + system) / 1e6;
  // The network runs in threads of its own.
  const javaScriptSeconds = sum(process.threadCpuUsage(ownWork));
  return { seconds, cpuSeconds: sum(process.cpuUsage(worked)), javaScriptSeconds, probabilities };
}

async function compareLoops(): Promise<void> {
  const { probabilities } = await runLoop(session);
  const best: { mode: 'eager' | 'frozen'; batch: number; spent: Spent[] }[] = [];
  for (const mode of ['eager', 'frozen'] as const) {
    const tried = [];
    for (const batch of [1, 2, 4]) {
      tried.push({ mode, batch, spent: [await torch.run(mode, batch, true)] });
      const difference = await largestDifference(probabilities.both);
      if (!(difference < LARGEST_DIFFERENCE))
        throw new Error(`${mode} ${batch}: probabilities differ by ${difference}`);
    }
    best.push(tried.toSorted((a, b) => a.spent[0]!.seconds - b.spent[0]!.seconds)[0]!);
  }
  const ours: Spent[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await setTimeout(SPINNING_MS);
    const run = await runLoop(session);
    ours.push(run);
    useAgain(run.probabilities);
    for (const { mode, batch, spent } of best) spent.push(await torch.run(mode, batch));
  }
  const typical = (spent: readonly Spent[]): Spent => ({
    seconds: median(spent.map(({ seconds }) => seconds)),
    cpuSeconds: median(spent.map(({ cpuSeconds }) => cpuSeconds)),
  });
  const own = typical(ours);
  heading(
    `loop over ${starts.length} windows, median of ${ROUNDS}`,
    'batch',
    'seconds',
    'of all threads, CPU s',
    'ours against it',
    'in CPU s',
  );
  row('ours', `${session.lanes ?? 1} x 1`, own.seconds.toFixed(2), own.cpuSeconds.toFixed(2), '', '');
  for (const { mode, batch, spent } of best) {
    const theirs = typical(spent.slice(1));
    row(
      `PyTorch ${torch.version}, ${mode}`,
      batch,
      theirs.seconds.toFixed(2),
      theirs.cpuSeconds.toFixed(2),
      (own.seconds / theirs.seconds).toFixed(2),
      (own.cpuSeconds / theirs.cpuSeconds).toFixed(2),
    );
  }
  process.stdout.write('\n');
}

/** Between our probabilities and those of the PyTorch loop's last run. */
async function largestDifference(ours: Float32Array): Promise<number> {
  const bytes = await readFile(join(scratch, 'probabilities.f32'));
  const theirs = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const voxels = ours.length / 2;
  let largest = 0;
  for (const [n, name] of (['liver', 'lesion'] as const).entries()) {
    for (let voxel = 0; voxel < voxels; voxel++) {
      let sum = 0;
      for (const [c, channel] of stage.channels.entries()) if (channel === name) sum += theirs[c * voxels + voxel]!;
      largest = Math.max(largest, Math.abs(sum - ours[n * voxels + voxel]!));
    }
  }
  return largest;
}

async function accountForAWindow(): Promise<void> {
  const [x, y, z] = stage.windowVoxels;
  const input = new Float32Array(x * y * z);
  const blend = new WindowBlend(field.grid.shape, stage.windowVoxels);
  const spent: Record<string, number[]> = { read: [], network: [], blend: [], loop: [] };
  const shares: number[] = [];
  const timed = async <T>(part: string, work: () => T | Promise<T>): Promise<T> => {
    const started = performance.now();
    const result = await work();
    spent[part]!.push(performance.now() - started);
    return result;
  };
  for (const start of starts) {
    await timed('read', () => readWindow(field.hu, field.grid.shape, start, stage.windowVoxels, input, transform));
    const found = await session.probabilities(input);
    await timed('blend', () => blend.add(start, found));
  }
  for (let round = 0; round < ROUNDS; round++) {
    await timed('network', () => Promise.all(starts.map(() => session.probabilities(input))));
    const { javaScriptSeconds, cpuSeconds, probabilities } = await timed('loop', () => runLoop(session));
    useAgain(probabilities);
    shares.push(javaScriptSeconds / cpuSeconds);
  }
  const typical = (part: string) => median(spent[part]!);
  const loop = typical('loop') / starts.length;
  const network = typical('network') / starts.length;

  const flops = flopsOf(join(model.dir, networkFor(stage, 'cpu').file));
  const direct = flopsOf(join(model.dir, networkFor(stage, 'cuda').file));
  const peak = await convolutionPeak();
  heading('of a window', 'ms', 'of the loop');
  row('reading a window and scaling its HU, by itself', ms(typical('read')), percent(typical('read') / loop));
  row(
    `network and probabilities, by themselves, ${session.lanes ?? 1} windows at a time`,
    ms(network),
    percent(network / loop),
  );
  row('blending, by itself', ms(typical('blend')), percent(typical('blend') / loop));
  row('the loop', ms(loop), percent(1));
  row('JavaScript: what the loop takes beyond the network', ms(loop - network), percent((loop - network) / loop));
  row("JavaScript, of all threads' CPU time", '', percent(median(shares)));
  process.stdout.write('\n');
  heading(`network of ${stage.windowVoxels.join(' x ')}, ${THREADS} threads`, '');
  row('the network as it was trained, counted from its 3D graph, GFLOP a window', (direct / 1e9).toFixed(1));
  row('its form for CPUs, counted from the graph, GFLOP a window', (flops / 1e9).toFixed(1));
  row('achieved, GFLOP/s', (flops / network / 1e6).toFixed(1));
  row(`fastest single convolution (${peak.what}), GFLOP/s`, (peak.rate / 1e9).toFixed(1));
  row('share of the convolution peak', percent((flops * 1000) / network / peak.rate));
  row('the same, if the form for CPUs had not been spared operations', percent((direct * 1000) / network / peak.rate));
  process.stdout.write('\n');

  const kinds = await timeByKind(join(model.dir, networkFor(stage, 'cpu').file), [1, 1, z, y, x], scratch);
  const whole = kinds.reduce((sum, kind) => sum + kind.ms, 0);
  heading('of a window on one core, as the runtime counts it', 'ms', 'share', 'GFLOP/s');
  for (const { name, ms: time, flops: work } of kinds) {
    row(name, ms(time), percent(time / whole), work > 0 ? (work / time / 1e6).toFixed(1) : '');
  }
}

function flopsOf(file: string): number {
  const edges = stage.windowVoxels.toReversed().map(String);
  return Number(execFileSync(PYTHON, [here('count_flops.py'), file, ...edges], { encoding: 'utf8' }));
}

/** The best of a few sizes and of both runtimes. */
async function convolutionPeak(): Promise<{ rate: number; what: string }> {
  const printed = execFileSync(PYTHON, [here('conv_files.py'), scratch, String(THREADS)], { encoding: 'utf8' });
  let best = { rate: 0, what: '' };
  for (const line of printed.trim().split('\n')) {
    const { file, shape, flops, torchSeconds } = JSON.parse(line) as {
      file: string;
      shape: number[];
      flops: number;
      torchSeconds: number;
    };
    const convolution = await InferenceSession.create(file, { intraOpNumThreads: THREADS, interOpNumThreads: 1 });
    const input = new Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5), shape);
    let seconds = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 5; round++) {
      const started = performance.now();
      await convolution.run({ x: input });
      seconds = Math.min(seconds, (performance.now() - started) / 1000);
    }
    await convolution.release();
    const size = `3 x 3 over [${shape.join(', ')}]`;
    for (const [runtime, time] of [
      ['ONNX Runtime', seconds],
      ['PyTorch', torchSeconds],
    ] as const) {
      if (flops / time > best.rate) best = { rate: flops / time, what: `${runtime}, ${size}` };
    }
  }
  return best;
}
