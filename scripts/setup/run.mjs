import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Set-up cannot go on; the message is the one line that the user needs. */
export class SetupError extends Error {}

/** Tells what is being done, on standard error so that a command's own output stays clean. */
export function say(message) {
  process.stderr.write(`set-up: ${message}\n`);
}

/** The path of a program on PATH or in the system's folders, else null. */
export function findProgram(...names) {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), '/usr/sbin', '/usr/local/sbin'];
  for (const folder of folders) {
    for (const name of names) {
      const path = join(folder, name);
      if (existsSync(path)) return path;
    }
  }
  return null;
}

/** Whether a short command succeeds; its output is not shown. */
export function succeeds(program, args) {
  return spawnSync(program, args, { stdio: 'ignore', timeout: 20_000 }).status === 0;
}

/**
 * Runs a long command quietly, with a sign of life every ten seconds; its output is shown only when it fails.
 * @throws SetupError
 */
export async function run(what, program, args, environment = {}) {
  const started = Date.now();
  say(`${what} …`);
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output = (output + data).slice(-4000);
    });
  }
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const alive = setInterval(() => say(`${what}: ${seconds()} s`), 10_000);
  const status = await new Promise((resolve) => {
    child.on('error', (error) => {
      output += error.message;
      resolve(1);
    });
    child.on('close', resolve);
  });
  clearInterval(alive);
  if (status !== 0) throw new SetupError(`${what} failed:\n${output.trim()}`);
  say(`${what}: done in ${seconds()} s`);
}
