import { deepEqual } from 'node:assert/strict';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import { type Automation, type Companion, eventually, provideAutomation, smallSeries } from '../support/intake.ts';
import { startTestOrthanc } from '../support/orthanc.ts';

describe('automation on a real Orthanc', () => {
  let orthanc: RunningOrthanc;
  let automation: Automation;
  let companion: Companion;

  before(async () => {
    orthanc = await startTestOrthanc({ StableAge: 1 });
    automation = await provideAutomation(orthanc);
    companion = await automation.start();
  });
  after(async () => {
    await companion?.close();
    await automation?.stop();
    await orthanc?.stop();
  });

  it('has a series segmented that arrives, unasked and once', async () => {
    await automation.archive.store(smallSeries('2.25.1', '2.25.1.1'), '2.25.1');
    const runs = await eventually(
      () => companion.runs('2.25.1'),
      (all) => all.some(({ state }) => state === 'done'),
    );
    deepEqual(
      runs.map(({ seriesInstanceUID, origin, rule, priority }) => [seriesInstanceUID, origin, rule, priority]),
      [['2.25.1.1', 'automation', 'any', 10]],
    );
  });
});
