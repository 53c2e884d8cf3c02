import assert from 'node:assert/strict';
import { parseInstance } from '../../../server/src/dicom/parse.ts';
import { readSeg } from '../../../server/src/reports/read-seg.ts';
import { buildSeg, type SegInput, segUids } from '../../../server/src/reports/seg.ts';
import { fakeHeader, fakeLabels, fakeLesion, fakeSeries, MANIFEST } from './fake-series.ts';

const series = fakeSeries([16, 15, 11], { header: fakeHeader({ '00200011': ['IS', '4 '] }) });
const box = (i: number, j: number, k: number): number => (i > 3 && i < 12 && j > 2 && j < 11 && k > 1 && k < 9 ? 1 : 0);
const withLesions = fakeLabels(series, (i, j, k) =>
  box(i, j, k) && i < 6 && k < 4 ? 2 : i === 9 && j === 9 && k === 8 ? 3 : box(i, j, k),
);

const input = (changes: Partial<SegInput> = {}): SegInput => ({
  series,
  segments: withLesions,
  lesions: [fakeLesion(1), fakeLesion(2)],
  manifest: MANIFEST,
  modelDigest: 'b2'.repeat(32),
  engine: { provider: 'cpu', device: 'CPU, 2 threads' },
  softwareVersion: '0.1.0',
  runId: 'run-1',
  supersedes: 'run-0',
  createdAt: new Date('2026-11-23T12:00:00Z'),
  ...changes,
});

describe('buildSeg', () => {
  it('gives the same bytes for the same run, so that a retry never puts two contents under one UID', () => {
    assert.deepEqual(buildSeg(input()), buildSeg(input()));
  });

  it('names its object by the run, and another run by other UIDs', () => {
    const { sopInstanceUid, dataset } = parseInstance(buildSeg(input()));
    assert.equal(sopInstanceUid, segUids('run-1').sopInstanceUID);
    assert.equal(dataset.text('0020000e'), segUids('run-1').seriesInstanceUID);
    assert.notEqual(segUids('run-1').sopInstanceUID, segUids('run-2').sopInstanceUID);
    assert.notEqual(segUids('run-1').sopInstanceUID, segUids('run-1').seriesInstanceUID);
  });

  it('says in words what it is: for research, by which model, run on what, in place of which result', () => {
    const { dataset } = parseInstance(buildSeg(input()));
    assert.match(dataset.text('0008103e')!, /research use only/i);
    assert.match(dataset.text('00204000')!, /Not a medical device.*run run-1.*Supersedes the result of run run-0/);
    const [liver, lesion] = dataset.items('00620002');
    assert.match(liver!.text('00620006')!, /without its lesions/);
    assert.match(lesion!.text('00620006')!, /10\.00 mL, 24\.0 x 18\.0 mm.*sha256 (b2){32}/);
    const [algorithm] = lesion!.items('00620007');
    assert.equal(algorithm!.text('00660036'), MANIFEST.name);
    assert.match(algorithm!.text('00660032')!, /provider=cpu; device=CPU, 2 threads/);
    assert.equal(algorithm!.items('0066002f')[0]!.text('00080100'), '123110');
    assert.equal(lesion!.text('00620021'), fakeLesion(1).trackingUid);
  });

  it('is a result too when no lesion was found', () => {
    const seg = readSeg(buildSeg(input({ lesions: [], segments: fakeLabels(series, box) })));
    assert.deepEqual(
      seg.segments.map(({ label }) => label),
      ['Liver'],
    );
    assert.equal(seg.frames.length, 7);
  });

  it('keeps a liver that is all lesion: segment 1 stays, without a frame', () => {
    const all = fakeLabels(series, (i, j, k) => (box(i, j, k) ? 2 : 0));
    const seg = readSeg(buildSeg(input({ lesions: [fakeLesion(1)], segments: all })));
    assert.deepEqual(
      seg.segments.map(({ label }) => label),
      ['Liver', 'Lesion 1'],
    );
    assert.ok(seg.frames.every(({ segmentNumber }) => segmentNumber === 2));
  });

  it('names the frame of an enhanced multi-frame source', () => {
    const enhanced = {
      ...series,
      slices: series.slices.map((slice, k) => ({ ...slice, sopInstanceUid: '2.25.5', frameNumber: 11 - k })),
    };
    const [first] = readSeg(buildSeg(input({ series: enhanced }))).frames;
    assert.equal(first!.sourceSopInstanceUid, '2.25.5');
    assert.equal(first!.sourceFrameNumber, 9);
  });

  it('carries lossy compression over, as far as the source states it', () => {
    const lossy = { ratios: ['12.5', '4.00000000000000001'], methods: ['ISO_15444_1', 'ISO_10918_1'] };
    const { dataset } = parseInstance(buildSeg(input({ series: { ...series, lossy } })));
    assert.equal(dataset.text('00282110'), '01');
    assert.deepEqual(dataset.texts('00282112'), ['12.5', '4']);
    assert.deepEqual(dataset.texts('00282114'), lossy.methods);
    const unstated = parseInstance(buildSeg(input({ series: { ...series, lossy: { ratios: [], methods: [] } } })));
    assert.equal(unstated.dataset.text('00282110'), '01');
    assert.equal(unstated.dataset.has('00282112'), false);
  });

  for (const [what, changes, message] of [
    ['a lesion without a voxel', { lesions: [1, 2, 3].map((n) => fakeLesion(n)) }, /lesion 3 has no voxel/],
    ['labels that no lesion describes', { lesions: [fakeLesion(1)] }, /label 3 .* only 2 segments/],
    ['lesions in another order than their labels', { lesions: [fakeLesion(2), fakeLesion(1)] }, /expected 2/],
    [
      'a tracking UID that is none',
      { lesions: [fakeLesion(1), fakeLesion(2, { trackingUid: 'x' })] },
      /lesion 2 .*UID/,
    ],
    ['an empty label map', { lesions: [], segments: fakeLabels(series, () => 0) }, /no voxel is labelled/],
    [
      'labels that begin elsewhere',
      { segments: fakeLabels(fakeSeries([16, 15, 11], { originMm: [0, 0, 0] }), box), lesions: [] },
      /another place/,
    ],
    [
      'the labels of another series',
      { segments: fakeLabels(fakeSeries([16, 15, 12]), box), lesions: [] },
      /16 x 15 x 12/,
    ],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => buildSeg(input(changes)), { name: 'InvalidSegmentation', message });
    });
  }
});
