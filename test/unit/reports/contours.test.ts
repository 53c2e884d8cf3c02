import assert from 'node:assert/strict';
import fc from 'fast-check';
import { outlines, type PixelPoint } from '../../../server/src/reports/rtstruct/contours.ts';

/** Even-odd rule by a ray to the right (crossings counted half-open). */
function isInside(polygons: readonly (readonly PixelPoint[])[], x: number, y: number): boolean {
  let inside = false;
  for (const polygon of polygons) {
    for (const [n, [ax, ay]] of polygon.entries()) {
      const [bx, by] = polygon[(n + 1) % polygon.length]!;
      if (ay > y !== by > y && x < ax + ((y - ay) / (by - ay)) * (bx - ax)) inside = !inside;
    }
  }
  return inside;
}

describe('outlines of a mask', () => {
  it('hold exactly the centres of the set pixels, whatever their shape: islands, holes, touching corners, borders', () => {
    const masks = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })).chain(([columns, rows]) =>
      fc.record({
        columns: fc.constant(columns),
        rows: fc.constant(rows),
        set: fc.array(fc.boolean(), { minLength: columns * rows, maxLength: columns * rows }),
      }),
    );
    fc.assert(
      fc.property(masks, ({ columns, rows, set }) => {
        const polygons = outlines(columns, rows, (i, j) => set[j * columns + i]!);
        for (let j = 0; j < rows; j++) {
          for (let i = 0; i < columns; i++) {
            assert.equal(isInside(polygons, i, j), set[j * columns + i], `pixel ${i}, ${j}`);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('of a single pixel are the diamond between its neighbours', () => {
    const [diamond] = outlines(3, 3, (i, j) => i === 1 && j === 1);
    assert.deepEqual(new Set(diamond!.map(String)), new Set(['1.5,1', '1,1.5', '0.5,1', '1,0.5']));
  });
});
