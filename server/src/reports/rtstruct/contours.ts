/** A point of a slice in pixels [i, j]: whole at pixel centres. */
export type PixelPoint = readonly [number, number];

/** A part of a slice, by its first and last column and row. */
export interface PixelBox {
  readonly i: readonly [number, number];
  readonly j: readonly [number, number];
}

/** Directions from a pixel to its neighbours: right, down, left, up. */
const STEPS = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
] as const;

/**
 * The closed outlines of the set pixels of a slice: outer ones, and those of holes. They run through the midpoints
 * between a set pixel and its neighbour that is not, so that exactly the set pixels' centres lie inside (even-odd).
 * Pixels that touch at a corner only are apart. Straight stretches have no point between their ends.
 * @param isSet of pixel [i, j] inside the slice
 * @param within where set pixels can be, both ends included; by default the whole slice
 */
export function outlines(
  columns: number,
  rows: number,
  isSet: (i: number, j: number) => boolean,
  within: PixelBox = { i: [0, columns - 1], j: [0, rows - 1] },
): PixelPoint[][] {
  const at = (i: number, j: number): boolean => i >= 0 && j >= 0 && i < columns && j < rows && isSet(i, j);
  /** Bit d: the side of the pixel in direction d has been walked along. */
  const walked = new Uint8Array(columns * rows);
  const found: PixelPoint[][] = [];
  for (let j = within.j[0]; j <= within.j[1]; j++) {
    for (let i = within.i[0]; i <= within.i[1]; i++) {
      if (!at(i, j)) continue;
      for (let side = 0; side < STEPS.length; side++) {
        const step = STEPS[side]!;
        if (at(i + step[0], j + step[1]) || walked[j * columns + i]! & (1 << side)) continue;
        found.push(withoutStraights(walk(i, j, side, columns, at, walked)));
      }
    }
  }
  return found;
}

function walk(
  startI: number,
  startJ: number,
  startSide: number,
  columns: number,
  at: (i: number, j: number) => boolean,
  walked: Uint8Array,
): PixelPoint[] {
  const points: PixelPoint[] = [];
  let [i, j, side] = [startI, startJ, startSide];
  do {
    walked[j * columns + i]! |= 1 << side;
    const [di, dj] = STEPS[side]!;
    points.push([i + di / 2, j + dj / 2]);
    // Onward with the set pixels on one hand: around this pixel's corner, straight on, or out along the one ahead.
    const ahead = (side + 1) % 4;
    const [ai, aj] = STEPS[ahead]!;
    if (!at(i + ai, j + aj)) side = ahead;
    else if (!at(i + ai + di, j + aj + dj)) [i, j] = [i + ai, j + aj];
    else [i, j, side] = [i + ai + di, j + aj + dj, (side + 3) % 4];
  } while (i !== startI || j !== startJ || side !== startSide);
  return points;
}

function withoutStraights(points: readonly PixelPoint[]): PixelPoint[] {
  const corners = points.filter((point, n) => {
    const before = points.at(n - 1)!;
    const after = points[(n + 1) % points.length]!;
    const turn = (point[0] - before[0]) * (after[1] - point[1]) - (point[1] - before[1]) * (after[0] - point[0]);
    return turn !== 0;
  });
  return corners.length >= 3 ? corners : [...points];
}
