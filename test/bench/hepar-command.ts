import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type FindingsDocument, findingsSchema } from '../../server/src/findings/schema.ts';
import { watchMemory } from '../support/process-memory.ts';

const COMMAND = fileURLToPath(new URL('../../server/src/cli/main.ts', import.meta.url));

/**
 * Runs the `hepar` command as a user does. @returns seconds
 * @throws Error with what it wrote to standard error when it fails
 */
export async function hepar(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<number> {
  const started = performance.now();
  await ended(start(args, environment), args);
  return (performance.now() - started) / 1000;
}

/**
 * The memory of all processes of the command at the highest, MiB. Whoever asks the system for it again and again holds them up:
 * their time is that of another run.
 */
export async function peakMib(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<number> {
  const child = start(args, environment);
  const memory = watchMemory(child.pid!);
  try {
    await ended(child, args);
  } finally {
    memory.stop();
  }
  return memory.stop();
}

function start(args: readonly string[], environment: NodeJS.ProcessEnv) {
  const env = { ...process.env, ...environment };
  return spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'ignore', 'pipe'], env });
}

async function ended(child: ReturnType<typeof start>, args: readonly string[]): Promise<void> {
  let complaint = '';
  child.stderr.on('data', (data) => {
    complaint += data;
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`hepar ${args.join(' ')} ended with ${code}: ${complaint}`);
}

export async function readFindings(file: string): Promise<FindingsDocument> {
  return findingsSchema.parse(JSON.parse(await readFile(file, 'utf8')));
}
