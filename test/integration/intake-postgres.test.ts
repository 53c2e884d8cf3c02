import { deepEqual, equal } from 'node:assert/strict';
import {
  type Automation,
  type CompanionProcess,
  eventually,
  provideAutomation,
  smallSeries,
  tell,
} from '../support/intake.ts';
import { type KeptOrthanc, startKeptOrthanc } from '../support/kept-orthanc.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';

describe('automation with several companions on one PostgreSQL', function () {
  this.timeout(400_000);
  let postgres: TestPostgres;
  let orthanc: KeptOrthanc;
  let automation: Automation;
  const companions: CompanionProcess[] = [];

  before(async function () {
    if (!hasPostgres) return this.skip();
    [postgres, orthanc] = await Promise.all([startPostgres(), startKeptOrthanc({ StableAge: 1 })]);
    automation = await provideAutomation(orthanc);
    // One after the other, so that it is known who follows first.
    for (const name of ['one', 'two']) {
      const companion = await automation.startProcess({
        DATABASE_URL: postgres.url,
        HEPAR_DATA: `${automation.dataDir}-${name}`,
      });
      companions.push(companion);
      if (name === 'one')
        await eventually(
          async () => follows(companion),
          (does) => does,
        );
    }
  });
  after(async () => {
    for (const companion of companions) await companion.end('SIGKILL');
    await automation?.stop();
    await orthanc?.stop();
    await postgres?.stop();
  });

  const follows = (companion: CompanionProcess) => {
    const said = companion.log().match(/"msg":"(follows the archive|another companion follows the archive)"/g);
    return said?.at(-1)?.includes('"follows') ?? false;
  };
  async function done(study: string): Promise<void> {
    await automation.archive.store(smallSeries(study, `${study}.1`), study);
    const runs = await eventually(
      () => companions.at(-1)!.runs(study),
      (all) => all.some(({ state }) => state === 'done'),
    );
    equal(runs.length, 1);
  }

  it('is followed by one of them', async () => {
    await done('2.25.1');
    deepEqual(companions.map(follows), [true, false]);
  });

  it('is followed by the one that the webhook reaches, from then on', async () => {
    const answer = await tell(companions[1]!.url);
    equal(answer.status, 202);
    await eventually(
      async () => companions.map(follows),
      ([first, second]) => !first && second!,
    );
    await done('2.25.2');
  });

  it('is taken over when the one that follows is killed, and nothing is lost or done twice', async () => {
    const [first, second] = companions as [CompanionProcess, CompanionProcess];
    await second.end('SIGKILL');
    companions.reverse();
    await done('2.25.3');
    equal(follows(first), true);
    const runs = await first.runs();
    deepEqual(runs.map(({ studyInstanceUID }) => studyInstanceUID).sort(), ['2.25.1', '2.25.2', '2.25.3']);
  });
});
