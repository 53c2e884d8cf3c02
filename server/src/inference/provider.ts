import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';
import { NetworkError, ProviderError } from './errors.ts';
import type { NetworkFile, Stage } from './manifest.ts';
import { networkFor } from './model.ts';
import { patchProbabilities, probabilitiesOf, toProbabilities } from './probabilities.ts';
import type { EngineInfo } from './segmentation.ts';

export type Provider = EngineInfo['provider'];
export type ProviderPreference = 'auto' | Provider;

export type ReadNetwork = (network: NetworkFile) => Promise<Uint8Array>;

/** What a network gives for one window, as the manifest's activations say. */
export interface WindowOutput {
  /** [1, C, Z, Y, X] */
  readonly classes: Float32Array;
  /** [1, 1, Z / pz, Y / py, X / px], of each patch whether it holds lesion; null where the manifest names no such output. */
  readonly presence: Float32Array | null;
}

/** A network that runs. */
export interface NetworkSession {
  readonly engine: EngineInfo;
  /**
   * Runs one window [1, 1, Z, Y, X]. Blocks the event loop meanwhile.
   * @throws NetworkError when an output has another shape than the manifest says
   */
  run(input: Float32Array): Promise<WindowOutput>;
  release(): Promise<void>;
}

/** Mean difference of probabilities to the CPU's that reduced-precision arithmetic may make, and no wrong kernel does. */
const LARGEST_MEAN_DIFFERENCE = 0.01;
const LOG_ERRORS_ONLY = 3;

/**
 * Opens a stage's network on a provider. A GPU must prove first that it runs: one window goes through, the output has
 * its shape, is finite and agrees with the CPU's. The CPU is what others are compared with, and needs no such run.
 * 'auto' takes CUDA where the runtime brings it and it runs, else the CPU. It leaves WebGPU aside, since that also runs
 * on a software rasteriser, far slower than the CPU provider. Each provider runs the form of the network that the
 * manifest names for it.
 * @param read gives the bytes of a network
 * @param threads for the CPU
 * @throws NetworkError when the network is not what the stage says
 * @throws ProviderError when the provider that was named does not run the network, with the cause
 */
export async function openSession(
  read: ReadNetwork,
  stage: Stage,
  preference: ProviderPreference,
  threads: number,
): Promise<NetworkSession> {
  if (preference !== 'auto') return openOn(preference, read, stage, threads);
  if (installedProviders().includes('cuda')) {
    try {
      return await openOn('cuda', read, stage, threads);
    } catch (error) {
      // CUDA's libraries may be there without a card or a driver: that is what 'auto' is for.
      if (!(error instanceof ProviderError)) throw error;
    }
  }
  return openOn('cpu', read, stage, threads);
}

/** The providers whose libraries are installed, best first; whether one runs shows only on a run. */
export function installedProviders(): readonly Provider[] {
  const backends = listSupportedBackends();
  return (['cuda', 'webgpu', 'cpu'] as const).filter((provider) => {
    const backend = backends.find(({ name }) => name === provider);
    return backend !== undefined && (backend.bundled || hasProviderLibrary(provider));
  });
}

/** onnxruntime-node fetches some providers apart; without their library it writes to standard error when asked for one. */
function hasProviderLibrary(provider: Provider): boolean {
  const packageDir = fileURLToPath(new URL('..', import.meta.resolve('onnxruntime-node')));
  const library = `bin/*/${process.platform}/${process.arch}/libonnxruntime_providers_${provider}.so`;
  return globSync(library, { cwd: packageDir }).length > 0;
}

async function openOn(provider: Provider, read: ReadNetwork, stage: Stage, threads: number): Promise<NetworkSession> {
  if (!installedProviders().includes(provider)) {
    throw new ProviderError(provider, 'its libraries are not installed with onnxruntime-node');
  }
  const network = networkFor(stage, provider);
  const session = await createSession(provider, await read(network), network.file, threads);
  try {
    checkSignature(session, network.file, stage);
    const opened: NetworkSession = {
      engine: { provider, device: await deviceName(provider, threads) },
      run: (input) => runWindow(session, network.file, stage, input),
      release: () => session.release(),
    };
    if (provider !== 'cpu') await warmUp(opened, provider, read, stage, threads);
    return opened;
  } catch (error) {
    await session.release();
    throw error;
  }
}

async function createSession(
  provider: Provider,
  onnx: Uint8Array,
  file: string,
  threads: number,
): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(onnx, {
      executionProviders: [provider],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      // Plans memory once a shape: as fast without, and a third less of it.
      enableMemPattern: false,
      logSeverityLevel: LOG_ERRORS_ONLY,
    });
  } catch (error) {
    // What the CPU provider does not open is a fault of the network; elsewhere the provider may be at fault.
    if (provider === 'cpu') throw new NetworkError(file, (error as Error).message, { cause: error });
    throw new ProviderError(provider, (error as Error).message, { cause: error });
  }
}

/** The outputs that the manifest names, with their dimensions. */
function outputsOf({ output, channels, windowVoxels, presence }: Stage): readonly [string, readonly number[]][] {
  const [x, y, z] = windowVoxels;
  const classes: [string, readonly number[]] = [output, [1, channels.length, z, y, x]];
  if (!presence) return [classes];
  const [px, py, pz] = presence.patchVoxels;
  return [classes, [presence.output, [1, 1, z / pz, y / py, x / px]]];
}

