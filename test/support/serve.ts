import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../server/src/cli/main.ts', import.meta.url));

/** `hepar serve` in a process of its own. */
export interface ServeProcess {
  readonly url: string;
  readonly child: ChildProcess;
  /** What it has written so far, standard output and error together. */
  output(): string;
  /** Sends a signal and waits for the end. @returns the exit code, or the signal that ended it */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

/** Starts `hepar serve` as a shell would; `imports` are modules that it loads first. @throws Error when it does not listen */
export async function startServe(
  environment: Readonly<Record<string, string>>,
  imports: readonly URL[] = [],
): Promise<ServeProcess> {
  const child = spawn(process.execPath, [...imports.map((url) => `--import=${url.href}`), COMMAND, 'serve'], {
    env: { ...process.env, HEPAR_HOST: '127.0.0.1', HEPAR_PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const lines: string[] = [];
  const ended = once(child, 'close');
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line);
        const [, listening] = /"url":"([^"]+)".*"msg":"listening"/.exec(line) ?? [];
        if (listening) resolve(listening);
      });
    }
    child.once('close', (code) => reject(new Error(`hepar serve ended with ${code}: ${lines.join('\n')}`)));
  });
  return {
    url,
    child,
    output: () => lines.join('\n'),
    end: async (signal) => {
      child.kill(signal);
      const [code, endedBy] = (await ended) as [number | null, NodeJS.Signals | null];
      return code ?? endedBy!;
    },
  };
}

/** The engine process among a server's children (Linux). */
export async function engineOf(pid: number): Promise<number> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').map(Number);
  for (const child of children) {
    if ((await readFile(`/proc/${child}/cmdline`, 'utf8')).includes('engine-child.ts')) return child;
  }
  throw new Error('no engine process');
}
