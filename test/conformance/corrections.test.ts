import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import type { Correction } from '../../server/src/correction/schema.ts';
import { parseInstance } from '../../server/src/dicom/parse.ts';
import { type Archive, type ArchiveOptions, createArchive } from '../../server/src/dicomweb/archive.ts';
import type { FindingsDocument } from '../../server/src/findings/schema.ts';
import { runPipeline } from '../../server/src/pipeline.ts';
import { Refusal } from '../../server/src/refusal.ts';
import { provenanceOf } from '../../server/src/reports/provenance.ts';
import { segUids } from '../../server/src/reports/seg.ts';
import type { CtSeries } from '../../server/src/volume/series.ts';
import { startTestOrthanc } from '../support/orthanc.ts';
import { fakeLesion } from '../unit/reports/fake-series.ts';
import { SEG_CASES, type SeriesSpec } from './seg-cases.ts';
import { assertFaithful, dciodvfyErrors, readCases, tableOf, type Verdict } from './seg-check.ts';
import { labelsInPixels, makeSeries, python, readSeries, truthOf, writeCase, writeSeg } from './seg-support.ts';
import type { ReadReport } from './sr-check.ts';

const CASES = [
  'axial',
  'reversed slice order',
  'shuffled slice order',
  'oblique, reversed',
  'negated column cosine',
  'rows along the back',
  'non-square pixels',
  'Rows != Columns',
  'odd size 125 x 99',
  'odd size 33 x 31, oblique',
  'enhanced multi-frame',
].map((name) => SEG_CASES.find((spec) => spec.name === name)!);

const PROGRESS = { signal: new AbortController().signal, report: () => {} };
/** A run of a correction. */
const idOf = (series: CtSeries, name: string) => `${series.seriesInstanceUid}-${name}`;
const CREATED = '2026-11-25T09:30:00.000Z';

/** What a person makes of a label map: lesion 1 grows by a voxel to every side, lesion 2 goes, a new one comes. */
interface Edit {
  /** As the viewer has them: 1 liver, 2 lesion 1, 40 the new one; holes where something was erased. */
  readonly sent: Uint16Array;
  /** As they shall be kept, in segment numbers. */
  readonly kept: Uint16Array;
  readonly algorithms: readonly string[];
  /** Segment number of what was lesion 1. */
  readonly grown: number;
}

function edit(series: CtSeries): Edit {
  const { grid, labels } = labelsInPixels(series);
  const [nx, ny] = grid.shape;
  const sent = labels.slice();
  for (let at = 0; at < labels.length; at++) {
    if (labels[at] === 3) sent[at] = 0;
    if (labels[at] !== 2) continue;
    for (const step of [1, -1, nx, -nx]) if (labels[at + step] === 1) sent[at + step] = 2;
  }
  // Right at the liver's first slice, where nothing else is near, in the middle of its row.
  const first = labels.indexOf(1);
  const drawn = [first, first + nx * ny, first + nx * ny + 1, first + nx * ny + nx];
  for (const at of drawn) sent[at] = 40;
  const count = (label: number) => sent.reduce((sum, each) => sum + (each === label ? 1 : 0), 0);
  const [grown, added] = count(2) >= count(40) ? [2, 3] : [3, 2];
  const kept = sent.map((label, at) => {
    if (label === 0 && labels[at] === 3) return 1;
    return label === 2 ? grown : label === 40 ? added : label;
  });
  const algorithms = ['SEMIAUTOMATIC', '', ''];
  algorithms[grown - 1] = 'SEMIAUTOMATIC';
  algorithms[added - 1] = 'MANUAL';
  return { sent, kept, algorithms, grown };
}

/** As a viewer sends it: by source image, as runs, in an order of its own. */
function correctionOf(series: CtSeries, labels: Uint16Array): Correction {
  const [columns, rows] = series.volume.grid.shape;
  const slices = series.slices.map(({ sopInstanceUid, frameNumber }, k) => {
    const image = labels.subarray(k * columns * rows, (k + 1) * columns * rows);
    const runs: number[] = [];
    for (let first = 0; first < image.length; ) {
      let end = first + 1;
      while (end < image.length && image[end] === image[first]) end++;
      if (image[first] !== 0) runs.push(image[first]!, first, end - first);
      first = end;
    }
    return { sopInstanceUID: sopInstanceUid, frame: frameNumber, runs };
  });
  slices.sort((a, b) => (a.sopInstanceUID < b.sopInstanceUID ? 1 : -1));
  const segments = [
    { segment: 1, kind: 'liver', trackingUid: null },
    { segment: 2, kind: 'lesion', trackingUid: fakeLesion(1).trackingUid },
    { segment: 40, kind: 'lesion', trackingUid: null },
  ] as const;
  return { columns, rows, segments: [...segments], slices };
}

