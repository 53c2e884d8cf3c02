import { NetworkError, ProviderError } from './errors.ts';
import type { NetworkFile, Stage } from './manifest.ts';
import { networkFor } from './model.ts';
import { deviceName, installedProviders, worthTrying } from './providers.ts';
import { differenceFromReference, differenceOfProbabilities, probeWindow, requireRight } from './reference.ts';
import { withstanding } from './resilient.ts';
import type { Provider } from './segmentation.ts';
import { loadNetwork, type NetworkSession, type WindowOutput, type Work } from './session.ts';

export { installedProviders, providersFor } from './providers.ts';
export type { Provider } from './segmentation.ts';
export type { NetworkSession, WindowOutput } from './session.ts';

export type ProviderPreference = 'auto' | Provider;
/** Gives the bytes of a network. */
export type ReadNetwork = (network: NetworkFile) => Promise<Uint8Array>;

/** What there is to say of the hardware beside the provider. */
export interface Hardware {
  /** Which of several GPUs, from 0. Default 0. */
  readonly device?: number | undefined;
  /** Whether a GPU that fails in the middle may be replaced by the CPU. Default false. */
  readonly cpuFallback?: boolean | undefined;
  /** Files of the forms that were found to be the fastest here; the first that is meant for the provider runs. */
  readonly fastest?: readonly string[] | undefined;
}

/** What a network's first window on a provider has shown. */
export interface Probe {
  readonly session: NetworkSession;
  /** Time of a window when all is warm. */
  readonly windowMs: number;
  /** Time from opening to the end of the first window. */
  readonly warmUpMs: number;
  /** From the reference, as a share of its spread; null on the CPU of a model that has no stored reference. */
  readonly difference: number | null;
}

/**
 * Opens a stage's network on a provider. A GPU must prove first that it runs: one window goes through, and the output has
 * to be the reference's. The CPU is what others are compared with, and needs no such run. 'auto' takes the first provider
 * that is worth a try and runs. Each provider runs the form of the network that the manifest names for it.
 * @param threads for the CPU
 * @throws NetworkError when the network is not what the stage says
 * @throws ProviderError when the provider that was named does not run the network, with cause and remedy
 */
export async function openSession(
  read: ReadNetwork,
  stage: Stage,
  preference: ProviderPreference,
  threads: number,
  hardware: Hardware = {},
  work: Work = {},
): Promise<NetworkSession> {
  if (preference !== 'auto') return openOn(preference, read, stage, threads, hardware, work);
  for (const provider of worthTrying()) {
    if (provider === 'cpu') continue;
    try {
      return await openOn(provider, read, stage, threads, hardware, work);
    } catch (error) {
      // A provider's libraries may be there without a card or a driver: that is what 'auto' is for.
      if (!(error instanceof ProviderError)) throw error;
    }
  }
  return openOn('cpu', read, stage, threads, hardware, work);
}

async function openOn(
  provider: Provider,
  read: ReadNetwork,
  stage: Stage,
  threads: number,
  hardware: Hardware,
  work: Work,
): Promise<NetworkSession> {
  const open = async (on: Provider): Promise<NetworkSession> => {
    const network = networkFor(stage, on, hardware.fastest);
    if (on === 'cpu') return load(on, read, network, stage, threads, hardware, work);
    return (await probe(on, read, stage, network, threads, hardware)).session;
  };
  if (provider === 'cpu') return open('cpu');
  return withstanding(await open(provider), { reopen: () => open(provider), ...cpuOf(hardware, () => open('cpu')) });
}

const cpuOf = ({ cpuFallback = false }: Hardware, open: () => Promise<NetworkSession>) =>
  cpuFallback ? { onCpu: open } : {};

/**
 * Tries a form of a network on a provider: opens it, runs the made-up window twice, and compares.
 * @throws NetworkError, ProviderError as `openSession`
 */
export async function probe(
  provider: Provider,
  read: ReadNetwork,
  stage: Stage,
  network: NetworkFile,
  threads: number,
  hardware: Hardware = {},
): Promise<Probe> {
  const started = performance.now();
  const session = await load(provider, read, network, stage, threads, hardware);
  try {
    const window = probeWindow(stage);
    const output = await firstRun(session, provider, window);
    const warmUpMs = performance.now() - started;
    const difference =
      provider === 'cpu' && !stage.reference
        ? null
        : await differenceFromReference(output, stage, () =>
            load('cpu', read, networkFor(stage, 'cpu'), stage, threads, {}),
          );
    if (difference !== null) requireRight(provider, stage, difference);
    // Windows over a whole scan are blended as the network gives them.
    const used = () => (stage.wholeScan ? session.run(window) : session.probabilities(window));
    if (provider !== 'cpu' && !stage.wholeScan) {
      requireRight(provider, stage, differenceOfProbabilities(await session.probabilities(window), output, stage));
    }
    const { lanes = 1 } = session;
    const several = (runs: number) => Promise.all(Array.from({ length: runs }, used));
    // The first lane is warm.
    await several(lanes - 1);
    const warm = performance.now();
    await several(lanes);
    return { session, warmUpMs, windowMs: (performance.now() - warm) / lanes, difference };
  } catch (error) {
    await session.release();
    throw error;
  }
}

async function firstRun(session: NetworkSession, provider: Provider, window: Float32Array): Promise<WindowOutput> {
  try {
    return await session.run(window);
  } catch (error) {
    if (error instanceof NetworkError || provider === 'cpu') throw error;
    throw new ProviderError(provider, (error as Error).message, { cause: error });
  }
}

async function load(
  provider: Provider,
  read: ReadNetwork,
  network: NetworkFile,
  stage: Stage,
  threads: number,
  { device }: Hardware,
  work: Work = {},
): Promise<NetworkSession> {
  if (!installedProviders().includes(provider)) {
    throw new ProviderError(provider, 'its libraries are not installed with onnxruntime-node');
  }
  const onnx = await read(network);
  try {
    const name = await deviceName(provider, threads, device);
    return await loadNetwork(onnx, network.file, stage, { provider, device, threads }, name, work);
  } catch (error) {
    if (error instanceof NetworkError) throw error;
    // What the CPU provider does not open is a fault of the network; elsewhere the provider may be at fault.
    if (provider === 'cpu') throw new NetworkError(network.file, (error as Error).message, { cause: error });
    throw new ProviderError(provider, (error as Error).message, { cause: error });
  }
}
