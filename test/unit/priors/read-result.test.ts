import assert from 'node:assert/strict';
import type { Dataset } from '../../../server/src/dicom/dataset.ts';
import type { SeriesSummary, StudySummary } from '../../../server/src/dicomweb/archive.ts';
import { NotFound } from '../../../server/src/dicomweb/errors.ts';
import { archivedResults, type PriorArchive } from '../../../server/src/priors/archived.ts';
import type { Candidate } from '../../../server/src/priors/candidate.ts';
import { readPriors } from '../../../server/src/priors/read-priors.ts';
import { readResult, UnreadablePrior } from '../../../server/src/priors/read-result.ts';
import { DEFAULT_OPTIONS, type ResultOptions } from '../../../server/src/reports/options.ts';
import { toPatient, toVoxel } from '../../../server/src/volume/geometry.ts';
import type { CtSeries } from '../../../server/src/volume/series.ts';
import type { Grid } from '../../../server/src/volume/volume.ts';
import { type MadeResult, makeResult } from '../../conformance/made-result.ts';
import { fakeHeader, fakeSeries } from '../reports/fake-series.ts';

const signal = new AbortController().signal;
const turn = Math.SQRT1_2;
const OBLIQUE: Partial<Grid> = {
  spacingMm: [2, 2.5, 4],
  axes: [
    [turn, turn, 0],
    [turn, -turn, 0],
    [0, 0, -1],
  ],
};
const SHAPE = [60, 50, 40] as const;

/** An ellipsoid with two lesions, on odd axes. */
function labels(): Uint8Array {
  return Uint8Array.from({ length: 60 * 50 * 40 }, (_, at) => {
    const [i, j, k] = [at % 60, Math.floor(at / 60) % 50, Math.floor(at / 3000)];
    const inBall = (x: number, y: number, z: number, r: number) =>
      Math.hypot((i - x) * 2, (j - y) * 2.5, (k - z) * 4) < r;
    if (inBall(20, 20, 18, 12) || inBall(40, 30, 22, 8)) return 2;
    return Math.hypot((i - 30) / 25, (j - 25) / 20, (k - 20) / 15) < 1 ? 1 : 0;
  });
}

const patient = (date: string, extra: Record<string, readonly [string, string]> = {}): Dataset =>
  fakeHeader({ '00100020': ['LO', '4711'], '00080020': ['DA', date], '00080030': ['TM', '1000'], ...extra });

interface Made extends MadeResult {
  readonly segs: Uint8Array[];
}

async function made(
  parts: Partial<Pick<CtSeries, 'studyInstanceUid' | 'seriesInstanceUid' | 'header'>> = {},
  changes: { runId?: string; supersedes?: string; options?: Partial<ResultOptions> } = {},
): Promise<Made> {
  const series = { ...fakeSeries([...SHAPE], { ...OBLIQUE, header: patient('20250101') }), ...parts };
  const { runId = 'run-1', supersedes = null, options } = changes;
  const result = await makeResult(series, labels(), { runId, supersedes, options: { ...DEFAULT_OPTIONS, ...options } });
  const segs = ['segmentation.dcm', 'liver.dcm'].flatMap((name) => result.objects.files[name] ?? []);
  return { ...result, segs };
}

describe('reading an earlier result from its segmentation', () => {
  it('gives the very lesions that were measured, where they were, on an oblique grid that runs backwards', async () => {
    const { findings, segs, segments, series } = await made();
    const result = readResult(segs)!;
    assert.deepEqual(
      result.lesions,
      findings.lesions.map(({ segmentNumber, trackingUid, volumeMl, longAxisMm, shortAxisMm, centroidMm }) => ({
        segmentNumber,
        trackingUid,
        volumeMl,
        longAxisMm,
        shortAxisMm,
        centroidMm,
      })),
    );
    assert.ok(Math.abs(result.liverVolumeMl - findings.liver.volumeMl) < 0.01);
    assert.equal(result.provenance.runId, 'run-1');
    assert.equal(result.source.seriesInstanceUid, series.seriesInstanceUid);
    assert.deepEqual(
      result.source.sopInstanceUids,
      series.slices.map(({ sopInstanceUid }) => sopInstanceUid),
    );
    // Every voxel of the cropped map is the voxel of the whole one at the same place.
    const { grid } = result.segments;
    let labelled = 0;
    result.segments.labels.forEach((label, at) => {
      const [nx, ny] = grid.shape;
      const place = toPatient(grid, [at % nx, Math.floor(at / nx) % ny, Math.floor(at / (nx * ny))]);
      const [i, j, k] = toVoxel(segments.grid, place).map(Math.round) as [number, number, number];
      assert.equal(label, segments.labels[i + 60 * (j + 50 * k)]);
      if (label > 0) labelled++;
    });
    assert.equal(labelled, segments.labels.filter(Boolean).length);
  });

  it('is the same when the liver has a segmentation of its own', async () => {
    const whole = readResult((await made()).segs)!;
    const { segs } = await made({}, { options: { liver: 'own-series' } });
    assert.equal(segs.length, 2);
    for (const files of [segs, segs.toReversed()]) {
      const apart = readResult(files)!;
      assert.deepEqual(apart.segments, whole.segments);
      assert.deepEqual(apart.lesions, whole.lesions);
      assert.deepEqual(apart.seg, whole.seg);
    }
  });

  it('says why it cannot read another kind, and passes over what is not ours', async () => {
    const { segs } = await made({}, { options: { seg: 'labelmap' } });
    assert.throws(() => readResult(segs), UnreadablePrior);
    const lesionsOnly = await made({}, { options: { liver: 'left-out' } });
    assert.throws(() => readResult(lesionsOnly.segs), /no liver to align by/);
    const ours = Buffer.from((await made()).segs[0]!);
    const maker = ours.indexOf('Hepar');
    assert.equal(
      readResult([Buffer.concat([ours.subarray(0, maker), Buffer.from('Other'), ours.subarray(maker + 5)])]),
      null,
    );
  });
});

