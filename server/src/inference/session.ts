import type { Vec3 } from '../volume/volume.ts';
import { NetworkError } from './errors.ts';
import type { Stage } from './manifest.ts';
import { inputShape, isFixed, withInputShape } from './onnx/input-shape.ts';
import type { Pieces } from './onnx/protobuf.ts';
import { probabilitiesIn } from './probabilities.ts';
import { type ProbabilityNodes, probabilityNodes } from './probability-nodes.ts';
import { RuntimeSession, type WantedOutput } from './runtime.ts';
import type { ProviderOptions, TensorInfo } from './runtime-messages.ts';
import type { EngineInfo } from './segmentation.ts';

/** What a network gives for one or more windows, as the manifest's activations say. */
export interface WindowOutput {
  /** [N, C, Z, Y, X] */
  readonly classes: Float32Array;
  /** [N, 1, Z / pz, Y / py, X / px], of each patch whether it holds lesion; null where the manifest names no such output. */
  readonly presence: Float32Array | null;
}

/** What a network says of one or more windows, as probabilities. */
export interface WindowProbabilities {
  /** [N, Z, Y, X], without lesions. */
  readonly liver: Float32Array;
  /** [N, Z, Y, X]; null where no channel stands for lesion. */
  readonly lesion: Float32Array | null;
  /** As in `WindowOutput`. */
  readonly presence: Float32Array | null;
}

/** A network that runs. */
export interface NetworkSession {
  readonly engine: EngineInfo;
  /** Windows that one run takes at most; 1 where the graph says so. */
  readonly batch: number;
  /** Runs that take place at the same time; 1 if left out. Twice as many may be asked for at once, so that none waits. */
  readonly lanes?: number;
  /** What the session has overcome, one line each; absent where nothing is overcome. */
  readonly faults?: readonly string[];
  /**
   * Runs windows [N, 1, Z, Y, X] in another thread, of the stage's size or of another that it allows. The output is good until as many runs as there are lanes have ended
   * after it, and one more begins.
   * @throws NetworkError when an output has another shape than the manifest says
   */
  run(input: Float32Array, windows?: number, size?: Vec3): Promise<WindowOutput>;
  /** The same, with probabilities made of the output. */
  probabilities(input: Float32Array, windows?: number, size?: Vec3): Promise<WindowProbabilities>;
  release(): Promise<void>;
}

/** What a network is opened for, as far as that is known. */
export interface Work {
  /** [x, y, z] of all its windows, in voxels; the stage's own if left out, or any where the stage allows larger ones. */
  readonly size?: Vec3;
  /** Windows that it will run at most; many if left out. */
  readonly windows?: number;
}

/** Beyond this more windows at once gain nothing, and cost memory. */
const LARGEST_BATCH = 4;
/** A CPU is at its best with a window on each core, as far as memory goes. */
const MOST_LANES = 4;
/** To open a network for one more lane takes as long as two windows do, and gains a fourth of a window with each. */
const WINDOWS_A_LANE = 4;

/**
 * Loads a network and checks it against the manifest. A CPU's graph whose sizes are open is given those of the windows, which makes it faster.
 * @param file by which it is named in errors
 * @throws NetworkError when it is not what the stage says; Error of the runtime's own when it cannot be loaded
 */
export async function loadNetwork(
  onnx: Uint8Array,
  file: string,
  stage: Stage,
  options: ProviderOptions,
  device: string,
  { size = stage.largerWindows ? undefined : stage.windowVoxels, windows = Number.POSITIVE_INFINITY }: Work = {},
): Promise<NetworkSession> {
  const stated = inputShape(onnx, stage.input);
  if (stage.largerWindows && stated.slice(2).some(isFixed)) {
    throw new NetworkError(
      file,
      `input '${stage.input}' is [${stated.join(', ')}], but the manifest allows larger windows`,
    );
  }
  // The windows over a whole scan, and those that are as large as memory allows, are run one after the other.
  const takesOne = stage.wholeScan || stage.largerWindows;
  const most = options.provider === 'cpu' && !takesOne ? Math.min(options.threads, MOST_LANES) : 1;
  const lanes = Math.max(1, Math.min(most, Math.floor(windows / WINDOWS_A_LANE)));
  const threads = Math.ceil(options.threads / lanes);
  const open = (pieces: Pieces) => RuntimeSession.open(pieces, { ...options, threads }, lanes);
  const sized =
    options.provider === 'cpu' && size ? withInputShape(onnx, stage.input, [1, 1, ...size.toReversed()]) : null;
  const added = stage.wholeScan ? null : probabilityNodes(onnx, stage);
  // What is wrong with a graph is told of the graph as it is.
  const tried = (pieces: Pieces | null) => pieces && open(pieces).catch(() => null);
  const extended = await tried(added && [...(sized ?? [onnx]), added.behind]);
  const session = extended ?? (await tried(sized)) ?? (await open([onnx]));
  const network: Loaded = { session, file, stage };
  try {
    const own = session.outputs.filter(({ name }) => !extended || (name !== added!.liver && name !== added!.lesion));
    checkSignature(session.inputs, own, file, stage, size);
  } catch (error) {
    await session.release();
    throw error;
  }
  const [count] = session.inputs[0]!.shape;
  const isOpen = count !== undefined && !isFixed(count);
  const run: NetworkSession['run'] = (input, windows = 1, size = stage.windowVoxels) =>
    runWindows(network, input, { windows, size });
  return {
    engine: { provider: options.provider, device },
    batch: isOpen && options.provider !== 'cpu' && !takesOne ? LARGEST_BATCH : 1,
    lanes,
    run,
    probabilities: extended
      ? (input, windows = 1, size = stage.windowVoxels) =>
          runToProbabilities(network, added!, input, { windows, size }).catch(async (error) => {
            // What is wrong with the network's own output is told of that; a GPU has shown it when it was tried.
            if (options.provider === 'cpu') await run(input, windows, size);
            throw error;
          })
      : madeOfOutput(stage, run),
    release: () => session.release(),
  };
}

