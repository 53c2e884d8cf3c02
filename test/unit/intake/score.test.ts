import assert from 'node:assert/strict';
import type { ImageSummary } from '../../../server/src/dicomweb/archive.ts';
import { phaseNamed } from '../../../server/src/intake/phase.ts';
import { judgeSeries, recommend, type SeriesDescription } from '../../../server/src/intake/score.ts';

const IMAGE: ImageSummary = {
  imageType: ['ORIGINAL', 'PRIMARY', 'AXIAL'],
  frames: null,
  orientation: [1, 0, 0, 0, 1, 0],
  sliceThicknessMm: 2.5,
  sliceSpacingMm: 2.5,
  rescaleType: 'HU',
  protocol: 'Abdomen 3-phase',
  bodyPart: 'ABDOMEN',
  kernel: 'B30f',
  contrastAgent: 'Iomeprol',
  manufacturer: null,
  institution: null,
  studyDate: null,
};
let number = 0;
const series = (description: string, more: Partial<SeriesDescription> = {}, image: Partial<ImageSummary> = {}) => ({
  seriesInstanceUid: `1.2.${++number}`,
  modality: 'CT',
  description,
  seriesNumber: number,
  instances: 100,
  image: { ...IMAGE, ...image },
  ...more,
});
const chosen = (...all: SeriesDescription[]) => recommend(all)?.description ?? null;

describe('which series is recommended', () => {
  it('is the portal venous one of a study as scanners send it', () => {
    const study = [
      series('Topogram', { instances: 2 }, { imageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] }),
      series('nativ 3.0'),
      series('arteriell 1.0', { instances: 300 }, { sliceThicknessMm: 1, sliceSpacingMm: 0.8 }),
      series('portalvenös 5.0', {}, { sliceThicknessMm: 5, sliceSpacingMm: 5 }),
      series('portalvenös 2.0', {}, { sliceThicknessMm: 2, sliceSpacingMm: 2 }),
      series('portalvenös cor', {}, { orientation: [1, 0, 0, 0, 0, -1] }),
      series('portalvenös Lunge', {}, { kernel: 'B70f' }),
      series('spät 5 min'),
      series('MIP portalvenös', {}, { imageType: ['DERIVED', 'SECONDARY', 'MIP'] }),
    ];
    assert.equal(chosen(...study), 'portalvenös 2.0');
    assert.equal(chosen(...study.toReversed()), 'portalvenös 2.0', 'in whatever order the archive lists them');
  });

  it('is a phase with contrast before one without, and an unnamed phase with contrast before a named arterial one', () => {
    assert.equal(chosen(series('native'), series('arterial')), 'arterial');
    assert.equal(chosen(series('arterial'), series('Abdomen')), 'Abdomen');
    assert.equal(chosen(series('native'), series('Abdomen', {}, { contrastAgent: null })), 'Abdomen');
  });

  it('is the whole liver in thick slices rather than a part of it in thin ones', () => {
    const part = series('portal venous part', { instances: 30 }, { sliceThicknessMm: 1, sliceSpacingMm: 1 });
    assert.equal(
      chosen(part, series('portal venous', { instances: 40 }, { sliceThicknessMm: 5, sliceSpacingMm: 5 })),
      'portal venous',
    );
  });

  it('is none where nothing shows a liver', () => {
    assert.equal(chosen(series('Schädel nativ', {}, { bodyPart: 'HEAD', contrastAgent: null })), null);
    assert.equal(chosen(series('T1', { modality: 'MR' }), series('scout', { instances: 2 })), null);
    assert.equal(recommend([]), null);
  });

  it('does not depend on chance between equals', () => {
    const [one, other] = [series('portal venous'), series('portal venous')];
    assert.equal(recommend([other, one]), one);
    assert.equal(recommend([one, other]), one);
  });
});

describe('the judgement of a series', () => {
  const reasonOf = (each: SeriesDescription) => judgeSeries(each).reason;

  it('says why, with figures', () => {
    assert.deepEqual(judgeSeries(series('portal venous')), {
      suitable: true,
      score: 100,
      reason: 'portal venous phase, 2.5 mm slices, 100 slices over 250 mm',
    });
    assert.match(reasonOf(series('lung', {}, { kernel: 'B70f' })), /sharp reconstruction/);
    assert.match(
      reasonOf(series('native', {}, { sliceThicknessMm: 8, sliceSpacingMm: 8 })),
      /without contrast, thick: 8 mm slices/,
    );
    assert.match(reasonOf(series('portal', { instances: 20 })), /only 50 mm long/);
  });

  it('is a refusal where the pipeline would refuse, with its code', () => {
    const codes = [
      series('mr', { modality: 'MR' }),
      series('unknown', { modality: null, image: null }),
      series('few', { instances: 9 }),
      series('scout', {}, { imageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] }),
      series('sagittal', {}, { orientation: [0, 1, 0, 0, 0, -1] }),
      series('mip', {}, { imageType: ['DERIVED', 'SECONDARY', 'MIP'] }),
      series('iodine', {}, { rescaleType: 'MGML' }),
    ].map((each) => {
      const judgement = judgeSeries(each);
      return judgement.suitable ? 'suitable' : judgement.code;
    });
    const expected = [
      'not-ct',
      'not-ct',
      'too-few-slices',
      'localizer-only',
      'not-axial',
      'derived-image',
      'not-hounsfield',
    ];
    assert.deepEqual(codes, expected);
  });

  it('counts the frames of an enhanced image as slices, and accepts headers that say little', () => {
    assert.ok(judgeSeries(series('enhanced', { instances: 1 }, { frames: 160, orientation: [] })).suitable);
    assert.ok(judgeSeries(series('bare', { image: null })).suitable);
  });
});

describe('the phase that a name speaks of', () => {
  it('is found in the words of several languages', () => {
    const named: Record<string, string | null> = {
      'ABD_PORTAL_VENOUS_2.5': 'portal venous',
      'Abdomen portalvenös 1.0 Br36': 'portal venous',
      'Temps portal': 'portal venous',
      'PVP 70s': 'portal venous',
      'Late arterial': 'arterial',
      'Art. 1.0 B30f': 'arterial',
      HAP: 'arterial',
      Spätphase: 'delayed',
      'Delayed 5 min': 'delayed',
      'Nativ 5.0': 'unenhanced',
      'W/O contrast': 'unenhanced',
      'NON-CON': 'unenhanced',
      'sans IV': 'unenhanced',
      Abdomen: null,
      'nativ + portalvenös': null,
      'Partial recon': null,
    };
    assert.deepEqual(Object.fromEntries(Object.keys(named).map((name) => [name, phaseNamed(name)])), named);
  });

  it('is not made up', () => {
    assert.equal(phaseNamed(null), null);
    assert.equal(phaseNamed(''), null);
  });
});
