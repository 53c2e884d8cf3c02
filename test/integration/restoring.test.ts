import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import { readConfig } from '../../server/src/config.ts';
import { type Archive, type ArchiveOptions, createArchive } from '../../server/src/dicomweb/archive.ts';
import type { FindingsDocument } from '../../server/src/findings/schema.ts';
import type { CorrectionRequest, SegmentationView, StudySeriesView } from '../../server/src/http/contract.ts';
import { runPipeline } from '../../server/src/pipeline.ts';
import type { Progress } from '../../server/src/progress.ts';
import { objectUids } from '../../server/src/reports/uids.ts';
import { type RunningServer, startServer } from '../../server/src/server.ts';
import type { CtSeries } from '../../server/src/volume/series.ts';
import { type MadeResult, makeResult } from '../conformance/made-result.ts';
import { seriesSpec } from '../conformance/seg-cases.ts';
import { labelsInPixels, makeSeries, readSeries } from '../conformance/seg-support.ts';
import { provideQueue } from '../support/data-dir.ts';
import { startTestOrthanc } from '../support/orthanc.ts';
import { isIn, json, until } from '../unit/http/support.ts';

const SPEC = seriesSpec('oblique', '2.25.9401', { step: -1, row: [0.98, 0.199, 0], column: [-0.199, 0.98, 0] });
const [FIRST, CORRECTED, AGAIN] = ['a', 'c', 'b'].map((digit) => digit.repeat(32)) as [string, string, string];