describe('corrections in a real archive', () => {
  let folder: string;
  let orthanc: RunningOrthanc;
  let address: ArchiveOptions;
  let archive: Archive;
  const verdicts = new Map<string, Verdict>();
  const kept = new Map<string, { series: CtSeries; findings: FindingsDocument; edited: Edit; seg: Uint8Array }>();

  const requestFor = (series: CtSeries, name: string, file: string) => ({
    runId: idOf(series, name),
    source: {
      kind: 'dicomweb' as const,
      archive: address,
      studyInstanceUid: series.studyInstanceUid,
      seriesInstanceUid: series.seriesInstanceUid,
      instances: [...new Set(series.slices.map(({ sopInstanceUid }) => sopInstanceUid))],
    },
    modelDir: null,
    provider: 'cpu' as const,
    outDir: join(folder, idOf(series, name)),
    store: true,
    supersedes: series.seriesInstanceUid,
    createdAt: CREATED,
    correction: {
      corrects: series.seriesInstanceUid,
      reviewer: 'dr-adler',
      file,
      model: { id: 'liver-lesion-ct', version: '1.0.0', digest: 'a1'.repeat(32) },
      engine: { provider: 'cpu' as const, device: 'CPU, 2 threads' },
      confidences: { [fakeLesion(1).trackingUid]: 0.87 },
    },
  });

  async function retrieve(series: CtSeries, runId: string): Promise<Uint8Array> {
    const { seriesInstanceUID } = segUids(runId);
    for await (const file of archive.retrieveSeries(series.studyInstanceUid, seriesInstanceUID)) return file;
    throw new Error('there is no segmentation');
  }

  async function correct(series: CtSeries, name: string, labels: Uint16Array): Promise<FindingsDocument> {
    const file = join(folder, `${idOf(series, name)}.json.gz`);
    await writeFile(file, gzipSync(JSON.stringify(correctionOf(series, labels))));
    return runPipeline(requestFor(series, name, file), PROGRESS);
  }

  async function prepare({ uid }: SeriesSpec): Promise<CtSeries> {
    const ct = join(folder, uid, 'ct');
    const files = await Promise.all((await readdir(ct)).map((name) => readFile(join(ct, name))));
    const series = await readSeries(ct);
    await archive.store([...files, writeSeg(series, labelsInPixels(series))], series.studyInstanceUid);
    return series;
  }

  before(async function () {
    this.timeout(240_000);
    folder = await mkdtemp(join(tmpdir(), 'hepar-corrections-'));
    await makeSeries(folder, CASES);
    orthanc = await startTestOrthanc();
    address = { url: orthanc.dicomWebUrl, username: orthanc.username, password: orthanc.password };
    archive = createArchive(address);
    const cases = [];
    for (const spec of CASES) {
      const series = await prepare(spec);
      const edited = edit(series);
      const findings = await correct(series, 'c1', edited.sent);
      const seg = await retrieve(series, idOf(series, 'c1'));
      kept.set(spec.name, { series, findings, edited, seg });
      const truth = truthOf(series, { grid: series.volume.grid, labels: edited.kept });
      await mkdir(join(folder, spec.uid), { recursive: true });
      await writeCase(join(folder, spec.uid), seg, truth);
      cases.push({ folder: join(folder, spec.uid), truth });
    }
    for (const [n, verdict] of (await readCases(cases)).entries()) {
      // The source pixels state what was there before the edit.
      verdicts.set(CASES[n]!.name, { ...verdict, differentFromSourcePixels: 0 });
    }
  });

  after(async () => {
    archive?.close();
    await orthanc?.stop();
    process.stdout.write(tableOf(verdicts));
    await rm(folder, { recursive: true, force: true });
  });

  for (const { name } of CASES) {
    it(`${name}: every reader finds every edited voxel on its own slice, and who drew it`, () => {
      const verdict = verdicts.get(name)!;
      const { edited, findings } = kept.get(name)!;
      assertFaithful(verdict, 2, edited.algorithms);
      const [lesion] = findings.lesions.filter(({ segmentNumber }) => segmentNumber === edited.grown);
      assert.equal(lesion!.trackingUid, fakeLesion(1).trackingUid, 'the lesion that grew is the one that it was');
      assert.deepEqual(
        verdict.segments.map(({ trackingUid }) => trackingUid),
        ['', ...findings.lesions.map(({ trackingUid }) => trackingUid)],
      );
      assert.ok(findings.lesions.every(({ confidence }) => confidence === null));
    });
  }

  it('says what it was made from and by whom, and leaves the original where it is', async () => {
    const { series, findings, seg } = kept.get('axial')!;
    const dataset = parseInstance(seg).dataset;
    assert.deepEqual(provenanceOf(dataset), {
      runId: idOf(series, 'c1'),
      supersedes: series.seriesInstanceUid,
      correction: { corrects: series.seriesInstanceUid, reviewer: 'dr-adler' },
    });
    assert.equal(dataset.text('00700084'), 'dr-adler', 'Content Creator’s Name');
    assert.deepEqual(
      [findings.kind, findings.corrects, findings.reviewer],
      ['correction', series.seriesInstanceUid, 'dr-adler'],
    );
    const original = await retrieve(series, series.seriesInstanceUid);
    assert.deepEqual(Buffer.from(original), Buffer.from(writeSeg(series, labelsInPixels(series))));
  });

  it('brings its report: the same lesions, and no algorithm for what a person drew', async () => {
    const { series, findings } = kept.get('oblique, reversed')!;
    const report = join(folder, idOf(series, 'c1'), 'report.dcm');
    assert.deepEqual(await dciodvfyErrors(report, 'Comprehensive3DSR'), []);
    const [read] = (await python('read_sr.py', report)) as ReadReport[];
    const lesions = read!.groups.filter(({ trackingId }) => trackingId.startsWith('Lesion '));
    assert.deepEqual(
      lesions.map(({ trackingUid }) => trackingUid),
      findings.lesions.map(({ trackingUid }) => trackingUid),
    );
    assert.deepEqual(
      lesions.map(({ algorithm }) => algorithm.length > 0),
      findings.lesions.map(({ algorithmType }) => algorithmType !== 'manual'),
    );
    assert.match(read!.comment, /Corrected by dr-adler/);
  });

  it('is made once: a retry stores the same bytes', async () => {
    const { series, edited, seg } = kept.get('oblique, reversed')!;
    const outDir = join(folder, idOf(series, 'c1'));
    await rm(outDir, { recursive: true });
    await correct(series, 'c1', edited.sent);
    assert.deepEqual(await readFile(join(outDir, 'segmentation.dcm')), Buffer.from(seg));
  });

  it('keeps the model’s word for what nobody touched, and a correction can be corrected', async () => {
    const { series, edited } = kept.get('non-square pixels')!;
    const [nx] = series.volume.grid.shape;
    const labels = labelsInPixels(series).labels;
    const onlyLiver = labels.slice();
    onlyLiver[labels.lastIndexOf(1)] = 0;
    for (let voxel = 0; voxel < labels.length; voxel++) if (labels[voxel] === 3) onlyLiver[voxel] = 40;
    const findings = await correct(series, 'c2', onlyLiver);
    assert.deepEqual(
      [findings.liver.algorithmType, ...findings.lesions.map((lesion) => [lesion.algorithmType, lesion.confidence])],
      ['semiautomatic', ['automatic', 0.87], ['automatic', null]],
      'the second lesion was recognised by its voxels, and nobody knows its confidence',
    );
    const request = requestFor(series, 'c3', join(folder, `${idOf(series, 'c3')}.json.gz`));
    const again = edited.sent.slice();
    again[edited.sent.indexOf(40) + nx] = 40;
    await writeFile(request.correction.file, gzipSync(JSON.stringify(correctionOf(series, again))));
    const third = await runPipeline(
      {
        ...request,
        correction: { ...request.correction, corrects: idOf(series, 'c1') },
      },
      PROGRESS,
    );
    assert.deepEqual(
      third.lesions.map(({ algorithmType }) => algorithmType).sort(),
      ['manual', 'semiautomatic'],
      'what a person drew stays a person’s, what was changed before stays changed',
    );
  });

  it('that changes nothing makes no second result of it', async () => {
    const { series } = kept.get('odd size 125 x 99')!;
    const { labels } = labelsInPixels(series);
    const sent = labels.map((label) => (label === 3 ? 40 : label));
    await assert.rejects(
      correct(series, 'c4', sent),
      (error) => error instanceof Refusal && error.code === 'nothing-changed',
    );
    assert.equal(
      (await archive.findInstances(series.studyInstanceUid, segUids(idOf(series, 'c4')).seriesInstanceUID)).length,
      0,
    );
  });
});
