import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, globSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../server/src/cli/orthanc.ts';

/** PostgreSQL's programs, which distributions keep off the PATH; its server does not run as root. */
const programs = globSync('/usr/lib/postgresql/*/bin/initdb').map(dirname).at(-1);
const NOBODY = 65_534;

export const hasPostgres = programs !== undefined;

export interface TestPostgres {
  readonly url: string;
  readonly child: ChildProcess;
  /** Kills every process of it at once, as a power cut would, and starts it again on the same data when `meanwhile` is over. */
  crash(meanwhile: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/** A PostgreSQL of its own on a free loopback port. `environment` is for what is loaded before it. */
export async function startPostgres(
  environment: Readonly<Record<string, string>> = {},
  settings: readonly string[] = ['-F'],
): Promise<TestPostgres> {
  const dir = await mkdtemp(join(tmpdir(), 'hepar-postgres-'));
  chmodSync(dir, 0o777);
  const as = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const data = join(dir, 'postgres');
  const initial = ['-D', data, '-U', 'hepar', '-A', 'trust', '--no-sync'];
  execFileSync(join(programs!, 'initdb'), initial, { ...as, cwd: dir, stdio: 'ignore' });
  const port = await freePort();
  const start = async () => {
    const options = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', dir, ...settings];
    const env = { ...process.env, ...environment };
    const child = spawn(join(programs!, 'postgres'), options, {
      ...as,
      env,
      cwd: dir,
      stdio: 'ignore',
      detached: true,
    });
    for (let waited = 0; waited < 60_000; waited += 100) {
      try {
        execFileSync(join(programs!, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
        return child;
      } catch {
        await sleep(100);
      }
    }
    throw new Error('PostgreSQL does not answer');
  };
  let child = await start();
  const end = async (signal: NodeJS.Signals, group: boolean) => {
    const exited = new Promise((resolve) => child.once('exit', resolve));
    process.kill(group ? -child.pid! : child.pid!, signal);
    await exited;
  };
  return {
    url: `postgres://hepar@127.0.0.1:${port}/postgres`,
    get child() {
      return child;
    },
    crash: async (meanwhile) => {
      await end('SIGKILL', true);
      await meanwhile();
      child = await start();
    },
    stop: async () => {
      await end('SIGINT', false);
      await rm(dir, { recursive: true, force: true });
    },
  };
}
