import assert from 'node:assert/strict';
import fc from 'fast-check';
import { makeRandom } from '../../../server/src/phantom/random.ts';
import { assign } from '../../../server/src/priors/assign.ts';
import { type Group, MATCH_WITHIN_MM, type MatchLesion, matchLesions } from '../../../server/src/priors/match.ts';
import type { Vec3 } from '../../../server/src/volume/volume.ts';

/** Balls, whose common volume has a closed form. */
interface Ball extends MatchLesion {
  readonly radiusMm: number;
}

const ball = (centroidMm: Vec3, radiusMm: number): Ball => ({
  centroidMm,
  radiusMm,
  volumeMl: ((4 / 3) * Math.PI * radiusMm ** 3) / 1000,
});

/** Lens of two balls. */
function commonMl(a: Ball, b: Ball): number {
  const d = Math.hypot(...a.centroidMm.map((mm, axis) => mm - b.centroidMm[axis]!));
  const [r, s] = [a.radiusMm, b.radiusMm];
  if (d >= r + s) return 0;
  if (d <= Math.abs(r - s)) return Math.min(a.volumeMl, b.volumeMl);
  const mm3 = (Math.PI * (r + s - d) ** 2 * (d * d + 2 * d * (r + s) - 3 * (r - s) ** 2)) / (12 * d);
  return mm3 / 1000;
}

const match = (prior: readonly Ball[], current: readonly Ball[]): Group[] =>
  matchLesions(prior, current, (p, c) => commonMl(prior[p]!, current[c]!));

/** Lesions of one scan: they do not overlap, and nothing about them is equal by chance. */
const anyBalls = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 9 })).map(([seed, count]) => {
  const random = makeRandom(seed, 'balls');
  const place = () => random.between(0, 90);
  const balls: Ball[] = [];
  for (let n = 0; n < count; n++) {
    const next = ball([place(), place(), place()], random.between(3, 25));
    if (balls.every((other) => distance(other, next) > other.radiusMm + next.radiusMm)) balls.push(next);
  }
  return balls;
});

const distance = (a: MatchLesion, b: MatchLesion) =>
  Math.hypot(...a.centroidMm.map((mm, axis) => mm - b.centroidMm[axis]!));

describe('assigning pairs', () => {
  it('reaches the largest total that any choice of pairs has', () => {
    const score = fc.oneof(fc.constant(0), fc.double({ min: -1, max: 5, noNaN: true }));
    const matrix = fc
      .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }))
      .chain(([rows, columns]) =>
        fc.array(fc.array(score, { minLength: columns, maxLength: columns }), { minLength: rows, maxLength: rows }),
      );
    fc.assert(
      fc.property(matrix, (scores) => {
        const pairs = assign(scores);
        const taken = pairs.filter((column) => column !== null);
        assert.equal(new Set(taken).size, taken.length);
        const total = pairs.reduce<number>(
          (sum, column, row) => sum + (column === null ? 0 : scores[row]![column]!),
          0,
        );
        assert.ok(Math.abs(total - bestByTrial(scores)) < 1e-9);
        for (const [row, column] of pairs.entries()) assert.ok(column === null || scores[row]![column]! > 0);
      }),
    );
  });
});

/** All choices, one after the other. */
function bestByTrial(scores: readonly (readonly number[])[], row = 0, taken: ReadonlySet<number> = new Set()): number {
  if (row === scores.length) return 0;
  let best = bestByTrial(scores, row + 1, taken);
  for (const [column, score] of scores[row]!.entries()) {
    if (taken.has(column) || score <= 0) continue;
    best = Math.max(best, score + bestByTrial(scores, row + 1, new Set([...taken, column])));
  }
  return best;
}