describe('results of a server that has lost its database', () => {
  let folder: string;
  let orthanc: RunningOrthanc;
  let archive: Archive;
  let address: ArchiveOptions;
  let images: readonly Uint8Array[];
  let server: RunningServer;
  let url: string;
  let series: CtSeries;
  let first: MadeResult;
  let corrected: FindingsDocument;
  let stored: number;

  const objects = ({ objects }: MadeResult) =>
    Object.entries(objects.files).flatMap(([name, content]) => (name.endsWith('.dcm') ? [content] : []));
  const count = async () => {
    const all = await archive.findSeries(series.studyInstanceUid);
    return all.reduce((sum, { instances }) => sum + (instances ?? 0), 0);
  };
  /** The first voxels of the liver go to the largest lesion. */
  const edited = (voxels = 1): CorrectionRequest => {
    const { labels } = first.segments;
    const [columns, rows, slices] = series.volume.grid.shape;
    const own = labels.slice();
    for (let more = 0; more < voxels; more++) own[own.indexOf(1)] = 2;
    return {
      columns,
      rows,
      segments: [
        { segment: 1, kind: 'liver' },
        ...first.findings.lesions.map(({ segmentNumber, trackingUid }) => ({
          segment: segmentNumber,
          kind: 'lesion' as const,
          trackingUid,
        })),
      ],
      slices: Array.from({ length: slices }, (_, k) => ({
        sopInstanceUID: series.slices[k]!.sopInstanceUid,
        runs: Array.from(own.subarray(k * columns * rows, (k + 1) * columns * rows)).flatMap((label, pixel) =>
          label === 0 ? [] : [label, pixel, 1],
        ),
      })),
    };
  };

  /** Works a correction in, as the engine does. */
  async function correct(voxels = 1, report: Progress['report'] = () => {}): Promise<FindingsDocument> {
    const file = join(folder, `correction-${voxels}.json.gz`);
    await writeFile(file, gzipSync(JSON.stringify(edited(voxels))));
    const { studyInstanceUid, seriesInstanceUid } = series;
    return runPipeline(
      {
        runId: voxels === 1 ? CORRECTED : String(voxels).repeat(32),
        source: { kind: 'dicomweb', archive: address, studyInstanceUid, seriesInstanceUid },
        modelDir: null,
        provider: 'cpu',
        outDir: join(folder, `corrected-${voxels}`),
        store: true,
        supersedes: FIRST,
        createdAt: '2026-11-21T10:00:00.000Z',
        correction: {
          corrects: FIRST,
          reviewer: 'dr-adler',
          file,
          model: { id: 'liver-lesion-ct', version: '1.0.0', digest: 'a1'.repeat(32) },
          engine: { provider: 'cpu', device: 'CPU' },
          confidences: Object.fromEntries(first.findings.lesions.map((each) => [each.trackingUid, each.confidence])),
        },
      },
      { signal: new AbortController().signal, report },
    );
  }

  before(async function () {
    this.timeout(180_000);
    folder = await mkdtemp(join(tmpdir(), 'hepar-restoring-'));
    await makeSeries(folder, [SPEC]);
    orthanc = await startTestOrthanc();
    const { username, password, dicomWebUrl } = orthanc;
    address = { url: dicomWebUrl, username, password };
    archive = createArchive(address);
    const ct = join(folder, SPEC.uid, 'ct');
    series = await readSeries(ct);
    const labels = labelsInPixels(series).labels;
    first = await makeResult(series, labels, { runId: FIRST, createdAt: new Date('2026-11-20T10:00:00Z') });
    const again = await makeResult(series, labels, {
      runId: AGAIN,
      supersedes: FIRST,
      createdAt: new Date('2026-11-22T10:00:00Z'),
    });
    images = await Promise.all((await readdir(ct)).map((name) => readFile(join(ct, name))));
    await archive.store([...images, ...objects(first), ...objects(again)], series.studyInstanceUid);
    corrected = await correct();
    stored = await count();
    const dataDir = join(folder, 'data');
    await provideQueue(dataDir);
    server = await startServer({
      config: readConfig({
        HEPAR_PORT: '0',
        HEPAR_DATA: dataDir,
        HEPAR_DICOMWEB_URL: dicomWebUrl,
        HEPAR_DICOMWEB_USERNAME: username,
        HEPAR_DICOMWEB_PASSWORD: password,
      }),
      logger: pino({ level: process.env.HEPAR_LOG_LEVEL ?? 'silent' }),
    });
    url = server.url;
  });

  after(async () => {
    await server?.close();
    archive?.close();
    await orthanc?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const findingsOf = (id: string) => json<FindingsDocument>(fetch(`${url}/api/segmentations/${id}/findings`));

  it('are listed as soon as their study is looked at, by date and model, and who corrected what', async function () {
    this.timeout(120_000);
    const list = () => json<SegmentationView[]>(fetch(`${url}/api/segmentations?study=${series.studyInstanceUid}`));
    let listed = await list();
    // On a busy machine the first answer does not wait for all of the archive's.
    for (const deadline = Date.now() + 60_000; listed.length < 3 && Date.now() < deadline; await sleep(100)) {
      listed = await list();
    }
    assert.deepEqual(listed.map(({ id }) => id).sort(), [FIRST, AGAIN, CORRECTED]);
    const runs = await Promise.all(
      [FIRST, CORRECTED, AGAIN].map((id) => until(url, id, isIn('done', 'failed', 'refused'))),
    );
    assert.deepEqual(
      runs.map(({ state, kind, corrects, reviewer, supersedes, model, finishedAt }) => [
        state,
        kind,
        corrects,
        reviewer,
        supersedes,
        model.id,
        finishedAt,
      ]),
      [
        ['done', 'segmentation', null, null, null, 'liver-lesion-ct', '2026-11-20T10:00:00.000Z'],
        ['done', 'correction', FIRST, 'dr-adler', FIRST, 'liver-lesion-ct', '2026-11-21T10:00:00.000Z'],
        ['done', 'segmentation', null, null, FIRST, 'liver-lesion-ct', '2026-11-22T10:00:00.000Z'],
      ],
    );
    const current = (await json<StudySeriesView[]>(fetch(`${url}/api/studies/${series.studyInstanceUid}/series`))).find(
      ({ seriesInstanceUID }) => seriesInstanceUID === series.seriesInstanceUid,
    )!;
    assert.deepEqual([current.currentResult!.run, current.newerSegmentation], [CORRECTED, AGAIN]);
    assert.equal(current.currentResult!.coversAllInstances, true);
  });

  it('have the numbers that they had, and nothing was stored for it', async () => {
    const { lesions, liver, lesionBurdenMl, objects, model } = await findingsOf(FIRST);
    assert.deepEqual({ lesions, liver, lesionBurdenMl }, first.findings);
    assert.deepEqual(objects.seg, first.objects.uids.seg);
    assert.equal(model.digest, 'a1'.repeat(32));
    const back = await findingsOf(CORRECTED);
    assert.deepEqual(
      [back.lesions, back.liver, back.kind, back.corrects, back.reviewer, back.supersedes],
      [corrected.lesions, corrected.liver, 'correction', FIRST, 'dr-adler', FIRST],
    );
    const preview = await fetch(`${url}/api/segmentations/${FIRST}/preview`);
    assert.equal(preview.headers.get('content-type'), 'image/png');
    assert.equal(await count(), stored);
  });

  it('can be corrected like any other', async function () {
    this.timeout(120_000);
    const answer = await fetch(`${url}/api/segmentations/${FIRST}/corrections`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(edited()),
    });
    assert.equal(answer.status, 202);
    const { id } = await json(answer);
    const done = await until(url, id, isIn('done', 'failed', 'refused'));
    assert.deepEqual([done.state, done.failure, done.supersedes], ['done', null, CORRECTED]);
    const { lesions } = await findingsOf(id);
    assert.deepEqual(lesions, corrected.lesions);
  });

  it('that are deleted are not brought back by a correction that comes too late', async function () {
    this.timeout(180_000);
    const { studyInstanceUid } = series;
    const ended = async (voxels: number) => {
      const answer = await fetch(`${url}/api/segmentations/${FIRST}/corrections`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(edited(voxels)),
      });
      const { id } = await json(answer);
      const { state, failure } = await until(url, id, isIn('done', 'failed', 'refused', 'cancelled'));
      return [state, failure];
    };
    await remove(objectUids(FIRST, 'seg').seriesInstanceUID);
    const gone = 'no longer in the archive.';
    const failure = { code: 'source-gone', message: `Source gone: the corrected result is ${gone}` };
    assert.deepEqual(await ended(2), ['cancelled', failure]);
    await remove(studyInstanceUid);
    const ofSeries = { code: 'source-gone', message: `Source gone: the series is ${gone}` };
    assert.deepEqual(await ended(3), ['cancelled', ofSeries]);
    assert.deepEqual(await archive.findSeries(studyInstanceUid), []);

    // And when it is deleted as late as can be: when all is made and nothing stored.
    await archive.store([...images, ...objects(first)], studyInstanceUid);
    let removed: Promise<void> | undefined;
    const late = correct(4, (phase, fraction) => {
      if (phase === 'report' && fraction === 1) removed ??= remove(studyInstanceUid);
    });
    await assert.rejects(late, { name: 'SourceGone', message: ofSeries.message });
    await removed;
    assert.deepEqual(await archive.findSeries(studyInstanceUid), []);
  });

  /** Takes a study or a series out of the archive, as its administrator does. */
  async function remove(uid: string): Promise<void> {
    const { url: root, username, password } = orthanc;
    const headers = { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
    const found = await json<{ Path: string }[]>(fetch(`${root}/tools/lookup`, { method: 'POST', headers, body: uid }));
    for (const { Path } of found) await fetch(root + Path, { method: 'DELETE', headers });
  }
});
