/**
 * What GPUs make of a model, against the CPU: every provider that is installed, every form of the networks, windows one, two
 * and four at once, and a CT of 300 slices through both stages. Prints Markdown tables. Arguments: `--model DIR`
 * (default: the bundled one), `--small` (a made-up model and scan, to see that it runs), `--software` (the CT alone, on
 * a Vulkan in software), and providers to try (default: all).
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundledModelDir } from '../../server/src/cli/bundled-model.ts';
import { segment } from '../../server/src/inference/cascade.ts';
import { type NetworkFile, type Stage, stagesOf } from '../../server/src/inference/manifest.ts';
import { formsFor, loadModel, type Model, readNetwork } from '../../server/src/inference/model.ts';
import { installedProviders, type Provider, probe } from '../../server/src/inference/provider.ts';
import { probeWindow } from '../../server/src/inference/reference.ts';
import type { Segmentation } from '../../server/src/inference/segmentation.ts';
import { ofOneSize } from '../../server/src/inference/sliding.ts';
import type { CtSeries } from '../../server/src/volume/series.ts';
import { AXIAL } from '../support/axial.ts';
import { softwareGpuEnvironment } from '../support/software-gpu.ts';
import { gridAround, SCENE, seriesOf } from '../unit/inference/scene.ts';
import { writeTinyModel } from '../unit/inference/tiny-model.ts';
import { benchSeries } from './engine/phantom-ct.ts';
import { heading, median, row } from './engine/table.ts';

const ROUNDS = 5;
const BATCHES = [1, 2, 4];
const threads = availableParallelism();
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { model: { type: 'string' }, small: { type: 'boolean' }, software: { type: 'boolean' } },
});
await using stack = new AsyncDisposableStack();
if (values.software) {
  const runtimeDir = await mkdtemp(join(tmpdir(), 'hepar-bench-'));
  stack.defer(() => rm(runtimeDir, { recursive: true }));
  Object.assign(process.env, softwareGpuEnvironment(runtimeDir));
}
const model = await loadModel(values.model ?? (values.small ? await madeUpModel() : bundledModelDir()));
const stages = stagesOf(model.manifest);
const asked = positionals.length > 0 ? positionals : installedProviders();
const providers = installedProviders().filter((provider) => asked.includes(provider));
const wrong = asked.find((name) => !installedProviders().some((provider) => provider === name));
if (wrong !== undefined) {
  process.stderr.write(`bench: provider ${wrong} is not installed; there are: ${installedProviders().join(', ')}\n`);
  process.exit(1);
}

process.stdout.write(
  `${cpus()[0]?.model ?? 'CPU'}, ${threads} cores, load before: ${loadavg()[0]!.toFixed(1)}. ${gpus()}\n`,
);
process.stdout.write(`Model ${model.manifest.id} ${model.manifest.version}.\n\n`);
if (!values.software) {
  await timeWindows();
  process.stdout.write('\n');
}
await segmentWholeScans();

/** Every form that a provider may run; on the CPU those for GPUs as well, to tell a form's doing from a provider's. */
function formsOf(stage: Stage, provider: Provider): readonly NetworkFile[] {
  if (provider !== 'cpu') return formsFor(stage, provider);
  const all = [stage, ...(stage.variants ?? [])];
  return all.filter(({ file }, n) => all.findIndex((other) => other.file === file) === n);
}