interface Loaded {
  readonly session: RuntimeSession;
  /** By which it is named in errors. */
  readonly file: string;
  readonly stage: Stage;
}

/** Probabilities made of a network's output after it has run. */
export function madeOfOutput(stage: Stage, run: NetworkSession['run']): NetworkSession['probabilities'] {
  return async (input, windows = 1, size) => {
    const { classes, presence } = await run(input, windows, size);
    const { liver, lesion } = probabilitiesIn(classes, stage, windows);
    return { liver, lesion, presence };
  };
}

/** What one run is given. */
interface Windows {
  readonly windows: number;
  /** [x, y, z] of each, in voxels. */
  readonly size: Vec3;
}

/** The outputs that the manifest names, with their dimensions. */
function outputsOf(stage: Stage, of: Windows): WantedOutput[] {
  return [channelsOf(stage.output, stage.channels.length, of), ...patchesOf(stage, of)];
}

function channelsOf(name: string, channels: number, { windows, size: [x, y, z] }: Windows): WantedOutput {
  return { name, shape: [windows, channels, z, y, x] };
}

function patchesOf({ presence }: Stage, { windows, size: [x, y, z] }: Windows): WantedOutput[] {
  if (!presence) return [];
  const [px, py, pz] = presence.patchVoxels;
  return [{ name: presence.output, shape: [windows, 1, z / pz, y / py, x / px] }];
}

/** Names, element type and dimensions of the graph's input and outputs against the manifest. */
function checkSignature(
  inputs: readonly TensorInfo[],
  outputs: readonly TensorInfo[],
  file: string,
  stage: Stage,
  size: Vec3 = stage.windowVoxels,
): void {
  const [x, y, z] = size;
  if (inputs.length !== 1) {
    throw new NetworkError(file, `has ${inputs.length} inputs (${inputs.map(({ name }) => name).join(', ')}), not one`);
  }
  checkTensor(file, 'input', inputs, stage.input, [1, 1, z, y, x]);
  for (const { name, shape } of outputsOf(stage, { windows: 1, size }))
    checkTensor(file, 'output', outputs, name, shape);
}

function checkTensor(
  file: string,
  role: 'input' | 'output',
  tensors: readonly TensorInfo[],
  name: string,
  expected: readonly number[],
): void {
  const tensor = tensors.find((candidate) => candidate.name === name);
  if (tensor === undefined) {
    const names = tensors.map((candidate) => candidate.name).join(', ');
    throw new NetworkError(file, `has no ${role} '${name}', which the manifest names; it has: ${names}`);
  }
  if (tensor.type !== 'float32') {
    throw new NetworkError(file, `${role} '${name}' is ${tensor.type ?? 'no tensor'}, not float32`);
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

async function runWindows(network: Loaded, input: Float32Array, of: Windows): Promise<WindowOutput> {
  const [classes, presence = null] = await runFor(outputsOf(network.stage, of), network, input, of);
  return { classes: classes!, presence };
}

async function runToProbabilities(
  network: Loaded,
  { liver, lesion }: ProbabilityNodes,
  input: Float32Array,
  of: Windows,
): Promise<WindowProbabilities> {
  const names = lesion === null ? [liver] : [liver, lesion];
  const wanted = [...names.map((name) => channelsOf(name, 1, of)), ...patchesOf(network.stage, of)];
  const given = await runFor(wanted, network, input, of);
  return { liver: given[0]!, lesion: lesion === null ? null : given[1]!, presence: given[names.length] ?? null };
}

/** @throws NetworkError when an output is not what is wanted */
async function runFor(
  wanted: readonly WantedOutput[],
  { session, file, stage }: Loaded,
  values: Float32Array,
  { windows, size: [x, y, z] }: Windows,
): Promise<Float32Array[]> {
  const outputs = await session.run({ name: stage.input, values, shape: [windows, 1, z, y, x] }, wanted);
  return outputs.map(({ name, type, shape, values: given }, n) => {
    const expected = wanted[n]!.shape;
    if (shape.join() !== expected.join() || !(given instanceof Float32Array)) {
      const got = `${type} [${shape.join(', ')}]`;
      throw new NetworkError(file, `output '${name}' is ${got}, not float32 [${expected.join(', ')}]`);
    }
    return given;
  });
}
