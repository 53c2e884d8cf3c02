import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SegmentationView } from '../../server/src/http/contract.ts';
import {
  ANY_CT,
  type Automation,
  type Companion,
  eventually,
  provideAutomation,
  smallSeries,
} from '../support/intake.ts';
import { type KeptOrthanc, startKeptOrthanc } from '../support/kept-orthanc.ts';
import { smallDicomFile } from '../support/small-dicom.ts';
import { ask, json } from '../unit/http/support.ts';

const areDone = (count: number) => (runs: SegmentationView[]) =>
  runs.filter(({ state }) => state === 'done').length === count;

describe('automation on a real Orthanc', () => {
  let orthanc: KeptOrthanc;
  let automation: Automation;
  let companion: Companion;

  before(async () => {
    orthanc = await startKeptOrthanc({ StableAge: 1 });
    automation = await provideAutomation(orthanc);
    companion = await automation.start();
  });
  after(async () => {
    await companion?.close();
    await automation?.stop();
    await orthanc?.stop();
  });

  const send = (files: Uint8Array[], study: string) => automation.archive.store(files, study);
  /** Until all that Orthanc tells of has been read, and nothing waits to be looked at. */
  async function settled(): Promise<void> {
    await sleep(2_500);
    const { Last } = await orthanc.get<{ Last: number }>('/changes?last');
    await eventually(
      () => companion.intake!.status(),
      ({ position, watched }) => position >= Last && watched === 0,
    );
  }
  const test = (study: string) =>
    fetch(`${companion.url}/api/rules/test`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ studyInstanceUID: study }),
    });

  it('has a series segmented that arrives, unasked and once, though it is sent twice', async () => {
    await send(smallSeries('2.25.1', '2.25.1.1'), '2.25.1');
    const [run] = await eventually(() => companion.runs('2.25.1'), areDone(1));
    deepEqual([run!.seriesInstanceUID, run!.origin, run!.rule, run!.priority], ['2.25.1.1', 'automation', 'any', 10]);
    await send(smallSeries('2.25.1', '2.25.1.1'), '2.25.1');
    await settled();
    deepEqual(
      (await companion.runs('2.25.1')).map(({ id }) => id),
      [run!.id],
    );
  });

  it('has it done anew when ten more slices come, and the new result supersedes', async () => {
    const [first] = await companion.runs('2.25.1');
    await send(smallSeries('2.25.1', '2.25.1.1', 22), '2.25.1');
    const [second] = await eventually(() => companion.runs('2.25.1'), areDone(2));
    deepEqual([second!.supersedes, second!.rule], [first!.id, 'any']);
  });

  it('never takes its own results, nor what is no CT, and puts up with them', async () => {
    const object = (modality: string, number: number) =>
      smallDicomFile({
        sopInstanceUid: `2.25.1.9.${number}.1`,
        studyUid: '2.25.1',
        seriesUid: `2.25.1.9.${number}`,
        modality,
      });
    await send(['SEG', 'SR', 'OT', 'PR'].map(object), '2.25.1');
    await settled();
    equal((await companion.runs('2.25.1')).length, 2);
  });

  it('chooses between the series of a study only when the whole study has come', async () => {
    await send(smallSeries('2.25.2', '2.25.2.1', 12, 'arterial'), '2.25.2');
    // Longer than until the first is stable, but never so long that the study is.
    for (let number = 0; number < 6; number++) {
      await sleep(400);
      await send(smallSeries('2.25.2', '2.25.2.2', 12).slice(number * 2, number * 2 + 2), '2.25.2');
    }
    const runs = await eventually(() => companion.runs('2.25.2'), areDone(1));
    deepEqual(
      runs.map(({ seriesInstanceUID }) => seriesInstanceUID),
      ['2.25.2.2'],
    );
    await settled();
    equal((await companion.runs('2.25.2')).length, 1);
    const said = await json<{ seriesInstanceUID: string; verdict: string; why: string }[]>(test('2.25.2'));
    ok(
      said.every(({ verdict }) => verdict === 'no'),
      JSON.stringify(said),
    );
    match(
      said.find((each) => each.seriesInstanceUID === '2.25.2.1')!.why,
      /series 2\.25\.2\.2 of the study was chosen before/,
    );
  });

  it('leaves a series to the person who has clicked for it already', async () => {
    await writeFile(automation.rulesFile, ANY_CT.replace('any', 'not yet').replace('atLeast: 0', 'atLeast: 99'));
    await send(smallSeries('2.25.3', '2.25.3.1'), '2.25.3');
    const clicked = await json(ask(companion.url, '2.25.3.1', { studyInstanceUID: '2.25.3' }));
    equal(clicked.origin, 'click');
    await writeFile(automation.rulesFile, ANY_CT);
    await settled();
    deepEqual(
      (await companion.runs('2.25.3')).map(({ id, origin }) => [id, origin]),
      [[clicked.id, 'click']],
    );
  });

  it('reads its rules again when they were changed, and keeps to the old ones while there are mistakes in them', async () => {
    await writeFile(automation.rulesFile, 'rules: [{name: broken, wen: 3}]');
    deepEqual((await json<{ rule: string }[]>(test('2.25.1'))).filter(({ rule }) => rule !== null)[0]!.rule, 'any');
    await writeFile(automation.rulesFile, "rules: [{name: other, when: {description: 'nothing like this'}}]");
    const said = await json<{ rule: string | null; why: string }[]>(test('2.25.1'));
    match(said.map(({ why }) => why).join(), /rule 'other': its description does not match 'nothing like this'/);
    await writeFile(automation.rulesFile, ANY_CT);
  });

  it('tells what is wrong with a question about the rules', async () => {
    equal((await test('2.25.404')).status, 404);
    equal((await test('../x')).status, 422);
    const noBody = await fetch(`${companion.url}/api/rules/test`, { method: 'POST', body: 'x' });
    equal(noBody.status, 415);
  });

  it('queues by hand and unasked the same run, whoever comes first', async () => {
    await send(smallSeries('2.25.4', '2.25.4.1'), '2.25.4');
    const [run] = await eventually(() => companion.runs('2.25.4'), areDone(1));
    const answer = await ask(companion.url, '2.25.4.1', { studyInstanceUID: '2.25.4' });
    equal(answer.status, 200);
    equal((await json(answer)).id, run!.id);
    ok(run!.rule);
  });
});
