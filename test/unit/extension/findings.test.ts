import { deepEqual, equal, match } from 'node:assert/strict';
import { whenBefore } from '../../../extension/src/findings/comparison.ts';
import { axesMm, duration, hounsfield, volumeMl } from '../../../extension/src/findings/format.ts';
import {
  BY_NUMBER,
  confident,
  jumpTarget,
  neighbour,
  ordered,
  reordered,
} from '../../../extension/src/findings/order.ts';
import { reportText } from '../../../extension/src/findings/report-text.ts';
import type { Comparison } from '../../../server/src/findings/priors.ts';
import { findings, lesion } from './support.ts';

describe('the list of lesions in the viewer', () => {
  const three = [
    lesion(1, { meanHu: 80, confidence: 0.6 }),
    lesion(2, { meanHu: 40, confidence: 0.95 }),
    lesion(3, { meanHu: 40, confidence: 0.3 }),
  ];
  const numbers = (lesions: readonly { number: number }[]) => lesions.map(({ number }) => number);

  it('sorts by any column both ways, and equal ones by number', () => {
    deepEqual(numbers(ordered(three, { key: 'meanHu', ascending: true })), [2, 3, 1]);
    deepEqual(numbers(ordered(three, { key: 'meanHu', ascending: false })), [1, 2, 3]);
    deepEqual(numbers(ordered(three, { key: 'confidence', ascending: false })), [2, 1, 3]);
    deepEqual(numbers(three), [1, 2, 3], 'the findings themselves are left as they are');
  });

  it('shows the most telling end of a column first, and turns it round at the second click', () => {
    const first = reordered(BY_NUMBER, 'volumeMl');
    deepEqual(first, { key: 'volumeMl', ascending: false });
    deepEqual(reordered(first, 'volumeMl'), { key: 'volumeMl', ascending: true });
  });

  it('hides lesions below the chosen confidence, and keeps one that lies on it', () => {
    deepEqual(numbers(confident(three, 0.6)), [1, 2]);
    deepEqual(numbers(confident(three, 0)), [1, 2, 3]);
  });

  it('goes from lesion to lesion in the order on screen, round and round', () => {
    const shown = ordered(three, { key: 'confidence', ascending: false });
    equal(neighbour(shown, null, 1)?.number, 2);
    equal(neighbour(shown, null, -1)?.number, 3);
    equal(neighbour(shown, 2, 1)?.number, 1);
    equal(neighbour(shown, 3, 1)?.number, 2);
    equal(neighbour(shown, 2, -1)?.number, 3);
    equal(neighbour(confident(three, 0.9), 1, 1)?.number, 2, 'from one that is no longer listed');
    equal(neighbour([], null, 1), null);
  });

  it('jumps to the slice that the diameters were measured on, even where the centroid lies on another', () => {
    const bent = lesion(1, {
      centroidMm: [0, 0, 99],
      longAxisEndsMm: [
        [-10, 4, 30],
        [20, 8, 30],
      ],
    });
    deepEqual(jumpTarget(bent), [5, 6, 30]);
  });
});

describe('figures as they are shown', () => {
  it('has as many digits as mean something', () => {
    equal(volumeMl(1523.4), '1523');
    equal(volumeMl(40.44), '40.4');
    equal(volumeMl(0.43), '0.43');
    equal(axesMm(29.4, 25.6), '29 × 26');
  });

  it('keeps the sign of fat and water where a screen reader hears it', () => {
    equal(hounsfield(-12.4), '−12');
    equal(hounsfield(-0.2), '0');
  });

  it('tells times as people do', () => {
    equal(duration(48_400), '48 s');
    equal(duration(59_700), '1 min 00 s');
    equal(duration(65_000), '1 min 05 s');
    equal(duration(3_720_000), '1 h 02 min');
    equal(duration(-5), '0 s');
  });
});

const COMPARISON: Comparison = {
  run: 'before',
  studyInstanceUID: '2.25.1',
  seriesInstanceUID: '2.25.2',
  seg: { seriesInstanceUID: '2.25.3', sopInstanceUID: '2.25.4' },
  intervalDays: 90,
  alignment: {
    method: 'liver',
    toPrior: [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
    ],
    rotationDegrees: 0,
    shiftMm: 0,
    liverDice: 0.95,
    surfaceDistanceMm: 1,
  },
  liver: { priorMl: 1500, changePercent: 0 },
  lesionBurden: { priorMl: 12.75, changeMl: 2.25, changePercent: 17.6 },
  lesions: [],
  sumOfDiameters: {
    targets: [],
    priorMm: 46,
    currentMm: 30,
    changeMm: -16,
    changePercent: -34.8,
    notice: 'Arithmetic only.',
  },
};

