import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, type RunningOrthanc, startOrthanc } from '../../server/src/cli/orthanc.ts';

/** A real Orthanc that stays at its address and keeps its data while it is killed and started again. */
export interface KeptOrthanc extends RunningOrthanc {
  /** As a power cut would. */
  kill(): Promise<void>;
  /** @param settings in place of those before */
  restart(settings?: Record<string, unknown>): Promise<void>;
  /** Takes its database away while it is stopped: the next start makes a new one. */
  loseDatabase(): Promise<void>;
  /** One answer of its own interface. */
  get<T>(path: string): Promise<T>;
  put(path: string, body: unknown): Promise<void>;
  remove(path: string): Promise<void>;
}

export async function startKeptOrthanc(settings: Record<string, unknown> = {}): Promise<KeptOrthanc> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hepar-orthanc-'));
  const port = await freePort();
  let running = await startOrthanc({ dataDir, port, settings });
  const { url, dicomWebUrl, username, password } = running;
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  return {
    url,
    dicomWebUrl,
    username,
    password,
    exited: () => running.exited(),
    stop: async () => {
      await running.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
    kill: async () => {
      const [pid] = (await readFile(join(dataDir, 'pid'), 'utf8')).split(' ').map(Number);
      process.kill(pid!, 'SIGKILL');
      while (running.exited() === undefined) await sleep(10);
    },
    restart: async (other = settings) => {
      await running.stop();
      running = await startOrthanc({ dataDir, port, settings: other });
    },
    loseDatabase: () => rm(join(dataDir, 'storage'), { recursive: true, force: true }),
    get: async <T>(path: string) => (await (await fetch(url + path, { headers: { authorization } })).json()) as T,
    put: async (path, body) => {
      const answer = await fetch(url + path, { method: 'PUT', headers: { authorization }, body: JSON.stringify(body) });
      if (!answer.ok) throw new Error(`Orthanc answered ${answer.status}`);
    },
    remove: async (path) => {
      const answer = await fetch(url + path, { method: 'DELETE', headers: { authorization } });
      if (!answer.ok) throw new Error(`Orthanc answered ${answer.status}`);
    },
  };
}
