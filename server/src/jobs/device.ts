import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { stagesOf } from '../inference/manifest.ts';
import { loadModel, readNetwork } from '../inference/model.ts';
import { openSession, type ProviderPreference } from '../inference/provider.ts';

const SELF = fileURLToPath(import.meta.url);
const WITHIN_MS = 120_000;
const deviceSchema = z.object({ provider: z.string(), device: z.string() });
export type Device = z.infer<typeof deviceSchema>;

/**
 * What a model would run on here, tried in a process of its own.
 * @throws Error with the reason in one line when it does not run
 */
export async function probeDevice(modelDir: string, provider: ProviderPreference, threads?: number): Promise<Device> {
  const args = [SELF, modelDir, provider, String(threads ?? availableParallelism())];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: WITHIN_MS });
    return deviceSchema.parse(JSON.parse(stdout));
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    throw new Error(stderr?.trim().split('\n').at(-1) || message, { cause: error });
  }
}

if (process.argv[1] === SELF) {
  const [modelDir, provider, threads] = process.argv.slice(2);
  try {
    const { dir, manifest } = await loadModel(modelDir!);
    const { stage } = stagesOf(manifest)[0]!;
    const read = (network: Parameters<typeof readNetwork>[1]) => readNetwork(dir, network);
    const session = await openSession(read, stage, provider as ProviderPreference, Number(threads));
    process.stdout.write(JSON.stringify(session.engine));
    await session.release();
  } catch (error) {
    process.stderr.write(`${(error as Error).message.split('\n')[0]}\n`);
    process.exitCode = 1;
  }
}
