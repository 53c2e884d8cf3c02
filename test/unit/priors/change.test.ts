import assert from 'node:assert/strict';
import type { LesionChange, PriorLesion } from '../../../server/src/findings/priors.ts';
import type { Lesion } from '../../../server/src/findings/schema.ts';
import { describeChange } from '../../../server/src/priors/change.ts';
import { withTrackingUids } from '../../../server/src/priors/compare.ts';
import { sumOfDiameters } from '../../../server/src/priors/recist.ts';

const volumeOf = (diameterMm: number) => ((Math.PI / 6) * diameterMm ** 3) / 1000;
const now = (number: number, diameterMm: number): Lesion =>
  ({
    number,
    segmentNumber: number + 1,
    trackingUid: `1.${number}`,
    volumeMl: volumeOf(diameterMm),
    longAxisMm: diameterMm,
    centroidMm: [0, 0, 0],
  }) as unknown as Lesion;
const then = (segmentNumber: number, diameterMm: number): PriorLesion => ({
  segmentNumber,
  trackingUid: `2.${segmentNumber}`,
  volumeMl: volumeOf(diameterMm),
  longAxisMm: diameterMm,
  shortAxisMm: diameterMm,
  centroidMm: [0, 0, 0],
  alignedCentroidMm: [3, 4, 0],
});
const seen = { intervalDays: 90, isInPrior: () => true, isInCurrent: () => true };

/** One lesion then, one now. */
function change(before: number | null, after: number | null, context: Partial<typeof seen> = {}): LesionChange {
  return describeChange(
    { prior: before === null ? [] : [0], current: after === null ? [] : [0] },
    after === null ? [] : [now(1, after)],
    before === null ? [] : [then(2, before)],
    { ...seen, ...context },
  );
}

describe('the change of a lesion', () => {
  it('is called growth only beyond what measuring it again would give', () => {
    // Volume limits of 39 %, 29 % and 24 % by size: 11.6 %, 8.9 % and 7.4 % of the diameter.
    for (const [before, stable, grown] of [
      [8, 9.9, 10.2],
      [20, 22.3, 22.4],
      [40, 43.5, 43.6],
      [60, 64.4, 64.5],
    ] as const) {
      assert.equal(change(before, stable).change, 'stable', `${before} to ${stable} mm`);
      assert.equal(change(before, grown).change, 'grown', `${before} to ${grown} mm`);
      assert.equal(change(grown, before).change, 'shrunk', `${grown} to ${before} mm`);
      assert.equal(change(stable, before).change, 'stable', `${stable} to ${before} mm`);
    }
  });

  it('has its figures: distance, volume, diameter, and the days in which it doubles', () => {
    const doubled = change(20, 20 * 2 ** (1 / 3));
    assert.deepEqual(
      { ...doubled, priors: doubled.priors.length },
      {
        change: 'grown',
        lesions: [1],
        priors: 1,
        distanceMm: 5,
        volumeChangeMl: 4.1888,
        volumeChangePercent: 100,
        longAxisChangeMm: 5.2,
        longAxisChangePercent: 26,
        doublingTimeDays: 90,
      },
    );
    // Twice doubled in the time: once in half of it.
    assert.equal(change(10, 10 * 4 ** (1 / 3), { intervalDays: 100 }).doublingTimeDays, 50);
  });

  it('gives no doubling time without growth, without an interval, or over a few days', () => {
    assert.equal(change(20, 20.5).doublingTimeDays, null);
    assert.equal(change(30, 20).doublingTimeDays, null);
    assert.equal(change(20, 30, { intervalDays: null as unknown as number }).doublingTimeDays, null);
    assert.equal(change(20, 30, { intervalDays: 3 }).doublingTimeDays, null);
  });

  it('is new or gone only where the other scan shows the place', () => {
    assert.equal(change(null, 12).change, 'new');
    assert.equal(change(12, null).change, 'gone');
    assert.equal(change(null, 12, { isInPrior: () => false }).change, 'out-of-view');
    assert.equal(change(12, null, { isInCurrent: () => false }).change, 'out-of-view');
  });

  it('sums the lesions that merged, and gives no single diameter for them', () => {
    const merged = describeChange({ prior: [0, 1], current: [0] }, [now(1, 30)], [then(2, 20), then(3, 10)], seen);
    assert.equal(merged.change, 'merged');
    // 27 against 8 + 1, in units of a 10 mm ball.
    assert.equal(merged.volumeChangePercent, 200);
    assert.equal(merged.longAxisChangeMm, null);
    assert.equal(merged.doublingTimeDays, null);
  });
});