describe('choosing the earlier result', () => {
  const now = (header: Dataset) =>
    made({ studyInstanceUid: '2.25.99', seriesInstanceUid: '2.25.98', header }, { runId: 'now' });
  const candidate = (each: Made): Candidate => ({ segs: each.segs, sourceImages: async () => [] });
  async function* of(...each: Made[]): AsyncGenerator<Candidate> {
    for (const one of each) yield candidate(one);
  }
  const codes = async (header: Dataset, isNamed: boolean, ...each: Made[]) => {
    const { priors, warnings } = await readPriors(await now(header), of(...each), { isNamed, signal });
    assert.equal(warnings.length, priors.unused.length);
    return [priors.comparison?.run ?? null, ...priors.unused.map(({ code }) => code)];
  };

  it('takes the first that can be used, and says what was wrong with those before', async () => {
    const other = await made({
      header: patient('20250101', { '00100021': ['LO', 'South'], '00100020': ['LO', '4711'] }),
    });
    const good = await made({}, { runId: 'good' });
    const header = patient('20250301', { '00100021': ['LO', 'North'] });
    assert.deepEqual(await codes(header, false, other), [null, 'other-issuer']);
    assert.deepEqual(await codes(patient('20250301'), false, good), ['good']);
    const damaged = { ...good, segs: [good.segs[0]!.subarray(0, 4000)] };
    assert.deepEqual(await codes(patient('20250301'), false, damaged, good), ['good', 'unreadable']);
  });

  it('needs to know which scan came first, unless a person says it', async () => {
    const undated = await made({ header: patient('') });
    assert.deepEqual(await codes(patient('20250301'), false, undated), [null, 'undated']);
    assert.deepEqual(await codes(patient('20250301'), true, undated), ['run-1']);
    const later = await made({ header: patient('20250601') });
    assert.deepEqual(await codes(patient('20250301'), false, later), [null]);
    assert.deepEqual(await codes(patient('20250301'), true, later), [null, 'later-scan']);
    const same = await made({ seriesInstanceUid: '2.25.98' });
    assert.deepEqual(await codes(patient('20250301'), true, same), [null, 'same-scan']);
  });
});

describe('looking for earlier results in an archive', () => {
  /** Studies with results; one series a file. */
  function archiveOf(studies: Record<string, { date: string; results: readonly Made[] }>): PriorArchive {
    const seriesOf = (uid: string) =>
      (studies[uid]?.results ?? []).flatMap((result) =>
        result.segs.map((seg, n) => ({ uid: `${result.objects.uids.seg!.seriesInstanceUID}.${n}`, seg })),
      );
    return {
      findStudies: async () =>
        Object.entries(studies).map(
          ([studyInstanceUid, { date }]): StudySummary => ({
            studyInstanceUid,
            patientId: '4711',
            studyDate: date,
            studyTime: null,
          }),
        ),
      findSeries: async (study) =>
        seriesOf(study).map(
          ({ uid }): SeriesSummary => ({
            seriesInstanceUid: uid,
            modality: 'SEG',
            description: 'by Hepar',
            seriesNumber: 1,
            instances: 1,
          }),
        ),
      findInstances: async (_study, series) => [series],
      retrieveInstance: async (study, series) => {
        const found = seriesOf(study).find(({ uid }) => uid === series);
        if (!found) throw new NotFound('http://archive');
        return found.seg;
      },
    };
  }
  async function runs(archive: PriorArchive, series: CtSeries): Promise<string[]> {
    const found: string[] = [];
    for await (const { segs } of archivedResults(archive, series, signal))
      found.push(readResult(segs)!.provenance.runId);
    return found;
  }

  it('gives the newest study first, none of the same or of a later study, and no result that another replaced', async () => {
    const result = (runId: string, supersedes?: string) => made({}, { runId, ...(supersedes ? { supersedes } : {}) });
    const archive = archiveOf({
      '2.25.1': { date: '20240101', results: [await result('old')] },
      '2.25.2': { date: '20250101', results: [await result('replaced'), await result('newer', 'replaced')] },
      '2.25.99': { date: '20250301', results: [await result('same study')] },
      '2.25.4': { date: '20260101', results: [await result('later')] },
    });
    const { series } = await made({ studyInstanceUid: '2.25.99', header: patient('20250301') });
    assert.deepEqual(await runs(archive, series), ['newer', 'old']);
  });

  it('reads the two segmentations of a result as one', async () => {
    const apart = await made({}, { options: { liver: 'own-series' } });
    const archive = archiveOf({ '2.25.1': { date: '20240101', results: [apart] } });
    const { series } = await made({ studyInstanceUid: '2.25.99', header: patient('20250301') });
    const found = [];
    for await (const { segs, addresses } of archivedResults(archive, series, signal))
      found.push([segs.length, addresses.length]);
    assert.deepEqual(found, [[2, 2]]);
  });
});
