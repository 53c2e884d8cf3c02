import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { stagesOf } from '../inference/manifest.ts';
import { formsFor, loadModel, type Model, readNetwork } from '../inference/model.ts';
import { type Probe, type Provider, type ProviderPreference, probe } from '../inference/provider.ts';
import { worthTrying } from '../inference/providers.ts';
import { type Cause, causeOf } from '../inference/remedy.ts';
import { PROVIDERS } from '../inference/segmentation.ts';

const SELF = fileURLToPath(import.meta.url);
/** A provider that needs longer for the windows of both stages is no help. */
const WITHIN_MS = 120_000;

const triedSchema = z.object({
  provider: z.enum(PROVIDERS),
  device: z.string(),
  forms: z.array(
    z.object({
      stage: z.enum(['locate', 'segment']),
      file: z.string(),
      warmUpMs: z.number(),
      windowMs: z.number(),
      /** From the reference, as a share of its spread; null where it is the reference itself. */
      difference: z.number().nullable(),
    }),
  ),
});
/** How a model does on a provider of this machine. */
export type Tried = z.infer<typeof triedSchema>;
export type Device = Pick<Tried, 'provider' | 'device'>;

export interface ProbeOptions {
  readonly device?: number | undefined;
  readonly threads?: number | undefined;
  /** Every form of a network, not only the one that runs where nothing has been measured. Default false. */
  readonly allForms?: boolean;
  readonly withinMs?: number;
  /** Environment of the process. Default: this one's. */
  readonly env?: NodeJS.ProcessEnv;
}

/** A provider that does not run a model here; the message has the remedy, where there is one. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';
  readonly provider: Provider;
  readonly reason: Cause;

  constructor(provider: Provider, message: string, options?: ErrorOptions) {
    super(message, options);
    this.provider = provider;
    this.reason = causeOf(message);
  }
}

/**
 * Tries a model on a provider, in a process of its own: a driver may take its process down with it. A window of each
 * stage goes through and is compared with the reference.
 * @throws DeviceError when it does not run, or not in time
 */
export async function tryProvider(modelDir: string, provider: Provider, options: ProbeOptions = {}): Promise<Tried> {
  const { device = 0, threads = availableParallelism(), allForms = false, withinMs = WITHIN_MS } = options;
  const args = [SELF, modelDir, provider, String(device), String(threads), String(allForms)];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      timeout: withinMs,
      killSignal: 'SIGKILL',
      env: options.env ?? process.env,
    });
    return triedSchema.parse(JSON.parse(stdout));
  } catch (error) {
    throw new DeviceError(provider, wordsOf(error as Failure, withinMs), { cause: error });
  }
}

interface Failure {
  readonly message: string;
  readonly stderr?: string;
  readonly killed?: boolean;
  readonly signal?: string | null;
}

function wordsOf({ message, stderr, killed, signal }: Failure, withinMs: number): string {
  if (killed) return `no answer within ${withinMs / 1000} s, as of a software rasteriser`;
  if (signal) return `it took its process down with it (${signal})`;
  return stderr?.trim().split('\n').at(-1) || message;
}

/**
 * What a model would run on here: the provider that is named, or the first that is worth a try and runs.
 * @throws DeviceError
 */
export async function probeDevice(
  modelDir: string,
  preference: ProviderPreference,
  options: ProbeOptions = {},
): Promise<Device> {
  const candidates = preference === 'auto' ? worthTrying() : [preference];
  for (const [n, provider] of candidates.entries()) {
    try {
      const { device } = await tryProvider(modelDir, provider, options);
      return { provider, device };
    } catch (error) {
      if (n === candidates.length - 1) throw error;
    }
  }
  throw new DeviceError('cpu', 'onnxruntime-node has no provider for this machine');
}

async function tryHere({ dir, manifest }: Model, provider: Provider, device: number, threads: number, all: boolean) {
  const read = (network: Parameters<typeof readNetwork>[1]) => readNetwork(dir, network);
  const forms: Tried['forms'] = [];
  let name = '';
  for (const { name: stageName, stage } of stagesOf(manifest)) {
    const networks = formsFor(stage, provider);
    for (const network of all ? networks : networks.slice(0, 1)) {
      const { session, ...measured }: Probe = await probe(provider, read, stage, network, threads, { device });
      name = session.engine.device;
      await session.release();
      forms.push({ stage: stageName, file: network.file, ...measured });
    }
  }
  return { provider, device: name, forms } satisfies Tried;
}

if (process.argv[1] === SELF) {
  const [modelDir, provider, device, threads, all] = process.argv.slice(2);
  try {
    const model = await loadModel(modelDir!);
    const tried = await tryHere(model, provider as Provider, Number(device), Number(threads), all === 'true');
    process.stdout.write(JSON.stringify(tried));
  } catch (error) {
    process.stderr.write(`${(error as Error).message.split('\n')[0]}\n`);
    process.exitCode = 1;
  }
}
