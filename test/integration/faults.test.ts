import { deepEqual, match } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { isOrthancInstalled } from '../../server/src/cli/orthanc.ts';
import type { SegmentationView } from '../../server/src/http/contract.ts';
import { makeRandom } from '../../server/src/phantom/random.ts';
import { PHASES } from '../../server/src/progress.ts';
import { FaultHouse, type HouseProcess } from '../support/fault-house.ts';
import { writeFaultTable } from '../support/fault-table.ts';
import { FAULTS, type Fault, type Setting, type Stage } from '../support/faults.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';

const isFull = process.env.HEPAR_TEST_FULL !== undefined;
const random = makeRandom(Number(process.env.HEPAR_TEST_SEED ?? 1), 'faults');
const ENDED = ({ state }: SegmentationView) => !['queued', 'running'].includes(state);

/** With --full every fault at every stage, else each at one. */
const CASES = FAULTS.flatMap((fault) => {
  const one = fault.stages[random.bits() % fault.stages.length]!;
  return (isFull ? fault.stages : [one]).map((stage) => ({ fault, stage }));
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
    const from = outputOf(setting).length;
    const id = await house.ask(setting.companion.url, study);
    if (stage !== 'queued') await house.until(setting.companion.url, id, hasReached(stage));
    await fault.strike(setting, { id, study, dir });
    const run = await house.until(setting.companion.url, id, ENDED).catch((error) => {
      throw new Error(`${error.message}\n${outputOf(setting).slice(from)}`);
    });
    const outcome = await house.outcomeOf(study, run.state);
    const isRight = outcome.state === 'done' && outcome.segs === 1 && outcome.whole;
    const what = isRight ? 'right' : outcome.segs > 1 ? 'duplicate' : 'lost';
    tried.push({ fault: fault.name, stage, outcome: what, attempts: run.attempt });
    deepEqual(outcome, { state: 'done', segs: 1, whole: true }, JSON.stringify(run.failure));
    if (run.attempt > 1) match(outputOf(setting).slice(from), fault.log);
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
        await fault.prepare?.(dir).catch(async () => {
          await import('node:fs/promises').then(({ mkdir }) => mkdir(dir, { recursive: true }));
          await fault.prepare!(dir);
        });
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

/** Everything that the processes of a setting have logged, those that were killed included. */
const logs = new WeakMap<Setting, HouseProcess[]>();
const outputOf = (setting: Setting) =>
  logs
    .get(setting)!
    .map((each) => each.output())
    .join('\n');

async function settingOf(
  house: FaultHouse,
  startCompanion: () => Promise<HouseProcess>,
  postgres: TestPostgres | null,
  startWorker?: (name: string) => Promise<HouseProcess>,
): Promise<Setting> {
  const all: HouseProcess[] = [];
  const kept = async (starting: Promise<HouseProcess>) => {
    const started = await starting;
    all.push(started);
    return started;
  };
  const setting: Setting = {
    house,
    postgres,
    companion: await kept(startCompanion()),
    workers: [],
    startCompanion: () => kept(startCompanion()),
    startWorker: (name) => kept(startWorker!(name)),
  };
  logs.set(setting, all);
  if (startWorker) setting.workers = await Promise.all(['one', 'two'].map((name) => setting.startWorker(name)));
  await sleep(0);
  return setting;
}
