import fc from 'fast-check';
import { cross, normalise } from '../../../server/src/volume/geometry.ts';
import type { Box, Grid, Vec3 } from '../../../server/src/volume/volume.ts';

/** Right-handed unit axes from a uniformly distributed quaternion. */
export const anyAxes: fc.Arbitrary<Grid['axes']> = fc
  .tuple(...[0, 1, 2, 3].map(() => fc.double({ min: -1, max: 1, noNaN: true })))
  .filter((q) => Math.hypot(...q) > 0.1)
  .map((q) => {
    const [w, x, y, z] = q.map((c) => c / Math.hypot(...q)) as [number, number, number, number];
    const first: Vec3 = normalise([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)]);
    const second: Vec3 = normalise([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)]);
    return [first, second, cross(first, second)];
  });

const triple = <T>(item: fc.Arbitrary<T>) => fc.tuple(item, item, item);

export const anyGrid: fc.Arbitrary<Grid> = fc.record({
  shape: triple(fc.integer({ min: 1, max: 40 })),
  spacingMm: triple(fc.double({ min: 0.3, max: 6, noNaN: true })),
  originMm: triple(fc.double({ min: -500, max: 500, noNaN: true })),
  axes: anyAxes,
});

/** A box that is not empty, within a shape. */
export function anyBox(shape: Vec3): fc.Arbitrary<Box> {
  const along = (n: number) =>
    fc
      .integer({ min: 0, max: n - 1 })
      .chain((start) => fc.tuple(fc.constant(start), fc.integer({ min: 1, max: n - start })));
  return fc.tuple(along(shape[0]), along(shape[1]), along(shape[2])).map(([i, j, k]) => ({
    start: [i[0], j[0], k[0]],
    size: [i[1], j[1], k[1]],
  }));
}
