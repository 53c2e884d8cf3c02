/**
 * Diameters of a plane shape made of pixels, as drawn on a slice with calipers: the longest line across it, and the
 * longest line across it at right angles to that one.
 *
 * A pixel is taken as the diamond between the midpoints of its four edges. So a row of n pixels of s mm is n * s mm long,
 * where the distance between pixel centres is a pixel short, and across a diagonal one it is less than between corners.
 * Lines may leave the shape where it is concave, as calipers do: both diameters are those of its convex hull.
 */

/** A point of a slice in pixels [i, j]: whole at pixel centres, half on their edges. */
export type Pixel = readonly [number, number];

/** A stretch of pixels along i in row j, both ends included. */
export interface PixelRun {
  readonly j: number;
  readonly firstI: number;
  readonly lastI: number;
}

export interface LongAxis {
  readonly lengthMm: number;
  readonly ends: readonly [Pixel, Pixel];
  readonly hull: readonly Pixel[];
}

/**
 * The longest diameter of the pixels together. Of equals, one is chosen by the order of the hull: always the same.
 * @param runs one or more
 * @param spacingMm of the pixels along i and j
 */
export function longAxis(runs: readonly PixelRun[], spacingMm: Pixel): LongAxis {
  const hull = convexHull(runs.flatMap(diamonds));
  let longest = 0;
  let ends: readonly [Pixel, Pixel] = [hull[0]!, hull[0]!];
  // Every pair: the hull of a shape of n x n pixels has of the order of n^(2/3) corners, a hundred at most on a slice.
  for (const [n, a] of hull.entries()) {
    for (const b of hull.slice(n + 1)) {
      const lengthMm = Math.hypot((b[0] - a[0]) * spacingMm[0], (b[1] - a[1]) * spacingMm[1]);
      if (lengthMm > longest) {
        longest = lengthMm;
        ends = [a, b];
      }
    }
  }
  return { lengthMm: longest, ends, hull };
}

/** Length of the longest line across the hull at right angles to its long axis. */
export function shortAxisMm({ lengthMm, ends: [a, b], hull }: LongAxis, spacingMm: Pixel): number {
  const along = [((b[0] - a[0]) * spacingMm[0]) / lengthMm, ((b[1] - a[1]) * spacingMm[1]) / lengthMm] as const;
  // Coordinates of the corners along the long axis, and across it.
  const corners = hull.map(([i, j]): Pixel => {
    const [x, y] = [i * spacingMm[0], j * spacingMm[1]];
    return [x * along[0] + y * along[1], y * along[0] - x * along[1]];
  });
  // The line's length is concave along the axis and linear between corners: it is longest at one of them.
  return Math.max(...corners.map(([at]) => widthAt(corners, at)));
}

/** Length across a convex polygon at a place along its axis. */
function widthAt(corners: readonly Pixel[], at: number): number {
  let low = Infinity;
  let high = -Infinity;
  for (const [n, from] of corners.entries()) {
    const to = corners[(n + 1) % corners.length]!;
    const [left, right] = from[0] <= to[0] ? [from, to] : [to, from];
    if (at < left[0] || at > right[0]) continue;
    const share = (at - left[0]) / (right[0] - left[0]);
    const across = right[0] > left[0] ? [left[1] + share * (right[1] - left[1])] : [left[1], right[1]];
    low = Math.min(low, ...across);
    high = Math.max(high, ...across);
  }
  return high - low;
}

/** The outermost edge midpoints of a run's pixels; those between lie on the lines that join them. */
function diamonds({ j, firstI, lastI }: PixelRun): Pixel[] {
  return [
    [firstI - 0.5, j],
    [firstI, j - 0.5],
    [firstI, j + 0.5],
    [lastI, j - 0.5],
    [lastI, j + 0.5],
    [lastI + 0.5, j],
  ];
}

/** Corners of the convex hull, counter-clockwise, none on a straight side (Andrew's monotone chain). */
function convexHull(points: readonly Pixel[]): Pixel[] {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const chain = (ordered: readonly Pixel[]): Pixel[] => {
    const kept: Pixel[] = [];
    for (const point of ordered) {
      while (kept.length >= 2 && turn(kept.at(-2)!, kept.at(-1)!, point) <= 0) kept.pop();
      kept.push(point);
    }
    return kept.slice(0, -1);
  };
  return [...chain(sorted), ...chain(sorted.reverse())];
}

/** Positive when the way from a over b to c turns left. */
function turn(a: Pixel, b: Pixel, c: Pixel): number {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}
