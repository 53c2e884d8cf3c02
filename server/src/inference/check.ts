import { voxelCount } from '../volume/geometry.ts';
import type { Vec3 } from '../volume/volume.ts';
import { NetworkError, ProviderError } from './errors.ts';
import { type NetworkFile, type Stage, stagesOf } from './manifest.ts';
import { type Model, networkFor, readNetwork } from './model.ts';
import { summariseOnnx } from './onnx/summary.ts';
import { installedProviders, openSession, type Provider, type WindowOutput } from './provider.ts';
import { differenceFromReference, probeWindow } from './reference.ts';
import type { NetworkSession } from './session.ts';

/** Something to know of a model: a problem keeps it from being used, a note does not. */
export interface ModelRemark {
  readonly kind: 'problem' | 'note';
  /** One line. */
  readonly message: string;
}

export interface ModelCheck {
  readonly remarks: readonly ModelRemark[];
  /** What ran, a line each. */
  readonly runs: readonly string[];
}

/** The CPU provider is what every other is compared with. */
const REFERENCE: Provider = 'cpu';
/** Operator sets that the runtime reads well: below 11, Resize and others mean something else. */
const OLDEST_OPSET = 11;
/** Outputs that differ by less say nothing of their input. */
const LEAST_DIFFERENCE = 1e-6;

/**
 * Looks at the networks of a model that was loaded, and runs a window of each on every provider that is installed: what
 * is wrong with them is found before a patient is.
 */
export async function checkNetworks(model: Model, threads: number): Promise<ModelCheck> {
  const remarks: ModelRemark[] = [];
  const runs: string[] = [];
  for (const { name, stage } of stagesOf(model.manifest)) {
    for (const network of filesOf(stage)) remarks.push(...(await lookAt(model, name, network)));
    for (const provider of installedProviders().toReversed()) {
      const ran = await runOn(provider, model, stage, threads);
      if (ran.remark) remarks.push({ ...ran.remark, message: `${name}: ${ran.remark.message}` });
      if (ran.line) runs.push(`${name}: ${ran.line}`);
      // What the reference does not run, no other needs to.
      if (provider === REFERENCE && ran.remark?.kind === 'problem') break;
    }
  }
  return { remarks, runs };
}

function filesOf(stage: Stage): NetworkFile[] {
  const files = [stage, ...(stage.variants ?? [])];
  return files.filter(({ file }, n) => files.findIndex((other) => other.file === file) === n);
}

/** What the file says of itself. */
async function lookAt({ dir }: Model, stage: string, network: NetworkFile): Promise<ModelRemark[]> {
  const { opset, operators, hasConvTranspose3d } = summariseOnnx(await readNetwork(dir, network));
  const remarks: ModelRemark[] = [];
  const note = (message: string) => remarks.push({ kind: 'note', message: `${stage}: ${network.file} ${message}` });
  if (opset === null) note('names no version of the operator set');
  else if (opset < OLDEST_OPSET) note(`uses operator set ${opset}; export it with ${OLDEST_OPSET} or later`);
  const foreign = [...operators.keys()].filter((name) => name.includes('.'));
  if (foreign.length > 0) note(`uses operators that are not ONNX's own: ${foreign.join(', ')}`);
  if (hasConvTranspose3d) note('has a ConvTranspose over three axes, which the webgpu provider cannot run');
  return remarks;
}

/** Two windows, of tissue-like and of other values: finite, and not the same whatever goes in. */
async function runOn(
  provider: Provider,
  { dir }: Model,
  stage: Stage,
  threads: number,
): Promise<{ remark?: ModelRemark; line?: string }> {
  const { file } = networkFor(stage, provider);
  let size: Vec3 = stage.windowVoxels;
  try {
    const session = await openSession((network) => readNetwork(dir, network), stage, provider, threads);
    try {
      const [x] = size;
      const smooth = Float32Array.from(
        { length: voxelCount(size) },
        (_, n) => Math.sin(n / 97) + Math.cos(n / (x * 7)),
      );
      const flat = new Float32Array(smooth.length).fill(-1);
      const first = copied(await session.run(smooth));
      const started = performance.now();
      const second = copied(await session.run(flat));
      const milliseconds = Math.round(performance.now() - started);
      const problem =
        wrongWith(first, second) ?? (provider === REFERENCE ? await unlikeReference(session, stage) : null);
      if (problem) return { remark: { kind: 'problem', message: `${file} ${problem} on ${provider}` } };
      const line = `${provider} (${session.engine.device}), ${milliseconds} ms a window of ${size.join(' x ')}`;
      if (stage.largerWindows) {
        const { stepVoxels } = stage.largerWindows;
        size = [size[0] + stepVoxels, size[1] + 2 * stepVoxels, size[2] + 3 * stepVoxels];
        await session.run(new Float32Array(voxelCount(size)), 1, size);
      }
      return { line };
    } finally {
      await session.release();
    }
  } catch (error) {
    if (error instanceof ProviderError) return { remark: { kind: 'note', message: error.message } };
    if (error instanceof NetworkError) return { remark: { kind: 'problem', message: error.message } };
    // The runtime's own, from the middle of a graph: a window whose size a pooling does not divide, for one.
    const message = `${file} does not run a window of ${size.join(' x ')} on ${provider}: ${reasonOf(error)}`;
    return { remark: { kind: provider === REFERENCE ? 'problem' : 'note', message } };
  }
}

/** All that a window gives, in memory of its own: the next run may use the session's again. */
function copied({ classes, presence }: WindowOutput): Float32Array[] {
  return [classes, ...(presence ? [presence] : [])].map((values) => values.slice());
}

function wrongWith(first: readonly Float32Array[], second: readonly Float32Array[]): string | null {
  if (![...first, ...second].every((values) => values.every(Number.isFinite)))
    return 'gives values that are no numbers';
  const isConstant = first.some((values, output) => {
    const largest = values.reduce((most, value, n) => Math.max(most, Math.abs(value - second[output]![n]!)), 0);
    return largest < LEAST_DIFFERENCE;
  });
  return isConstant ? 'gives the same whatever goes in' : null;
}

/** A GPU is compared with the stored reference when it is opened; what the CPU says otherwise is a fault of the file. */
async function unlikeReference(session: NetworkSession, stage: Stage): Promise<string | null> {
  if (!stage.reference) return null;
  const output = await session.run(probeWindow(stage));
  const difference = await differenceFromReference(output, stage, () => Promise.reject(new TypeError('not needed')));
  if (difference <= stage.reference.tolerance) return null;
  return `answers the made-up window otherwise than the manifest's reference, by ${difference.toPrecision(2)} of its spread,`;
}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!.trim();
