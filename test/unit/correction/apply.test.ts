import { deepEqual, equal, throws } from 'node:assert/strict';
import { applyCorrection } from '../../../server/src/correction/apply.ts';
import { type Before, compareWith } from '../../../server/src/correction/compare.ts';
import { mendHoles } from '../../../server/src/correction/mend.ts';
import type { Correction } from '../../../server/src/correction/schema.ts';
import { Refusal } from '../../../server/src/refusal.ts';
import { fakeLabels, fakeSeries } from '../reports/fake-series.ts';

const series = fakeSeries([6, 5, 3]);
const at = (i: number, j: number, k: number) => i + 6 * (j + 5 * k);

/** The correction that a viewer would send of a label map, one run a voxel, with the slices backwards. */
function sent(label: (i: number, j: number, k: number) => number[], segments: Correction['segments']): Correction {
  const slices = series.slices.map(({ sopInstanceUid }, k) => {
    const runs: number[] = [];
    for (let pixel = 0; pixel < 30; pixel++) {
      for (const segment of label(pixel % 6, Math.floor(pixel / 6), k)) runs.push(segment, pixel, 1);
    }
    return { sopInstanceUID: sopInstanceUid, frame: null, runs };
  });
  return { columns: 6, rows: 5, segments, slices: slices.reverse() };
}
const LIVER = { segment: 1, kind: 'liver', trackingUid: null } as const;
const lesion = (segment: number, trackingUid: string | null = null) =>
  ({ segment, kind: 'lesion', trackingUid }) as const;

describe('a correction on the series’ grid', () => {
  it('lets lesions win over liver and of two lesions the later, whatever the order of the layers', () => {
    const { segments } = applyCorrection(
      series,
      sent(
        (i, j, k) => (k !== 1 ? [] : i === 2 ? [9, 1] : i === 3 ? [9, 5, 1] : j === 2 ? [1] : []),
        [LIVER, lesion(5), lesion(9)],
      ),
    );
    equal(segments.labels[at(2, 2, 1)], 3, 'segment 9 is the second lesion');
    equal(segments.labels[at(3, 2, 1)], 2);
    equal(segments.labels[at(1, 2, 1)], 1);
    equal(segments.labels.filter((label) => label > 0).length, 5 + 5 + 4);
  });

  it('refuses slices that are not the series’', () => {
    const correction = sent(() => [1], [LIVER]);
    const slices = correction.slices.map((slice) => ({ ...slice, frame: 1 }));
    throws(() => applyCorrection(series, { ...correction, slices }), Refusal);
    throws(() => applyCorrection(series, { ...correction, slices: slices.slice(1) }), Refusal);
  });

  it('fills what was erased within the liver, but no hole that was there before and nothing that lies open', () => {
    // A block of liver; before, it was whole but for a hole of its own at (3, 2, 1).
    const inside = (i: number, j: number) => i > 0 && i < 5 && j > 0 && j < 4;
    const before = fakeLabels(series, (i, j, k) => (inside(i, j) && !(k === 1 && i === 3 && j === 2) ? 1 : 0));
    const map = fakeLabels(series, (i, j, k) => {
      const isErased = k === 1 && ((i === 2 && j === 2) || (i === 4 && j === 3));
      return before.labels[at(i, j, k)] === 1 && !isErased ? 1 : 0;
    });
    equal(mendHoles(map, before.labels), 1);
    equal(map.labels[at(2, 2, 1)], 1, 'erased within');
    equal(map.labels[at(3, 2, 1)], 0, 'a hole of old');
    equal(map.labels[at(4, 3, 1)], 0, 'erased at the border');
    equal(
      mendHoles(
        fakeLabels(series, () => 0),
        before.labels,
      ),
      0,
    );
  });
});