describe('matching lesions of two scans', () => {
  it('names every lesion of both scans once', () => {
    fc.assert(
      fc.property(anyBalls, anyBalls, (prior, current) => {
        const groups = match(prior, current);
        const indices = (side: 'prior' | 'current') => groups.flatMap((group) => group[side]).sort((a, b) => a - b);
        assert.deepEqual(indices('prior'), [...prior.keys()]);
        assert.deepEqual(indices('current'), [...current.keys()]);
        for (const group of groups) assert.ok(Math.min(group.prior.length, group.current.length) <= 1);
      }),
    );
  });

  it('never makes one of two lesions more than 10 mm apart, unless half of the smaller lies in the other', () => {
    fc.assert(
      fc.property(anyBalls, anyBalls, (prior, current) => {
        for (const group of match(prior, current)) {
          if (group.prior.length !== 1 || group.current.length !== 1) continue;
          const [p, c] = [prior[group.prior[0]!]!, current[group.current[0]!]!];
          const isWithin = commonMl(p, c) >= 0.5 * Math.min(p.volumeMl, c.volumeMl) - 1e-9;
          assert.ok(distance(p, c) <= MATCH_WITHIN_MM || isWithin);
        }
      }),
    );
  });

  it('tells the same of lesions in another order', () => {
    fc.assert(
      fc.property(anyBalls, anyBalls, (prior, current) => {
        const turned = match(prior.toReversed(), current.toReversed());
        const back = (index: number, of: readonly Ball[]) => of.length - 1 - index;
        const named = (groups: readonly Group[]) =>
          groups.map((group) => JSON.stringify([[...group.prior].sort(), [...group.current].sort()])).sort();
        const restored = turned.map((group) => ({
          prior: group.prior.map((p) => back(p, prior)),
          current: group.current.map((c) => back(c, current)),
        }));
        assert.deepEqual(named(restored), named(match(prior, current)));
      }),
    );
  });

  it('tells the same of the two scans in the other order: gone for new, split for merged', () => {
    fc.assert(
      fc.property(anyBalls, anyBalls, (prior, current) => {
        const there = match(prior, current).map((group) => JSON.stringify([group.prior, group.current]));
        const back = match(current, prior).map((group) => JSON.stringify([group.current, group.prior]));
        assert.deepEqual(back.sort(), there.sort());
      }),
    );
  });

  it('tells the same wherever the patient lies', () => {
    const angle = fc.double({ min: -Math.PI, max: Math.PI, noNaN: true });
    const coordinate = fc.double({ min: -120, max: 120, noNaN: true });
    fc.assert(
      fc.property(anyBalls, anyBalls, angle, coordinate, (prior, current, turn, shift) => {
        const move = ({ centroidMm: [x, y, z], radiusMm }: Ball) =>
          ball(
            [
              x * Math.cos(turn) - y * Math.sin(turn) + shift,
              x * Math.sin(turn) + y * Math.cos(turn) - shift,
              z + shift,
            ],
            radiusMm,
          );
        assert.deepEqual(match(prior.map(move), current.map(move)), match(prior, current));
      }),
    );
  });

  it('takes the best pairs together, not the nearest first', () => {
    // The middle one is nearest to both; taken by the first, the second would be left alone.
    const prior = [ball([0, 0, 0], 4), ball([9, 0, 0], 4)];
    const current = [ball([4.4, 0, 0], 4), ball([-8, 0, 0], 4)];
    assert.deepEqual(match(prior, current), [
      { prior: [1], current: [0] },
      { prior: [0], current: [1] },
    ]);
  });

  it('sees two lesions that one now covers as merged, and the reverse as split', () => {
    const apart = [ball([0, 0, 0], 8), ball([22, 0, 0], 6)];
    const one = [ball([9, 0, 0], 20)];
    assert.deepEqual(match(apart, one), [{ prior: [0, 1], current: [0] }]);
    assert.deepEqual(match(one, apart), [{ prior: [0], current: [0, 1] }]);
  });

  it('keeps a thousand lesions apart in a moment', () => {
    const many = Array.from({ length: 1000 }, (_, n) => ball([(n % 10) * 30, (Math.floor(n / 10) % 10) * 30, n], 5));
    const groups = match(many, many);
    assert.ok(groups.every(({ prior, current }) => prior[0] === current[0] && prior.length === 1));
  });
});
