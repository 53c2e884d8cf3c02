import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SegmentationView } from '../../server/src/http/contract.ts';
import { objectUids } from '../../server/src/reports/uids.ts';
import { provideQueue } from '../support/data-dir.ts';
import {
  type Automation,
  type CompanionProcess,
  eventually,
  provideAutomation,
  SECRET,
  smallSeries,
  tell,
} from '../support/intake.ts';
import { type KeptOrthanc, startKeptOrthanc } from '../support/kept-orthanc.ts';

const ARCHIVE_DOWN_MS = process.env.HEPAR_TEST_FULL ? 120_000 : 3_000;

/** What goes wrong between the archive and the queue. The tests build on one another. */
describe('automation when things fail', function () {
  this.timeout(400_000);
  let orthanc: KeptOrthanc;
  let automation: Automation;
  let companion: CompanionProcess;
  /** Every study that was sent. */
  const sent: string[] = [];

  before(async () => {
    orthanc = await startKeptOrthanc({ StableAge: 2 });
    automation = await provideAutomation(orthanc);
    companion = await automation.startProcess();
  });
  after(async () => {
    await companion?.end('SIGTERM');
    await automation?.stop();
    await orthanc?.stop();
  });

  async function send(): Promise<string> {
    const study = `2.25.${100 + sent.length}`;
    await automation.archive.store(smallSeries(study, `${study}.1`), study);
    sent.push(study);
    return study;
  }
  const done = (study: string) =>
    eventually(
      () => companion.runs(study),
      (runs) => runs.some(({ state }) => state === 'done'),
    );
  const restart = async (signal: NodeJS.Signals, between: () => Promise<void>) => {
    await companion.end(signal);
    const log = companion.log();
    await between();
    companion = await automation.startProcess();
    return log;
  };
  /** Whatever happened before: every study has its one run, and that is done. */
  async function everyStudyHasOneRun(): Promise<void> {
    const runs = await eventually(
      () => companion.runs(),
      (all) => all.every(({ state }) => state === 'done') && new Set(all.map(studyOf)).size === sent.length,
    );
    deepEqual(new Set(runs.map(studyOf)), new Set(sent));
    const withRepeats = runs.filter(({ repeat }) => repeat > 0);
    equal(runs.length - withRepeats.length, sent.length, 'a study has two runs');
  }
  const studyOf = ({ studyInstanceUID }: SegmentationView) => studyInstanceUID;

  it('loses no study when Orthanc is killed and restarted before it has called it stable, which it never does then', async () => {
    const study = await send();
    const [id] = await orthanc.get<string[]>('/series');
    await orthanc.kill();
    await orthanc.restart();
    await done(study);
    const { Changes } = await orthanc.get<{ Changes: { ChangeType: string; ID: string }[] }>(
      '/changes?since=0&limit=100',
    );
    const told = Changes.filter((change) => change.ID === id).map(({ ChangeType }) => ChangeType);
    deepEqual(told, ['NewSeries'], 'Orthanc has told of it: this test shows nothing');
    await everyStudyHasOneRun();
  });

  it('catches up with what came while it was killed, and while it was stopped', async () => {
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const before = await send();
      await restart(signal, async () => void (await send()));
      await done(before);
      await done(sent.at(-1)!);
    }
    await everyStudyHasOneRun();
  });

  it('goes on after the archive was down, and says both in a line', async () => {
    await orthanc.kill();
    await eventually(
      async () => companion.log(),
      (log) => log.includes('cannot be followed'),
    );
    await sleep(ARCHIVE_DOWN_MS);
    await orthanc.restart();
    await done(await send());
    const lines = companion
      .log()
      .split('\n')
      .filter((line) => /cannot be followed|is followed again/.test(line));
    equal(lines.length, 2, lines.join('\n'));
    match(
      lines[0]!,
      /"problem":"The archive at http:\/\/127\.0\.0\.1:\d+\S* cannot be reached: connection (refused|closed)\."/,
    );
    await everyStudyHasOneRun();
  });

  it('makes the result anew of a study that was deleted with it and comes again, and knows the feed again', async () => {
    const study = sent.at(-1)!;
    const [first] = await companion.runs(study);
    for (const id of await orthanc.get<string[]>('/studies')) {
      const found = await orthanc.get<{ MainDicomTags: { StudyInstanceUID: string } }>(`/studies/${id}`);
      if (found.MainDicomTags.StudyInstanceUID === study) await orthanc.remove(`/studies/${id}`);
    }
    await automation.archive.store(smallSeries(study, `${study}.1`), study);
    const [second] = await eventually(
      () => companion.runs(study),
      (runs) => runs.length === 2 && runs.every(({ state }) => state === 'done'),
    );
    deepEqual([second!.repeat, second!.supersedes], [1, first!.id]);
    ok(!companion.log().includes('another database'));
  });

  it('costs nothing when 5,000 true and forged messages flood the webhook', async () => {
    const reads = (log: string) => log.split('"route":"/webhooks/orthanc"').length - 1;
    const statuses: Record<number, number> = {};
    const waits: number[] = [];
    const worker = async (number: number) => {
      for (let index = number; index < 5_000; index += 20) {
        const began = performance.now();
        const answer = await tell(companion.url, index % 2 ? SECRET : `${SECRET}${index}`);
        await answer.arrayBuffer();
        waits.push(performance.now() - began);
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      }
    };
    const before = reads(companion.log());
    const study = await send();
    await Promise.all(Array.from({ length: 20 }, (_, number) => worker(number)));
    deepEqual(statuses, { 202: 2_500, 401: 2_500 });
    equal(waits.length, 5_000);
    await done(study);
    await everyStudyHasOneRun();
    ok(reads(companion.log()) - before < 100, 'the log is flooded');
  });

  it('finds everything again in the feed when its database is lost, and does not do again what has its result', async () => {
    // The result of one study is lost as well.
    const again = sent.at(-1)!;
    const [run] = await companion.runs(again);
    for (const kind of ['seg', 'sr'] as const) {
      const uid = objectUids(run!.id, kind).seriesInstanceUID;
      for (const id of await orthanc.get<string[]>('/series')) {
        const found = await orthanc.get<{ MainDicomTags: { SeriesInstanceUID: string } }>(`/series/${id}`);
        if (found.MainDicomTags.SeriesInstanceUID === uid) await orthanc.remove(`/series/${id}`);
      }
    }
    await restart('SIGKILL', async () => {
      await rm(join(automation.dataDir, 'queue'), { recursive: true, force: true });
      await provideQueue(automation.dataDir);
    });
    await done(again);
    // All that is known of the others is what is in the archive.
    await sleep(4_000);
    deepEqual((await companion.runs()).map(studyOf), [again]);
    match(companion.log(), /"msg":"the feed is read from its beginning"/);
  });

  it('begins anew with an archive whose database was replaced', async () => {
    await orthanc.kill();
    await orthanc.loseDatabase();
    await orthanc.restart();
    const study = await send();
    await done(study);
    match(companion.log(), /the archive has another database than before: its feed is read from the beginning/);
  });
});