/** Names, element type and dimensions of the graph's input and outputs against the manifest. */
function checkSignature(session: InferenceSession, file: string, stage: Stage): void {
  const [x, y, z] = stage.windowVoxels;
  const inputs = session.inputMetadata;
  if (inputs.length !== 1) {
    throw new NetworkError(file, `has ${inputs.length} inputs (${session.inputNames.join(', ')}), not one`);
  }
  checkTensor(file, 'input', inputs, stage.input, [1, 1, z, y, x]);
  for (const [name, dims] of outputsOf(stage)) checkTensor(file, 'output', session.outputMetadata, name, dims);
}

function checkTensor(
  file: string,
  role: 'input' | 'output',
  tensors: readonly InferenceSession.ValueMetadata[],
  name: string,
  expected: readonly number[],
): void {
  const tensor = tensors.find((candidate) => candidate.name === name);
  if (tensor === undefined) {
    const names = tensors.map((candidate) => candidate.name).join(', ');
    throw new NetworkError(file, `has no ${role} '${name}', which the manifest names; it has: ${names}`);
  }
  if (!tensor.isTensor || tensor.type !== 'float32') {
    throw new NetworkError(file, `${role} '${name}' is ${tensor.isTensor ? tensor.type : 'no tensor'}, not float32`);
  }
  // A graph need not state its dimensions, and may leave some open; then the warm-up tells.
  const { shape } = tensor;
  const fits = shape.length === expected.length && shape.every((n, axis) => n === expected[axis] || !isFixed(n));
  if (shape.length > 0 && !fits) {
    throw new NetworkError(
      file,
      `${role} '${name}' is [${shape.join(', ')}], but the manifest makes it [${expected.join(', ')}]`,
    );
  }
}

function isFixed(dimension: number | string): dimension is number {
  return typeof dimension === 'number' && dimension >= 0;
}

async function runWindow(
  session: InferenceSession,
  file: string,
  stage: Stage,
  input: Float32Array,
): Promise<WindowOutput> {
  const [x, y, z] = stage.windowVoxels;
  const tensor = new Tensor('float32', input, [1, 1, z, y, x]);
  const outputs = outputsOf(stage);
  const names = outputs.map(([name]) => name);
  const given = await session.run({ [stage.input]: tensor }, names);
  const [classes, presence = null] = outputs.map(([name, expected]) => {
    const output = given[name]!;
    if (output.dims.join() !== expected.join() || !(output.data instanceof Float32Array)) {
      const got = `${output.type} [${output.dims.join(', ')}]`;
      throw new NetworkError(file, `output '${name}' is ${got}, not float32 [${expected.join(', ')}]`);
    }
    return output.data;
  });
  return { classes: classes!, presence };
}

/** Runs one made-up window on a GPU and on the CPU, each with its own form of the network, and compares. */
async function warmUp(
  network: NetworkSession,
  provider: Provider,
  read: ReadNetwork,
  stage: Stage,
  threads: number,
): Promise<void> {
  const [x, y, z] = stage.windowVoxels;
  const input = Float32Array.from({ length: x * y * z }, (_, n) => 2 * Math.sin(0.37 * n) * Math.cos(0.0113 * n));
  const output = await network.run(input).catch((error: Error) => {
    if (error instanceof NetworkError) throw error;
    throw new ProviderError(provider, error.message, { cause: error });
  });
  const reference = await openOn('cpu', read, stage, threads);
  try {
    const difference = meanDifference(stage, output, await reference.run(input));
    // Written so that what is not a number fails too.
    if (!(difference <= LARGEST_MEAN_DIFFERENCE)) {
      throw new ProviderError(
        provider,
        `its probabilities differ from the CPU's by ${difference.toFixed(3)} on average`,
      );
    }
  } finally {
    await reference.release();
  }
}

/** The larger of the mean differences of voxels' and of patches' probabilities. */
function meanDifference(stage: Stage, output: WindowOutput, reference: WindowOutput): number {
  const classes = ({ classes: values }: WindowOutput): Float32Array => {
    const probabilities = probabilitiesOf(values.length / stage.channels.length);
    toProbabilities(stage, values, probabilities);
    return probabilities.both;
  };
  const mean = (one: Float32Array, other: Float32Array) =>
    one.reduce((sum, value, n) => sum + Math.abs(value - other[n]!), 0) / one.length;
  const difference = mean(classes(output), classes(reference));
  if (!stage.presence || !output.presence || !reference.presence) return difference;
  const { activation } = stage.presence;
  const [one, other] = [output.presence, reference.presence].map((values) => patchProbabilities(activation, values));
  return Math.max(difference, mean(one!, other!));
}

async function deviceName(provider: Provider, threads: number): Promise<string> {
  if (provider === 'cpu') return `CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  if (provider === 'webgpu') return 'WebGPU adapter';
  try {
    const query = ['--query-gpu=name', '--format=csv,noheader', '--id=0'];
    return (await promisify(execFile)('nvidia-smi', query, { timeout: 5000 })).stdout.trim();
  } catch {
    return 'NVIDIA GPU';
  }
}
