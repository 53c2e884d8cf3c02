import { deepEqual, equal } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectSeries, makePhantomSeries } from '../../server/src/phantom/series.ts';
import { runPipeline } from '../../server/src/pipeline.ts';
import { eventually, provideAutomation, smallSeries } from '../support/intake.ts';
import { startKeptOrthanc } from '../support/kept-orthanc.ts';
import { isIn, json } from '../unit/http/support.ts';
import { COARSE, writeTinyModel } from '../unit/inference/tiny-model.ts';

const PHASES_OF_DEATH = process.env.HEPAR_TEST_FULL
  ? (['retrieve', 'assemble', 'segment', 'measure', 'report', 'store'] as const)
  : (['segment', 'store'] as const);
const GEOMETRY = { rows: 64, columns: 64, slices: 24, pixelSpacingMm: [5.6, 5.6] as const, sliceSpacingMm: 8 };

describe('a study that is deleted while its run goes on', function () {
  this.timeout(300_000);

  it('is not brought back by storing the result, at whatever moment it was deleted', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hepar-gone-'));
    const orthanc = await startKeptOrthanc();
    const { dicomWebUrl: url, username, password } = orthanc;
    const automation = await provideAutomation(orthanc);
    try {
      await writeTinyModel(join(dir, 'tiny'), COARSE);
      const phantom = makePhantomSeries({ seed: 3, lesions: 1, geometry: GEOMETRY });
      const { studyInstanceUid, seriesInstanceUid } = phantom;
      const slices = collectSeries(phantom).instances;
      const files = slices.map(({ bytes }) => bytes);
      const instances = slices.map(({ sopInstanceUid }) => sopInstanceUid);
      for (const [index, phaseOfDeath] of PHASES_OF_DEATH.entries()) {
        await automation.archive.store(files, studyInstanceUid);
        const [study] = await orthanc.get<string[]>('/studies');
        let deleted: Promise<void> | undefined;
        const run = runPipeline(
          {
            runId: `${index}`.repeat(32),
            source: {
              kind: 'dicomweb',
              archive: { url, username, password },
              studyInstanceUid,
              seriesInstanceUid,
              instances,
            },
            modelDir: join(dir, 'tiny'),
            provider: 'cpu',
            outDir: join(dir, phaseOfDeath),
            store: true,
            supersedes: null,
            createdAt: new Date().toISOString(),
          },
          {
            signal: new AbortController().signal,
            report: (phase) => {
              if (phase === phaseOfDeath) deleted ??= orthanc.remove(`/studies/${study}`);
            },
          },
        );
        const outcome = await run.then(
          () => 'stored',
          (error: Error) => `${error.name}: ${error.message}`,
        );
        await deleted;
        // Once the first object is on its way nothing can be taken back; before that, nothing is stored.
        if (phaseOfDeath !== 'store' || outcome !== 'stored') {
          equal(outcome, 'SourceGone: Source gone: the series is no longer in the archive.', phaseOfDeath);
          deepEqual(await orthanc.get<string[]>('/studies'), [], phaseOfDeath);
        } else await orthanc.remove(`/studies/${(await orthanc.get<string[]>('/studies'))[0]}`).catch(() => {});
      }
    } finally {
      await automation.stop();
      await orthanc.stop();
      await rm(dir, { recursive: true, force: true });
    }
  });

  it('ends its run as cancelled, with the reason, and is done when it comes again', async () => {
    const orthanc = await startKeptOrthanc({ StableAge: 1 });
    const automation = await provideAutomation(orthanc);
    const companion = await automation.start({}, { engine: { pipeline: GONE_ONCE, graceMs: 500 } });
    try {
      await automation.archive.store(smallSeries('2.25.1', '2.25.1.1'), '2.25.1');
      const gone = await eventually(
        () => companion.runs('2.25.1'),
        (runs) => runs.some(isIn('cancelled')),
      );
      deepEqual(gone[0]!.failure, {
        code: 'source-gone',
        message: 'Source gone: the series is no longer in the archive.',
      });
      const [study] = await orthanc.get<string[]>('/studies');
      await orthanc.remove(`/studies/${study}`);
      await sleep(500);
      await automation.archive.store(smallSeries('2.25.1', '2.25.1.1'), '2.25.1');
      const runs = await eventually(
        () => companion.runs('2.25.1'),
        (all) => all.some(isIn('done')),
      );
      deepEqual(
        runs.map(({ id }) => id),
        [gone[0]!.id],
        'the same slices are the same run',
      );
      equal((await json(fetch(`${companion.url}/api/segmentations/${gone[0]!.id}`))).failure, null);
    } finally {
      await companion.close();
      await automation.stop();
      await orthanc.stop();
    }
  });
});

const GONE_ONCE = new URL('../support/gone-once-pipeline.ts', import.meta.url);