describe('tracking UIDs', () => {
  it('stay with a lesion, with the largest of those that merged and with the largest part of one that split', () => {
    const lesions = [now(1, 40), now(2, 20), now(3, 15), now(4, 12)];
    const changes = [
      describeChange({ prior: [0, 1], current: [0] }, lesions, [then(2, 20), then(3, 30)], seen),
      describeChange({ prior: [2], current: [1, 2] }, lesions, [then(2, 20), then(3, 30), then(4, 28)], seen),
      describeChange({ prior: [], current: [3] }, lesions, [], seen),
    ];
    assert.deepEqual(
      withTrackingUids(lesions, changes).map(({ trackingUid }) => trackingUid),
      ['2.3', '2.4', '1.3', '1.4'],
    );
  });

  it('change hands when a person has divided a lesion, and the smaller part had kept the name', () => {
    const lesions = [now(1, 40), { ...now(2, 20), trackingUid: '2.2' }];
    const changes = [describeChange({ prior: [0], current: [0, 1] }, lesions, [then(2, 42)], seen)];
    assert.deepEqual(
      withTrackingUids(lesions, changes).map(({ trackingUid }) => trackingUid),
      ['2.2', '1.1'],
    );
  });

  it('are never given twice, whatever the earlier object says', () => {
    const lesions = [now(1, 40), now(2, 20)];
    const twin = { ...then(3, 20), trackingUid: '2.2' };
    const changes = [0, 1].map((n) => describeChange({ prior: [n], current: [n] }, lesions, [then(2, 40), twin], seen));
    assert.deepEqual(
      withTrackingUids(lesions, changes).map(({ trackingUid }) => trackingUid),
      ['2.2', '1.2'],
    );
  });
});

describe('the sum of diameters (RECIST 1.1)', () => {
  const changes = (...pairs: (readonly [number | null, number | null])[]) => {
    const lesions = pairs.map(([, after], n) => now(n + 1, after ?? 1));
    const priors = pairs.map(([before], n) => then(n + 2, before ?? 1));
    const made = pairs.map(([before, after], n) =>
      describeChange({ prior: before === null ? [] : [n], current: after === null ? [] : [n] }, lesions, priors, seen),
    );
    return { made, lesions };
  };

  it('takes the two largest of the earlier scan, and what they are now', () => {
    const { made, lesions } = changes([12, 50], [30, 33], [20, null], [null, 40]);
    const sum = sumOfDiameters(made, lesions, 2.5)!;
    assert.deepEqual(
      sum.targets.map(({ priorMm, currentMm, lesions: numbers }) => ({ priorMm, currentMm, numbers })),
      [
        { priorMm: 30, currentMm: 33, numbers: [2] },
        { priorMm: 20, currentMm: 0, numbers: [] },
      ],
    );
    assert.deepEqual([sum.priorMm, sum.currentMm, sum.changeMm, sum.changePercent], [50, 33, -17, -34]);
  });

  it('has no target under 10 mm, or under twice the slices where they are thicker than 5 mm', () => {
    const small = changes([9.9, 30]);
    assert.equal(sumOfDiameters(small.made, small.lesions, 1), null);
    const thick = changes([13, 13], [15, 15]);
    assert.deepEqual(
      sumOfDiameters(thick.made, thick.lesions, 7)!.targets.map(({ priorMm }) => priorMm),
      [15],
    );
  });

  it('adds the parts of a target that split, and counts two that merged once', () => {
    const lesions = [now(1, 30), now(2, 14), now(3, 12)];
    const priors = [then(2, 20), then(3, 18)];
    const merged = [describeChange({ prior: [0, 1], current: [0] }, lesions, priors, seen)];
    assert.deepEqual(
      [sumOfDiameters(merged, lesions, 1)!.priorMm, sumOfDiameters(merged, lesions, 1)!.currentMm],
      [38, 30],
    );
    const split = [describeChange({ prior: [0], current: [1, 2] }, lesions, priors, seen)];
    assert.equal(sumOfDiameters(split, lesions, 1)!.currentMm, 26);
  });

  it('is not known now when this scan does not reach a target', () => {
    const lesions = [now(1, 30)];
    const priors = [then(2, 30), then(3, 20)];
    const unseen = { ...seen, isInCurrent: () => false };
    const made = [
      describeChange({ prior: [0], current: [0] }, lesions, priors, unseen),
      describeChange({ prior: [1], current: [] }, lesions, priors, unseen),
    ];
    const sum = sumOfDiameters(made, lesions, 1)!;
    assert.deepEqual([sum.priorMm, sum.currentMm, sum.changePercent], [50, null, null]);
  });
});
