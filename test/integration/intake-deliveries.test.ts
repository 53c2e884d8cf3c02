import { deepEqual, equal, match, ok } from 'node:assert/strict';
import type { SegmentationView } from '../../server/src/http/contract.ts';
import { objectUids } from '../../server/src/reports/uids.ts';
import { type Automation, type Companion, eventually, provideAutomation, smallSeries } from '../support/intake.ts';
import { type KeptOrthanc, startKeptOrthanc } from '../support/kept-orthanc.ts';
import { provideWorkstation, type Workstation } from '../support/workstation.ts';
import { json } from '../unit/http/support.ts';

const RULES = `
rules:
  - name: on
    when: {description: portal}
    send: [workstation, cloud]
  - name: astray
    when: {description: arterial}
    send: nobody
destinations:
  workstation: {modality: WORKSTATION, source: true}
  cloud: {dicomweb: cloud}
  nobody: {modality: NOBODY}
`;

describe('sending results on, from a real Orthanc to another', function () {
  this.timeout(300_000);
  let orthanc: KeptOrthanc;
  let workstation: Workstation;
  let automation: Automation;
  let companion: Companion;

  before(async () => {
    orthanc = await startKeptOrthanc({ StableAge: 1, DicomScuTimeout: 3 });
    workstation = await provideWorkstation();
    const { dicomPort: Port, url } = workstation;
    await orthanc.put('/modalities/WORKSTATION', { AET: 'WORKSTATION', Host: '127.0.0.1', Port });
    await orthanc.put('/dicom-web/servers/cloud', { Url: `${url}/dicom-web/`, HasDelete: '0' });
    automation = await provideAutomation(orthanc, RULES);
    companion = await automation.start();
  });
  after(async () => {
    await companion?.close();
    await automation?.stop();
    await workstation?.stop();
    await orthanc?.stop();
  });

  const statesOf = ({ deliveries }: SegmentationView) => deliveries.map(({ state }) => state);

  it('tries again while the other is down, tells why, and then has it there: the result, and the series where it is asked for', async () => {
    await automation.archive.store(smallSeries('2.25.1', '2.25.1.1'), '2.25.1');
    const runs = await eventually(
      () => companion.runs('2.25.1'),
      ([run]) => run?.deliveries.every(({ problem }) => problem !== null) ?? false,
    );
    equal(runs[0]!.state, 'done', 'the run itself does not wait for it');
    ok(
      runs[0]!.deliveries.every(({ attempts }) => attempts > 0),
      JSON.stringify(runs[0]!.deliveries),
    );
    await workstation.start();
    const [run] = await eventually(
      () => companion.runs('2.25.1'),
      ([each]) => statesOf(each!).every((state) => state === 'sent'),
    );
    deepEqual(
      run!.deliveries.map(({ destination, problem }) => [destination, problem]),
      [
        ['workstation', null],
        ['cloud', null],
      ],
    );
    const result = (['seg', 'sr'] as const).map((kind) => objectUids(run!.id, kind).seriesInstanceUID);
    deepEqual((await workstation.series()).sort(), ['2.25.1.1', ...result].sort());
    match(companion.log(), /"destination":"workstation".*"msg":"result sent on"/);
  });

  it('lists what cannot be sent, with the reason', async () => {
    await automation.archive.store(smallSeries('2.25.2', '2.25.2.1', 12, 'arterial'), '2.25.2');
    const waiting = () => json<SegmentationView[]>(fetch(`${companion.url}/api/segmentations?delivery=waiting`));
    const [run] = await eventually(waiting, (runs) => runs.some(({ deliveries }) => deliveries[0]!.attempts > 0));
    deepEqual([run!.studyInstanceUID, run!.deliveries[0]!.destination], ['2.25.2', 'nobody']);
    equal(run!.deliveries[0]!.problem, 'the archive knows no such destination');
    equal((await fetch(`${companion.url}/api/segmentations?delivery=lost`)).status, 422);
  });
});
