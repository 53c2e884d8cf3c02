import { execFileSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Phase } from '../../server/src/progress.ts';
import { PHASES } from '../../server/src/progress.ts';
import type { FaultHouse, HouseProcess } from './fault-house.ts';
import type { TestPostgres } from './postgres.ts';
import { engineOf } from './serve.ts';
import type { SmallStudy } from './small-studies.ts';

export type Stage = 'queued' | Phase;
export const STAGES: readonly Stage[] = ['queued', ...PHASES];

/** A companion alone, or one without an engine with two workers on a PostgreSQL. */
export interface Setting {
  readonly house: FaultHouse;
  companion: HouseProcess;
  workers: HouseProcess[];
  readonly postgres: TestPostgres | null;
  /** Starts the companion again, on its data. */
  startCompanion(): Promise<HouseProcess>;
  startWorker(name: string): Promise<HouseProcess>;
}

export interface Fault {
  readonly name: string;
  readonly setting: 'alone' | 'shared' | 'own';
  /** At which stages of a run it strikes. */
  readonly stages: readonly Stage[];
  /** What the log says of it, in one line, when the run had to be tried again. */
  readonly log: RegExp;
  /** Environment of a companion of its own. */
  readonly environment?: (dir: string) => Record<string, string>;
  readonly isPossible?: () => boolean;
  readonly prepare?: (dir: string) => Promise<void>;
  /** Strikes while the run of the study is at the stage; what it breaks it mends after a while. */
  readonly strike: (
    setting: Setting,
    at: { readonly id: string; readonly study: SmallStudy; readonly dir: string },
  ) => Promise<void>;
  readonly cleanUp?: (dir: string) => Promise<void>;
}

const isFull = process.env.HEPAR_TEST_FULL !== undefined;
const ARCHIVE_DOWN_MS = isFull ? 120_000 : 2_000;
const FAKETIME = globSync('/usr/lib/*/faketime/libfaketime.so.1')[0];
const clockFile = (dir: string) => join(dir, 'clock');

/** Until the run has been tried once in vain. */
async function untilTriedInVain({ house, companion }: Setting, id: string): Promise<void> {
  await house.until(companion.url, id, ({ failure, state }) => failure !== null || state === 'done');
}