describe('a lesion taken away', () => {
  it('is liver where it lay mostly against it, and nothing where it lay beside it', () => {
    const isLiver = (j: number) => j > 1;
    // One at the capsule, one that only touches the liver.
    const before = fakeLabels(series, (i, j, k) => {
      if (k === 1 && i === 2 && j === 2) return 2;
      return k === 1 && i === 4 && j < 2 ? 3 : isLiver(j) ? 1 : 0;
    });
    const map = fakeLabels(series, (i, j, k) => (before.labels[at(i, j, k)]! > 1 || !isLiver(j) ? 0 : 1));
    equal(mendHoles(map, before.labels), 1);
    deepEqual([map.labels[at(2, 2, 1)], map.labels[at(4, 1, 1)], map.labels[at(4, 0, 1)]], [1, 0, 0]);
  });
});

describe('what a person changed', () => {
  const before: Before = {
    labels: fakeLabels(series, (i, j, k) => (k === 0 ? 0 : i === 0 && j === 0 ? 2 : i === 5 ? 3 : 1)).labels,
    segments: [
      { number: 1, trackingUid: null, algorithmType: 'automatic' },
      { number: 2, trackingUid: '2.25.2', algorithmType: 'automatic' },
      { number: 3, trackingUid: '2.25.3', algorithmType: 'manual' },
    ],
  };
  const asBefore = (i: number, j: number, k: number) => [before.labels[at(i, j, k)]!].filter(Boolean);
  const all = [LIVER, lesion(2, '2.25.2'), lesion(3, '2.25.3')];
  const compared = (label: Parameters<typeof sent>[0], segments: Correction['segments']) =>
    compareWith(before, applyCorrection(series, sent(label, segments)));

  it('is nothing when all voxels are what they were, whatever the segments are called', () => {
    for (const segments of [all, [LIVER, lesion(2), lesion(3)]]) {
      throws(
        () => compared(asBefore, segments),
        (error) => error instanceof Refusal && error.code === 'nothing-changed',
      );
    }
  });

  it('makes a lesion semiautomatic, and leaves alone what it did not touch', () => {
    const { liver, lesions } = compared((i, j, k) => (i === 1 && j === 0 && k === 1 ? [2] : asBefore(i, j, k)), all);
    deepEqual(lesions, [
      { trackingUid: '2.25.2', algorithmType: 'semiautomatic', isUntouched: false },
      { trackingUid: '2.25.3', algorithmType: 'manual', isUntouched: true },
    ]);
    equal(liver.algorithmType, 'semiautomatic', 'the lesion took a voxel from it');
  });

  it('is seen in the voxels, not in what the viewer says: a name moved elsewhere is a new lesion', () => {
    const moved = compared(
      (i, j, k) => (i === 3 && j === 3 && k === 0 ? [2] : asBefore(i, j, k).filter((segment) => segment !== 2)),
      all,
    );
    deepEqual(moved.lesions[0], { trackingUid: null, algorithmType: 'manual', isUntouched: false });
    const nameless = compared((i, j, k) => (k === 0 ? [1] : asBefore(i, j, k)), [LIVER, lesion(2), lesion(3)]);
    deepEqual(
      nameless.lesions.map((each) => each?.trackingUid),
      ['2.25.2', '2.25.3'],
    );
    deepEqual(
      nameless.lesions.map((each) => each?.isUntouched),
      [true, true],
    );
  });

  it('is new and manual where nothing was, and a piece of what was there otherwise', () => {
    const { lesions } = compared(
      (i, j, k) => (k === 0 && i === 2 ? [8] : i === 0 && j === 0 && k === 2 ? [9] : asBefore(i, j, k)),
      [...all, lesion(8), lesion(9)],
    );
    deepEqual(
      lesions.map((each) => each?.algorithmType),
      ['semiautomatic', 'manual', 'manual', 'semiautomatic'],
    );
    deepEqual(lesions[2]!.trackingUid, null);
  });

  it('is also a lesion taken away', () => {
    const { lesions, liver } = compared((i, j, k) => asBefore(i, j, k).map((label) => (label === 3 ? 1 : label)), all);
    deepEqual(lesions[1], null);
    equal(liver.isUntouched, false);
  });
});
