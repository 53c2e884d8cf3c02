import { execFileSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Phase } from '../../server/src/progress.ts';
import { PHASES } from '../../server/src/progress.ts';
import type { FaultHouse, HouseProcess } from './fault-house.ts';
import type { FaultLog } from './fault-log.ts';
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
  /** All that were ever started. */
  readonly processes: readonly HouseProcess[];
  readonly postgres: TestPostgres | null;
  /** Starts the companion again, on its data. */
  startCompanion(): Promise<HouseProcess>;
  startWorker(name: string): Promise<HouseProcess>;
}

/** Where and when a fault strikes. */
export interface At {
  /** The run. */
  readonly id: string;
  readonly study: SmallStudy;
  /** Data folder of a companion of its own. */
  readonly dir: string;
  /** From the strike on. */
  readonly log: FaultLog;
}

export interface Fault {
  readonly name: string;
  readonly setting: 'alone' | 'shared' | 'own';
  /** At which stages of a run it strikes. */
  readonly stages: readonly Stage[];
  /** The lines of the log, from the strike on, that say what happened; each has to be there. */
  readonly log: (run: { readonly id: string; readonly attempt: number }) => readonly RegExp[];
  /** Environment of a companion of its own. */
  readonly environment?: (dir: string) => Record<string, string>;
  readonly isPossible?: () => boolean;
  readonly prepare?: (dir: string) => Promise<void>;
  /** Strikes while the run of the study is at the stage; what it breaks it mends after a while. */
  readonly strike: (setting: Setting, at: At) => Promise<void>;
  readonly cleanUp?: (dir: string) => Promise<void>;
}

const isFull = process.env.HEPAR_TEST_FULL !== undefined;
const ARCHIVE_DOWN_MS = isFull ? 120_000 : 2_000;
const FAKETIME = globSync('/usr/lib/*/faketime/libfaketime.so.1')[0];
const clockFile = (dir: string) => join(dir, 'clock');

const DISK_FULL = /The disk that holds HEPAR_DATA is full: make room there|No space left on device|ENOSPC/;

/** A line about a run. */
const line = (id: string, message: string, what = '') => new RegExp(`"runId":"${id}".*${what}.*"msg":"${message}`);
const IN_VAIN = 'attempt failed';
const ASKED_AGAIN = '(attempt failed|the archive is asked again)';
const NO_ARCHIVE = '(cannot be reached|is broken)';

/** The worker that has a run in hand. */
const busyWorker = ({ workers }: Setting, id: string) =>
  workers.find((worker) => worker.output().includes(`"runId":"${id}"`))!;

