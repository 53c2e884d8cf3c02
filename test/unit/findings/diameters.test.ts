import assert from 'node:assert/strict';
import fc from 'fast-check';
import { longAxis, type Pixel, type PixelRun, shortAxisMm } from '../../../server/src/findings/diameters.ts';

/** Runs of the pixels whose centres lie inside. */
function drawn(inside: (xMm: number, yMm: number) => boolean, [sx, sy]: Pixel, size = 160): PixelRun[] {
  const runs: PixelRun[] = [];
  for (let j = 0; j < size; j++) {
    for (let i = 0; i < size; i++) {
      if (!inside((i - size / 2) * sx, (j - size / 2) * sy)) continue;
      const last = runs.at(-1);
      if (last?.j === j && last.lastI === i - 1) runs[runs.length - 1] = { ...last, lastI: i };
      else runs.push({ j, firstI: i, lastI: i });
    }
  }
  return runs;
}

function diameters(runs: readonly PixelRun[], spacingMm: Pixel) {
  const axis = longAxis(runs, spacingMm);
  return { long: axis.lengthMm, short: shortAxisMm(axis, spacingMm), axis };
}

/** The definition, done the slow way: every pair of edge midpoints, every perpendicular through every point of the hull. */
function slowLongAxis(runs: readonly PixelRun[], [sx, sy]: Pixel): number {
  const points: Pixel[] = [];
  for (const { j, firstI, lastI } of runs) {
    for (let i = firstI; i <= lastI; i++) points.push([i - 0.5, j], [i + 0.5, j], [i, j - 0.5], [i, j + 0.5]);
  }
  return Math.max(...points.flatMap((a) => points.map((b) => Math.hypot((a[0] - b[0]) * sx, (a[1] - b[1]) * sy))));
}

describe('diameters within a slice', () => {
  for (const spacing of [
    [0.7, 0.7],
    [0.9, 0.6],
    [0.5, 1.1],
  ] as const) {
    it(`of a disc of 30 mm are 30 mm within a pixel of ${spacing.join(' x ')} mm`, () => {
      const pixel = Math.max(...spacing);
      for (const [dx, dy] of [
        [0, 0],
        [0.2, 0.4],
        [0.35, 0.1],
      ] as const) {
        const { long, short } = diameters(
          drawn((x, y) => Math.hypot(x - dx, y - dy) <= 15, spacing),
          spacing,
        );
        assert.ok(Math.abs(long - 30) < pixel, `long axis ${long}`);
        assert.ok(Math.abs(short - 30) < pixel, `short axis ${short}`);
      }
    });
  }

  it('of an ellipse are its two axes, whichever way it lies', () => {
    const spacing: Pixel = [0.5, 0.8];
    for (let degrees = 0; degrees < 180; degrees += 15) {
      const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
      const inside = (x: number, y: number) => ((c * x + s * y) / 20) ** 2 + ((c * y - s * x) / 8) ** 2 <= 1;
      const { long, short } = diameters(drawn(inside, spacing), spacing);
      assert.ok(Math.abs(long - 40) < 0.85, `${degrees} degrees: long axis ${long}`);
      assert.ok(Math.abs(short - 16) < 0.9, `${degrees} degrees: short axis ${short}`);
    }
  });

  it('of one pixel are its two sides; of a row, its length and its height', () => {
    const one = diameters([{ j: 7, firstI: 3, lastI: 3 }], [0.6, 0.9]);
    assert.ok(Math.abs(one.long - 0.9) < 1e-9 && Math.abs(one.short - 0.6) < 1e-9);
    const row = diameters([{ j: 7, firstI: 3, lastI: 12 }], [0.6, 0.9]);
    assert.ok(Math.abs(row.long - 6) < 1e-9 && Math.abs(row.short - 0.9) < 1e-9);
    assert.deepEqual(
      row.axis.ends.toSorted((a, b) => a[0] - b[0]),
      [
        [2.5, 7],
        [12.5, 7],
      ],
    );
  });

  it('span a gap, as calipers do', () => {
    const two = [
      { j: 0, firstI: 0, lastI: 0 },
      { j: 0, firstI: 9, lastI: 9 },
    ];
    assert.ok(Math.abs(diameters(two, [1, 1]).long - 10) < 1e-9);
  });

  it('agree with the definition done the slow way, and the short one is never the longer', () => {
    const run = fc.record({ j: fc.nat(9), firstI: fc.nat(9), length: fc.integer({ min: 1, max: 6 }) });
    const spacing = fc.tuple(
      fc.double({ min: 0.3, max: 2, noNaN: true }),
      fc.double({ min: 0.3, max: 2, noNaN: true }),
    );
    fc.assert(
      fc.property(fc.array(run, { minLength: 1, maxLength: 8 }), spacing, (shapes, spacingMm) => {
        const runs = shapes.map(({ j, firstI, length }) => ({ j, firstI, lastI: firstI + length - 1 }));
        const { long, short, axis } = diameters(runs, spacingMm);
        assert.ok(Math.abs(long - slowLongAxis(runs, spacingMm)) < 1e-9);
        assert.ok(short > 0 && short <= long + 1e-9);
        // Lines across the hull at many places along the axis: none is longer than the short axis, one is as long.
        assert.ok(Math.abs(short - longestAcross(axis, spacingMm)) < 0.02 * long);
      }),
      { numRuns: 200 },
    );
  });
});

/** Longest of 400 lines across the hull at right angles to its long axis, by intersecting each side with each line. */
function longestAcross({ ends: [a, b], hull }: ReturnType<typeof longAxis>, [sx, sy]: Pixel): number {
  const mm = ([i, j]: Pixel): Pixel => [i * sx, j * sy];
  const [from, to] = [mm(a), mm(b)];
  const along: Pixel = [to[0] - from[0], to[1] - from[1]];
  let longest = 0;
  for (let n = 1; n < 400; n++) {
    const at: Pixel = [from[0] + (along[0] * n) / 400, from[1] + (along[1] * n) / 400];
    const side = (p: Pixel) => (p[0] - at[0]) * along[0] + (p[1] - at[1]) * along[1];
    const crossings = hull.flatMap((corner, m): Pixel[] => {
      const [p, q] = [mm(corner), mm(hull[(m + 1) % hull.length]!)];
      const [u, v] = [side(p), side(q)];
      return u * v <= 0 && u !== v
        ? [[p[0] + ((q[0] - p[0]) * u) / (u - v), p[1] + ((q[1] - p[1]) * u) / (u - v)]]
        : [];
    });
    for (const p of crossings)
      for (const q of crossings) longest = Math.max(longest, Math.hypot(p[0] - q[0], p[1] - q[1]));
  }
  return longest;
}
