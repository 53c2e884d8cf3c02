import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isOrthancInstalled } from '../../server/src/cli/orthanc.ts';
import { findingsSchema } from '../../server/src/findings/schema.ts';
import type { AuditView, OperationsView, SegmentationView } from '../../server/src/http/contract.ts';
import { FaultHouse, type HouseProcess } from '../support/fault-house.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import type { SmallStudy } from '../support/small-studies.ts';
import { json, readEvents } from '../unit/http/support.ts';

const COMMAND = fileURLToPath(new URL('../../server/src/cli/main.ts', import.meta.url));
/** With --full more of them, for their shares. */
const STUDIES = process.env.HEPAR_TEST_FULL ? 12 : 8;
const ROLLING = process.env.HEPAR_TEST_FULL ? 6 : 4;
const ENDED = ({ state }: SegmentationView) => !['queued', 'running'].includes(state);

/** Two companions without an engine and three workers, each a process of its own, on one PostgreSQL and a real Orthanc. */
describe('several machines', function () {
  this.timeout(600_000);
  let house: FaultHouse;
  let postgres: TestPostgres;
  let one: HouseProcess;
  let other: HouseProcess;
  let workers: HouseProcess[];
  let shared: Record<string, string>;
  const all: HouseProcess[] = [];
  const runs = new Map<string, SmallStudy>();

  before(async function () {
    if (!hasPostgres || !isOrthancInstalled()) return this.skip();
    [house, postgres] = await Promise.all([
      FaultHouse.open({ PatientName: 'Zwetschgenknoedel^Xaver', PatientID: 'ZWETSCHGE-000000' }),
      startPostgres({}, []),
    ]);
    shared = { DATABASE_URL: postgres.url, HEPAR_TEST_HOLD_MS: '100', HEPAR_LOG_LEVEL: 'trace' };
    const off = { ...shared, HEPAR_WORKER: 'off' };
    [one, other] = await Promise.all([start('companion', 'first', off), start('companion', 'second', off)]);
    workers = await Promise.all(['anna', 'berta', 'carla'].map((name) => start('worker', name, shared)));
  });
  after(async () => {
    await house?.close();
    await postgres?.stop();
  });

  async function start(kind: 'companion' | 'worker', name: string, environment: Record<string, string>) {
    const started = await house.start(kind, name, environment);
    all.push(started);
    return started;
  }
  const begun = (id: string) => workers.filter((each) => each.output().includes(`"runId":"${id}","attempt":1`));
  const operations = () => json<OperationsView>(fetch(`${one.url}/api/operations`));

  it('share the work: all is done, and nothing twice', async () => {
    for (let index = 0; index < STUDIES; index++) {
      const study = await house.newStudy();
      runs.set(await house.ask(index % 2 ? one.url : other.url, study), study);
    }
    equal(runs.size, STUDIES);
    for (const [id, study] of runs) {
      const run = await house.until(one.url, id, ENDED);
      deepEqual([run.state, run.attempt], ['done', 1], JSON.stringify(run.failure));
      deepEqual(await house.outcomeOf(study, run.state), { state: 'done', segs: 1, whole: true });
    }
    const audit = await json<AuditView>(fetch(`${one.url}/api/audit`));
    for (const id of runs.keys()) {
      const events = audit.filter(({ run }) => run === id).map(({ event }) => event);
      deepEqual(events, ['asked', 'begun', 'stored']);
    }
    const by = new Set(audit.filter(({ event }) => event === 'begun').map(({ who }) => who));
    deepEqual([...by].sort(), ['anna', 'berta', 'carla'], 'each worker had its share');
  });

  it('are seen, each with its name, its device and what it has done', async () => {
    const { workers: seen, runs: counts } = await operations();
    deepEqual(
      seen.map(({ name, kind, provider }) => [name, kind, provider]),
      ['anna', 'berta', 'carla'].map((name) => [name, 'worker', 'cpu']),
    );
    equal(
      seen.reduce((sum, { runsDone }) => sum + runsDone, 0),
      STUDIES,
    );
    equal(counts.done, STUDIES);
    const { stdout } = await promisify(execFile)(process.execPath, [COMMAND, 'status'], {
      env: { ...process.env, HEPAR_URL: other.url },
    });
    match(stdout, /^worker +berta \(worker\): CPU, 1 thread/m);
    equal((await fetch(`${workers[0]!.url}/healthz`)).status, 200);
    match(await (await fetch(`${workers[0]!.url}/metrics`)).text(), /^hepar_runs_ended_total\{state="done"\} [1-9]/m);
    equal((await fetch(`${workers[0]!.url}/api/operations`)).status, 404);
  });

  it('give a result to everybody who asks a companion that has not computed it', async () => {
    const [id] = runs.keys();
    for (const { url } of [one, other]) {
      const findings = findingsSchema.parse(await json(fetch(`${url}/api/segmentations/${id}/findings`)));
      ok(findings.engine.timingsMs.store !== null, 'they say that the result is stored');
      const preview = new Uint8Array(await (await fetch(`${url}/api/segmentations/${id}/preview`)).arrayBuffer());
      deepEqual([...preview.subarray(1, 4)], [0x50, 0x4e, 0x47]);
    }
  });

  it('tell of progress elsewhere, and stop a run elsewhere', async () => {
    const study = await house.newStudy();
    const id = await house.ask(one.url, study);
    const events = await readEvents(await fetch(`${other.url}/api/segmentations/${id}/events`));
    equal(events.at(-1)!.run.state, 'done');
    const progress = events.filter(({ event, run }) => event === 'progress' && run.progress !== null);
    ok(progress.length >= 2, `${progress.length} events of progress`);

    const cancelled = await house.ask(one.url, await house.newStudy());
    await house.until(other.url, cancelled, ({ state }) => state === 'running');
    equal((await fetch(`${other.url}/api/segmentations/${cancelled}`, { method: 'DELETE' })).status, 202);
    equal((await house.until(one.url, cancelled, ENDED)).state, 'cancelled');
  });

  it('take over what a killed worker had in hand, and store the same bytes', async () => {
    const study = await house.newStudy();
    const id = await house.ask(one.url, study);
    await house.until(one.url, id, ({ phase }) => phase === 'store');
    const [busy] = begun(id);
    await busy!.end('SIGKILL');
    workers = workers.filter((each) => each !== busy);
    const run = await house.until(other.url, id, ENDED);
    equal(run.state, 'done');
    deepEqual(await house.outcomeOf(study, run.state), { state: 'done', segs: 1, whole: true });
    workers.push(await start('worker', 'dora', shared));
  });

  it('are restarted one after the other without a lost run', async () => {
    const rolling = new Map<string, SmallStudy>();
    for (let index = 0; index < ROLLING; index++) {
      const study = await house.newStudy();
      rolling.set(await house.ask(one.url, study), study);
    }
    for (const [index, worker] of [...workers].entries()) {
      await worker.end('SIGTERM');
      workers = workers.filter((each) => each !== worker);
      workers.push(await start('worker', `new-${index}`, shared));
    }
    await other.end('SIGTERM');
    for (const [id, study] of rolling) {
      const run = await house.until(one.url, id, ENDED);
      deepEqual([run.state, run.failure], ['done', null]);
      deepEqual(await house.outcomeOf(study, run.state), { state: 'done', segs: 1, whole: true });
    }
    await sleep(200);
    deepEqual(
      (await operations()).workers.filter(({ silentSeconds }) => silentSeconds < 15).map(({ name }) => name),
      workers.map((_, index) => `new-${index}`),
    );
  });

  it('name no patient in any log or in the audit, and every line of a run names the run', async () => {
    const audit = JSON.stringify(await json<AuditView>(fetch(`${one.url}/api/audit`)));
    const logs = all.map((each) => each.output()).join('\n');
    ok(logs.length > 10_000 && audit.length > 1_000);
    for (const text of [logs, audit]) ok(!/zwetschge|xaver/i.test(text));
    const lines = logs.split('\n').filter((line) => /"msg":"(run begins|run ends|engine)"/.test(line));
    ok(lines.length >= STUDIES * 2);
    for (const line of lines) match(line, /"runId":"[0-9a-f]{32}"/);
    match(lines[0]!, /"worker":"(anna|berta|carla)"/);
  });
});