export const FAULTS: readonly Fault[] = [
  {
    name: 'companion killed (kill -9)',
    setting: 'alone',
    stages: STAGES,
    // One that had not begun has its first attempt after the strike.
    log: ({ id, attempt }) => [line(id, attempt > 1 ? 'an interrupted run goes on' : 'run begins')],
    strike: async (setting) => {
      await setting.companion.end('SIGKILL');
      setting.companion = await setting.startCompanion();
    },
  },
  {
    name: 'engine killed (kill -9)',
    setting: 'alone',
    stages: PHASES,
    log: ({ id }) => [line(id, IN_VAIN, 'The engine process ended in the middle of the run \\(signal SIGKILL\\)')],
    strike: async ({ companion }) => {
      process.kill(await engineOf(companion.child.pid!), 'SIGKILL');
    },
  },
  {
    name: 'Orthanc killed (kill -9), back a second after it was missed',
    setting: 'alone',
    stages: STAGES,
    log: ({ id }) => [line(id, ASKED_AGAIN, NO_ARCHIVE)],
    strike: ({ house }, { id, log }) =>
      house.crashOrthanc(async () => {
        await log.until(line(id, ASKED_AGAIN, NO_ARCHIVE));
        await sleep(1_000);
      }),
  },
  {
    name: `archive down for ${ARCHIVE_DOWN_MS / 1_000} s`,
    setting: 'alone',
    stages: ['retrieve', 'store'],
    log: ({ id }) => [line(id, ASKED_AGAIN, NO_ARCHIVE)],
    strike: async ({ house }) => {
      house.faulty.fault = 'down';
      await sleep(ARCHIVE_DOWN_MS);
      house.faulty.fault = 'none';
    },
  },
  ...(
    [
      ['STOW answered 500', 'store refused', 'The archive answered 500'],
      ['STOW cut off half-way', 'store cut off', NO_ARCHIVE],
      ['answer to STOW lost', 'store unanswered', NO_ARCHIVE],
    ] as const
  ).map(
    ([name, fault, says]): Fault => ({
      name,
      setting: 'alone',
      stages: ['report'],
      log: ({ id }) => [line(id, IN_VAIN, says)],
      strike: async ({ house }, { id, log }) => {
        house.faulty.fault = fault;
        await log.until(line(id, IN_VAIN));
        house.faulty.fault = 'none';
      },
    }),
  ),
  {
    name: 'disk full under the data folder, until it was noticed',
    setting: 'own',
    stages: ['retrieve', 'segment', 'report'],
    log: () => [DISK_FULL],
    isPossible: () => process.getuid?.() === 0 && mayMount(),
    environment: (dir) => ({ HEPAR_DATA: join(dir, 'small-disk') }),
    prepare: async (dir) => {
      await mkdir(join(dir, 'small-disk'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', join(dir, 'small-disk')]);
    },
    strike: async (_setting, { dir, log }) => {
      const ballast = join(dir, 'small-disk', 'ballast');
      // It ends with ENOSPC: that is what it is for.
      await writeFile(ballast, Buffer.alloc(170 * 2 ** 20)).catch(() => {});
      await log.until(DISK_FULL);
      await rm(ballast, { force: true });
    },
    cleanUp: async (dir) => void execFileSync('umount', ['-l', join(dir, 'small-disk')]),
  },
  {
    name: 'embedded database truncated while the companion was down',
    setting: 'own',
    stages: ['queued', 'segment', 'store'],
    log: () => [/"msg":"The queue's database in \S+ is damaged and was put aside as \S+; a new one is begun/],
    strike: async (setting, { dir, study }) => {
      await setting.companion.end('SIGKILL');
      for (const file of await truncatable(join(dir, 'queue', 'postgres'))) await truncate(file, 100);
      setting.companion = await setting.startCompanion();
      // As the archive's feed does for every series.
      await setting.house.ask(setting.companion.url, study);
    },
  },
  {
    name: 'clock set back by an hour while the run waits for its next attempt',
    setting: 'own',
    stages: ['queued', 'retrieve', 'segment', 'store'],
    log: ({ id }) => [
      /"msg":"the clock was set back: what was put off by that is due again"/,
      line(id, 'run begins', '"attempt":2'),
    ],
    isPossible: () => FAKETIME !== undefined,
    environment: (dir) => ({
      LD_PRELOAD: FAKETIME!,
      FAKETIME_TIMESTAMP_FILE: clockFile(dir),
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
      // Long enough to set the clock before the next attempt.
      HEPAR_RETRY_SECONDS: '20',
    }),
    prepare: (dir) => writeFile(clockFile(dir), '+0'),
    strike: async ({ house }, { id, dir, log }) => {
      house.faulty.fault = 'down';
      // Before that nothing has been put off: the next attempt is set by the clock of that moment.
      await log.until(line(id, 'the run waits for its next attempt'));
      await writeFile(clockFile(dir), '-1h');
      house.faulty.fault = 'none';
    },
  },
  {
    name: 'worker killed (kill -9)',
    setting: 'shared',
    stages: PHASES,
    log: ({ id }) => [line(id, 'the worker of a run has not been heard of: another worker takes it over')],
    strike: async (setting, { id }) => {
      const busy = busyWorker(setting, id);
      await busy.end('SIGKILL');
      setting.workers = setting.workers.filter((worker) => worker !== busy);
      setting.workers.push(await setting.startWorker(`worker-${id.slice(0, 6)}`));
    },
  },
  {
    name: 'companion of two workers killed (kill -9)',
    setting: 'shared',
    stages: STAGES,
    // The workers do not need it: the run goes on as if nothing had been.
    log: ({ id }) => [/"msg":"listening"/, line(id, 'run ends', '"attempt":1,"state":"done"')],
    strike: async (setting) => {
      await setting.companion.end('SIGKILL');
      setting.companion = await setting.startCompanion();
    },
  },
  {
    name: 'PostgreSQL killed (kill -9), back two seconds later',
    setting: 'shared',
    stages: STAGES,
    log: () => [
      /"msg":"the database does not answer: no run is taken until it does"/,
      /"msg":"the database answers again"/,
    ],
    strike: ({ postgres }) => postgres!.crash(() => sleep(2_000)),
  },
  {
    name: 'workers restarted one after the other (SIGTERM)',
    setting: 'shared',
    stages: ['segment'],
    log: ({ id }) => [line(id, 'run put back: the server is stopping')],
    strike: async (setting, { id }) => {
      const busy = busyWorker(setting, id);
      const others = setting.workers.filter((worker) => worker !== busy);
      for (const [index, worker] of [busy, ...others].entries()) {
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
