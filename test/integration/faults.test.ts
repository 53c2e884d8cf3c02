import { deepEqual } from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { isOrthancInstalled } from '../../server/src/cli/orthanc.ts';
import type { SegmentationView } from '../../server/src/http/contract.ts';
import { makeRandom } from '../../server/src/phantom/random.ts';
import { PHASES } from '../../server/src/progress.ts';
import { FaultHouse, type HouseProcess } from '../support/fault-house.ts';
import { FaultLog } from '../support/fault-log.ts';
import { writeFaultTable } from '../support/fault-table.ts';
import { FAULTS, type Fault, type Setting, type Stage } from '../support/faults.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';

const isFull = process.env.HEPAR_TEST_FULL !== undefined;
const random = makeRandom(Number(process.env.HEPAR_TEST_SEED ?? 1), 'faults');
const ENDED = ({ state }: SegmentationView) => !['queued', 'running'].includes(state);

/** Each setting takes a while to set up, and each fault to strike. */
const SAMPLED = { alone: 2, own: 1, shared: 2 } as const;

/** With --full every fault at every stage, else some of them at one. */
const CASES = (['alone', 'own', 'shared'] as const).flatMap((setting) => {
  const own = FAULTS.filter((fault) => fault.setting === setting);
  const cases = own.flatMap((fault) => fault.stages.map((stage) => ({ fault, stage })));
  if (isFull) return cases;
  return shuffled(own)
    .slice(0, SAMPLED[setting])
    .map((fault) => ({ fault, stage: shuffled(fault.stages)[0]! }));
});

describe('faults in the middle of a run, on a real Orthanc', function () {
  this.timeout(900_000);
  let house: FaultHouse;
  const tried: { fault: string; stage: Stage; outcome: string; attempts: number }[] = [];

  before(async function () {
    if (!isOrthancInstalled()) return this.skip();
    house = await FaultHouse.open();
  });
  after(async () => {
    await house?.close();
    if (isFull || process.env.HEPAR_FAULT_TABLE) await writeFaultTable(tried);
  });

  /** One fault at one stage: the run ends well, and the archive has its result once and whole. */
  async function survive(setting: Setting, fault: Fault, stage: Stage, dir: string): Promise<void> {
    const study = await house.newStudy();
    const id = await house.ask(setting.companion.url, study);
    if (stage !== 'queued') await house.until(setting.companion.url, id, hasReached(stage));
    const log = new FaultLog(setting.processes);
    await fault.strike(setting, { id, study, dir, log });
    const run = await house.until(setting.companion.url, id, ENDED).catch((error) => {
      throw new Error(`${error.message}\n${log.text()}`);
    });
    const outcome = await house.outcomeOf(study, run.state);
    const isRight = outcome.state === 'done' && outcome.segs === 1 && outcome.whole;
    const what = isRight ? 'right' : outcome.segs > 1 ? 'duplicate' : 'lost';
    tried.push({ fault: fault.name, stage, outcome: what, attempts: run.attempt });
    deepEqual(outcome, { state: 'done', segs: 1, whole: true }, JSON.stringify(run.failure));
    // What is over is told of at the next look, which may come after the run's end.
    for (const line of fault.log(run)) await log.until(line, 30_000);
  }

  describe('with one companion', () => {
    let setting: Setting;
    before(async () => {
      const startCompanion = () => house.start('companion', 'alone');
      setting = await settingOf(house, startCompanion, null);
    });
    after(() => setting?.companion.end('SIGTERM'));
    for (const { fault, stage } of CASES.filter(({ fault }) => fault.setting === 'alone')) {
      it(`${fault.name}, ${stage}`, () => survive(setting, fault, stage, ''));
    }
  });

  describe('with a companion of its own', () => {
    for (const [index, { fault, stage }] of CASES.filter(({ fault }) => fault.setting === 'own').entries()) {
      it(`${fault.name}, ${stage}`, async function () {
        if (fault.isPossible && !fault.isPossible()) return this.skip();
        const dir = `${house.dir}/own-${index}`;
        await mkdir(dir, { recursive: true });
        await fault.prepare?.(dir);
        const environment = { HEPAR_DATA: dir, ...fault.environment?.(dir) };
        const startCompanion = () => house.start('companion', `own-${index}`, environment);
        const setting = await settingOf(house, startCompanion, null);
        try {
          await survive(setting, fault, stage, dir);
        } finally {
          await setting.companion.end('SIGKILL');
          await fault.cleanUp?.(dir);
        }
      });
    }
  });

  describe('with workers on a PostgreSQL', () => {
    let postgres: TestPostgres | undefined;
    let setting: Setting;
    before(async function () {
      if (!hasPostgres) return this.skip();
      // Without -F: what is committed must outlive a crash.
      postgres = await startPostgres({}, []);
      const shared = { DATABASE_URL: postgres.url };
      const startCompanion = () => house.start('companion', 'shared', { ...shared, HEPAR_WORKER: 'off' });
      setting = await settingOf(house, startCompanion, postgres, (name) => house.start('worker', name, shared));
    });
    after(async () => {
      for (const each of setting ? [setting.companion, ...setting.workers] : []) await each.end('SIGTERM');
      await postgres?.stop();
    });
    for (const { fault, stage } of CASES.filter(({ fault }) => fault.setting === 'shared')) {
      it(`${fault.name}, ${stage}`, () => survive(setting, fault, stage, ''));
    }
  });
});

const hasReached = (stage: Stage) => (run: SegmentationView) =>
  ENDED(run) || (run.phase !== null && PHASES.indexOf(run.phase) >= PHASES.indexOf(stage as never));

function shuffled<T>(all: readonly T[]): T[] {
  return all
    .map((each) => ({ each, at: random.bits() }))
    .sort((a, b) => a.at - b.at)
    .map(({ each }) => each);
}

async function settingOf(
  house: FaultHouse,
  startCompanion: () => Promise<HouseProcess>,
  postgres: TestPostgres | null,
  startWorker?: (name: string) => Promise<HouseProcess>,
): Promise<Setting> {
  const processes: HouseProcess[] = [];
  const kept = async (starting: Promise<HouseProcess>) => {
    const started = await starting;
    processes.push(started);
    return started;
  };
  const setting: Setting = {
    house,
    postgres,
    companion: await kept(startCompanion()),
    workers: [],
    processes,
    startCompanion: () => kept(startCompanion()),
    startWorker: (name) => kept(startWorker!(name)),
  };
  if (startWorker) setting.workers = await Promise.all(['one', 'two'].map((name) => setting.startWorker(name)));
  return setting;
}