export const FAULTS: readonly Fault[] = [
  {
    name: 'companion killed (kill -9)',
    setting: 'alone',
    stages: STAGES,
    log: /an interrupted run goes on|run begins/,
    strike: async (setting) => {
      await setting.companion.end('SIGKILL');
      setting.companion = await setting.startCompanion();
    },
  },
  {
    name: 'engine killed (kill -9)',
    setting: 'alone',
    stages: PHASES,
    log: /The engine process ended in the middle of the run \(signal SIGKILL\)/,
    strike: async ({ companion }) => {
      process.kill(await engineOf(companion.child.pid!), 'SIGKILL');
    },
  },
  {
    name: 'Orthanc killed (kill -9), back after a second',
    setting: 'alone',
    stages: STAGES,
    log: /The archive at \S+ cannot be reached|The transfer from \S+ is broken/,
    strike: ({ house }) => house.crashOrthanc(1_000),
  },
  {
    name: `archive down for ${ARCHIVE_DOWN_MS / 1_000} s`,
    setting: 'alone',
    stages: ['retrieve', 'store'],
    log: /The archive at \S+ cannot be reached|The transfer from \S+ is broken/,
    strike: async ({ house }) => {
      house.faulty.fault = 'down';
      await sleep(ARCHIVE_DOWN_MS);
      house.faulty.fault = 'none';
    },
  },
  ...(
    [
      ['STOW answered 500', 'store refused', /The archive answered 500/],
      ['STOW cut off half-way', 'store cut off', /cannot be reached|is broken/],
      ['answer to STOW lost', 'store unanswered', /cannot be reached|is broken/],
    ] as const
  ).map(
    ([name, fault, log]): Fault => ({
      name,
      setting: 'alone',
      stages: ['report'],
      log,
      strike: async (setting, { id }) => {
        setting.house.faulty.fault = fault;
        await untilTriedInVain(setting, id);
        setting.house.faulty.fault = 'none';
      },
    }),
  ),
  {
    name: 'disk full under the data folder, for some seconds',
    setting: 'own',
    stages: ['retrieve', 'segment', 'report'],
    log: /disk that holds HEPAR_DATA is full|No space left on device|ENOSPC/,
    isPossible: () => process.getuid?.() === 0 && mayMount(),
    environment: (dir) => ({ HEPAR_DATA: join(dir, 'small-disk') }),
    prepare: async (dir) => {
      await mkdir(join(dir, 'small-disk'), { recursive: true });
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', join(dir, 'small-disk')]);
    },
    strike: async (setting, { id, dir }) => {
      const ballast = join(dir, 'small-disk', 'ballast');
      // It ends with ENOSPC: that is what it is for.
      await writeFile(ballast, Buffer.alloc(170 * 2 ** 20)).catch(() => {});
      await Promise.race([untilTriedInVain(setting, id), sleep(4_000)]);
      await rm(ballast, { force: true });
    },
    cleanUp: async (dir) => void execFileSync('umount', ['-l', join(dir, 'small-disk')]),
  },
  {
    name: 'embedded database truncated while the companion was down',
    setting: 'own',
    stages: ['queued', 'segment', 'store'],
    log: /is damaged and was put aside/,
    strike: async (setting, { dir, study }) => {
      await setting.companion.end('SIGKILL');
      for (const file of await truncatable(join(dir, 'queue', 'postgres'))) await truncate(file, 100);
      setting.companion = await setting.startCompanion();
      // As the archive's feed does for every series.
      await setting.house.ask(setting.companion.url, study);
    },
  },
  {
    name: 'clock set back by an hour',
    setting: 'own',
    stages: ['queued', 'retrieve', 'segment', 'store'],
    log: /run begins/,
    isPossible: () => FAKETIME !== undefined,
    environment: (dir) => ({
      LD_PRELOAD: FAKETIME!,
      FAKETIME_TIMESTAMP_FILE: clockFile(dir),
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    }),
    prepare: (dir) => writeFile(clockFile(dir), '+0'),
    strike: async (setting, { id, dir }) => {
      // A run that waits for its next attempt is what an hour would be lost for.
      setting.house.faulty.fault = 'down';
      await writeFile(clockFile(dir), '-1h');
      await Promise.race([untilTriedInVain(setting, id), sleep(3_000)]);
      setting.house.faulty.fault = 'none';
    },
  },
  {
    name: 'worker killed (kill -9)',
    setting: 'shared',
    stages: PHASES,
    log: /has not been heard of: another worker takes it over/,
    strike: async (setting, { id }) => {
      const [busy] = setting.workers.filter((worker) => worker.output().includes(`"runId":"${id}"`));
      await busy!.end('SIGKILL');
      setting.workers = setting.workers.filter((worker) => worker !== busy);
      setting.workers.push(await setting.startWorker(`worker-${id.slice(0, 6)}`));
    },
  },
  {
    name: 'companion of two workers killed (kill -9)',
    setting: 'shared',
    stages: STAGES,
    log: /run begins/,
    strike: async (setting) => {
      await setting.companion.end('SIGKILL');
      setting.companion = await setting.startCompanion();
    },
  },
  {
    name: 'PostgreSQL killed (kill -9), back after a second',
    setting: 'shared',
    stages: STAGES,
    log: /the database does not answer|Connection terminated|queue/,
    strike: ({ postgres }) => postgres!.crash(1_000),
  },
  {
    name: 'workers restarted one after the other (SIGTERM)',
    setting: 'shared',
    stages: ['segment'],
    log: /run put back: the server is stopping/,
    strike: async (setting, { id }) => {
      const before = [...setting.workers];
      for (const [index, worker] of before.entries()) {
        await worker.end('SIGTERM');
        setting.workers = setting.workers.filter((each) => each !== worker);
        setting.workers.push(await setting.startWorker(`again-${index}-${id.slice(0, 6)}`));
      }
    },
  },
];

function mayMount(): boolean {
  const dir = '/tmp/hepar-may-mount';
  try {
    execFileSync('mkdir', ['-p', dir]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir], { stdio: 'ignore' });
    execFileSync('umount', [dir], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** What a torn copy of a database's folder has lost: its control file and its log. */
async function truncatable(postgres: string): Promise<string[]> {
  const log = await readdir(join(postgres, 'pg_wal'));
  const files = log.filter((name) => /^[0-9A-F]{24}$/.test(name)).map((name) => join(postgres, 'pg_wal', name));
  return [join(postgres, 'global', 'pg_control'), ...files].filter((file) => existsSync(file));
}
