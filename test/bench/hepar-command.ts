import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type FindingsDocument, findingsSchema } from '../../server/src/findings/schema.ts';
import { watchMemory } from '../support/process-memory.ts';

const COMMAND = fileURLToPath(new URL('../../server/src/cli/main.ts', import.meta.url));

/**
 * Runs the `hepar` command as a user does: its time, and the memory of all its processes at the highest.
 * @throws Error with what it wrote to standard error when it fails
 */
export async function hepar(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<{ readonly seconds: number; readonly peakMib: number }> {
  const started = performance.now();
  const env = { ...process.env, ...environment };
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'ignore', 'pipe'], env });
  const memory = watchMemory(child.pid!);
  let complaint = '';
  child.stderr.on('data', (data) => {
    complaint += data;
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const peakMib = memory.stop();
  if (code !== 0) throw new Error(`hepar ${args.join(' ')} ended with ${code}: ${complaint}`);
  return { seconds: (performance.now() - started) / 1000, peakMib };
}

export async function readFindings(file: string): Promise<FindingsDocument> {
  return findingsSchema.parse(JSON.parse(await readFile(file, 'utf8')));
}