async function timeWindows(): Promise<void> {
  const read = (network: NetworkFile) => readNetwork(model.dir, network);
  const counts = BATCHES.map((count) => `${count} at once, ms a window`);
  heading('provider', 'network', 'window', 'warm-up, ms', ...counts, 'difference from the reference');
  for (const provider of providers) {
    for (const { stage: asReleased } of stages) {
      // Of one size, of which a GPU may be given several at once.
      const stage = ofOneSize(asReleased);
      for (const network of formsOf(stage, provider)) {
        const window = stage.windowVoxels.join(' x ');
        try {
          const { session, warmUpMs, difference } = await probe(provider, read, stage, network, threads);
          const one = probeWindow(stage);
          const times: string[] = [];
          for (const count of BATCHES) {
            if (count > session.batch) {
              times.push('');
              continue;
            }
            const input = new Float32Array(count * one.length);
            for (let n = 0; n < count; n++) input.set(one, n * one.length);
            const spent: number[] = [];
            for (let round = 0; round <= ROUNDS; round++) {
              const started = performance.now();
              await session.run(input, count);
              spent.push((performance.now() - started) / count);
            }
            times.push(median(spent.slice(1)).toFixed(1));
          }
          await session.release();
          row(provider, network.file, window, warmUpMs.toFixed(0), ...times, difference?.toExponential(1) ?? 'is it');
        } catch (error) {
          row(provider, network.file, window, `fails: ${(error as Error).message}`, '', '', '', '');
        }
      }
    }
  }
}

async function segmentWholeScans(): Promise<void> {
  const series = values.small ? smallSeries() : await benchSeries();
  const reference = await segmented(series, 'cpu', 0);
  const [width, height, depth] = series.volume.grid.shape;
  heading(
    `${depth} slices of ${width} x ${height}`,
    'form',
    'both stages, s',
    'against the CPU',
    'voxels of the box that differ',
  );
  for (const provider of providers) {
    const forms = Math.max(...stages.map(({ stage }) => formsOf(stage, provider).length));
    for (let form = 0; form < forms; form++) {
      const name = formsOf(stages.at(-1)!.stage, provider)[form]?.file ?? '';
      try {
        const { seconds, result } = await segmented(series, provider, form);
        const ratio = (seconds / reference.seconds).toFixed(2);
        row(provider, name, seconds.toFixed(1), ratio, difference(result, reference.result));
      } catch (error) {
        row(provider, name, `fails: ${(error as Error).message}`, '', '');
      }
    }
  }
}

/** Segments with the same form of both networks, whatever provider it is meant for. */
async function segmented(series: CtSeries, provider: Provider, form: number) {
  const only = (stage: Stage): Stage => {
    const forms = formsOf(stage, provider);
    const { variants: _, ...rest } = stage;
    return { ...rest, ...(forms[form] ?? forms[0]!), variants: undefined };
  };
  const { locate, segment: fine } = model.manifest.cascade;
  const cascade = { ...model.manifest.cascade, ...(locate ? { locate: only(locate) } : {}), segment: only(fine) };
  const ofOneForm: Model = { ...model, manifest: { ...model.manifest, cascade } };
  const progress = { signal: new AbortController().signal, report: () => {} };
  const started = performance.now();
  const result = await segment(series, ofOneForm, { provider, threads }, progress);
  return { result, seconds: (performance.now() - started) / 1000 };
}

/** Labels that are different, as a share of the voxels of the box around the liver. */
function difference(one: Segmentation, other: Segmentation): string {
  const { size } = other.lesionProbability.box;
  let different = 0;
  other.labelMap.labels.forEach((label, voxel) => {
    if (label !== one.labelMap.labels[voxel]) different++;
  });
  return `${different} (${(different / (size[0] * size[1] * size[2])).toExponential(1)})`;
}

async function madeUpModel(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'hepar-bench-'));
  stack.defer(() => rm(dir, { recursive: true }));
  await writeTinyModel(dir, { shifted: true });
  return dir;
}

function smallSeries(): CtSeries {
  return seriesOf(SCENE, gridAround(SCENE.centreMm, [90, 80, 40], [1.5, 1.5, 2.5], AXIAL));
}

function gpus(): string {
  try {
    const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
    return execFileSync('nvidia-smi', query, { encoding: 'utf8' }).trim().split('\n').join('; ');
  } catch {
    return 'No NVIDIA card.';
  }
}