describe('the text for the report', () => {
  it('says what was found, and by what', () => {
    equal(
      reportText(findings([lesion(1), lesion(2, { confidence: 0.4, meanHu: -3 })]), { lowestConfidence: 0 }),
      [
        'Liver volume: 1500 ml.',
        '2 liver lesions, 15.0 ml in all (1.0 % of the liver).',
        'Lesion 1: 30 × 20 mm, 10.0 ml, mean 60 HU, confidence 90 %.',
        'Lesion 2: 15 × 10 mm, 5.00 ml, mean −3 HU, confidence 40 %.',
        'Measured automatically by hepar-ct-liver 0.1.0. Research use only.',
      ].join('\n'),
    );
  });

  it('does not keep silent about lesions that are hidden by their confidence', () => {
    const text = reportText(findings([lesion(1), lesion(2, { confidence: 0.4 })]), { lowestConfidence: 0.5 });
    match(text, /^2 liver lesions/m);
    match(text, /^1 lesion with a confidence below 50 % not listed\.$/m);
    equal(text.includes('Lesion 2'), false);
  });

  it('calls no lesion a finding like any other, and passes on the warnings', () => {
    const none = findings([], {
      lesionBurdenMl: 0,
      warnings: [{ code: 'lossy', message: 'The images were compressed with loss.' }],
    });
    match(
      reportText(none, { lowestConfidence: 0 }),
      /^No liver lesion found\.\nNote: The images were compressed with loss\.$/m,
    );
  });

  it('says of each lesion what it was in the earlier scan, and which are gone', () => {
    const then = (segmentNumber: number, volumeMl: number, longAxisMm: number) => ({
      segmentNumber,
      trackingUid: null,
      volumeMl,
      longAxisMm,
      shortAxisMm: longAxisMm - 2,
      centroidMm: [0, 0, 0] as [number, number, number],
      alignedCentroidMm: [0, 0, 0] as [number, number, number],
    });
    const apart = {
      distanceMm: null,
      volumeChangeMl: null,
      volumeChangePercent: null,
      longAxisChangeMm: null,
      longAxisChangePercent: null,
      doublingTimeDays: null,
    };
    const text = reportText(
      findings([lesion(1), lesion(2)], {
        priors: {
          comparison: {
            ...COMPARISON,
            lesions: [
              {
                ...apart,
                change: 'grown',
                lesions: [1],
                priors: [then(2, 5.5, 22)],
                volumeChangePercent: 81.8,
                longAxisChangeMm: 8,
                doublingTimeDays: 104.4,
              },
              { ...apart, change: 'new', lesions: [2], priors: [] },
              { ...apart, change: 'gone', lesions: [], priors: [then(3, 7.25, 24)] },
            ],
          },
          unused: [],
        },
      }),
      { lowestConfidence: 0 },
    ).split('\n');
    equal(
      text[2],
      'Lesion 1: 30 × 20 mm, 10.0 ml, mean 60 HU, confidence 90 %; grown (was 5.50 ml, 22 × 20 mm; volume +82 %; long axis +8.0 mm; volume doubles in 104 days).',
    );
    match(text[3]!, /; new\.$/);
    deepEqual(text.slice(4, 7), [
      'Earlier scan, 90 days before: 1 new, 1 grown, 1 gone.',
      'Lesion of the earlier scan: gone (was 7.25 ml, 24 × 22 mm).',
      'Sum of target diameters: 46 mm, now 30 mm (−35 %). Arithmetic only.',
    ]);
  });

  it('says when the earlier scan was, as far as that is known', () => {
    equal(whenBefore({ ...COMPARISON, intervalDays: null }), 'at an unknown time before');
    equal(whenBefore({ ...COMPARISON, intervalDays: 0.2 }), 'on the same day');
    equal(whenBefore({ ...COMPARISON, intervalDays: 1 }), '1 day before');
  });
});
