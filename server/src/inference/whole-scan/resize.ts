import type { Vec3 } from '../../volume/volume.ts';
import type { Kernel, Resampling, WholeScan } from '../manifest.ts';

/** Where a line of `to` samples is read on one of `from` samples. */
export interface Line {
  readonly from: number;
  readonly to: number;
  readonly kernel: Kernel;
  /** Index on the line that is read, for each sample; not whole, and up to half a sample outside. */
  readonly positions: Float64Array;
}

/** numpy's and Python's rounding: a half goes to the even number. */
export function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** Samples along an axis when the spacing changes. */
export function resizedCount(conventions: WholeScan['conventions'], count: number, spacing: number, to: number) {
  const exact = conventions === 'nnunet' ? (spacing / to) * count : ((count - 1) * spacing) / to + 1;
  return Math.max(1, roundHalfEven(exact));
}

/**
 * The lines along x, y and z from one grid to another.
 * @param fromSpacing of the grid that is read, @param toSpacing of the one that is made, [x, y, z] in mm
 */
export function linesBetween(
  conventions: WholeScan['conventions'],
  resampling: Resampling,
  [from, fromSpacing]: readonly [Vec3, Vec3],
  [to, toSpacing]: readonly [Vec3, Vec3],
): readonly [Line, Line, Line] {
  const coarse = coarseAxis(resampling, fromSpacing, toSpacing);
  const line = (axis: 0 | 1 | 2): Line => {
    const byFaces = from[axis] / to[axis];
    const byCentres = toSpacing[axis] / fromSpacing[axis];
    // Written as the systems compute it: half a voxel off by rounding is another nearest neighbour.
    const position = (n: number) => (conventions === 'nnunet' ? byFaces * (n + 0.5) - 0.5 : n * byCentres);
    const kernel = axis === coarse ? resampling.coarseAxis!.kernel : resampling.kernel;
    return {
      from: from[axis],
      to: to[axis],
      kernel,
      positions: Float64Array.from({ length: to[axis] }, (_, n) => position(n)),
    };
  };
  return [line(0), line(1), line(2)];
}

/** The axis that is resampled apart from the others; null when there is none. Two equally coarse axes are none. */
export function coarseAxis({ coarseAxis: rule }: Resampling, from: Vec3, to: Vec3): 0 | 1 | 2 | null {
  if (!rule) return null;
  const ratio = (spacing: Vec3) => Math.max(...spacing) / Math.min(...spacing);
  const spacing = [from, to].find((candidate) => ratio(candidate) > rule.ratio);
  if (!spacing) return null;
  const coarsest = ([0, 1, 2] as const).filter((axis) => spacing[axis] === Math.max(...spacing));
  return coarsest.length === 1 ? coarsest[0]! : null;
}

/** Columns that are worked on at once, so that their samples stay in the processor's cache. */
const COLUMNS = 512;
/** Samples beyond each end that a cubic spline needs: half a sample outside, and two more for its width. */
const PAD = 2;

/**
 * Resamples `values`, [line.from rows, columns], to [line.to rows, columns] in the same memory, which has room for the
 * larger of the two. Beyond its ends a line goes on with its outermost values. A cubic spline runs through the samples.
 */
export function resampleRows(values: Float32Array, columns: number, line: Line): void {
  const { from, to, kernel, positions } = line;
  if (from === to && positions.every((position, n) => position === n)) return;
  const taps = Array.from(positions, (position) => tapsOf(kernel, position, from));
  const rows = from + 2 * PAD;
  const block = new Float64Array(rows * Math.min(COLUMNS, columns));
  for (let column = 0; column < columns; column += COLUMNS) {
    const width = Math.min(COLUMNS, columns - column);
    for (let row = 0; row < rows; row++) {
      const source = Math.min(from - 1, Math.max(0, row - PAD)) * columns + column;
      for (let n = 0; n < width; n++) block[row * width + n] = values[source + n]!;
    }
    if (kernel === 'cubic') toSplineCoefficients(block, rows, width);
    for (let row = 0; row < to; row++) {
      const { first, weights } = taps[row]!;
      const target = row * columns + column;
      const source = (first + PAD) * width;
      if (weights.length === 4) {
        const [a, b, c, d] = weights as unknown as readonly [number, number, number, number];
        for (let n = 0; n < width; n++) {
          const at = source + n;
          values[target + n] =
            a * block[at]! + b * block[at + width]! + c * block[at + 2 * width]! + d * block[at + 3 * width]!;
        }
      } else if (weights.length === 2) {
        const [a, b] = weights as unknown as readonly [number, number];
        for (let n = 0; n < width; n++) values[target + n] = a * block[source + n]! + b * block[source + width + n]!;
      } else {
        for (let n = 0; n < width; n++) values[target + n] = block[source + n]!;
      }
    }
  }
}

/** The samples that a position reads, from `first` on, with their weights; `count` samples and two more at each end. */
export function tapsOf(kernel: Kernel, position: number, count: number): { first: number; weights: readonly number[] } {
  const inside = Math.min(count - 1, Math.max(0, position));
  if (kernel === 'nearest') return { first: Math.floor(inside + 0.5), weights: [1] };
  if (kernel === 'linear') {
    const first = Math.min(Math.floor(inside), Math.max(0, count - 2));
    const share = inside - first;
    return share === 0 ? { first, weights: [1] } : { first, weights: [1 - share, share] };
  }
  // The cubic B-spline; outside the samples it goes on between copies of the outermost.
  const near = Math.min(count - 0.5, Math.max(-0.5, position));
  const first = Math.floor(near) - 1;
  const t = near - Math.floor(near);
  const u = 1 - t;
  const weights = [u ** 3, 4 - 6 * t ** 2 + 3 * t ** 3, 4 - 6 * u ** 2 + 3 * u ** 3, t ** 3];
  return { first, weights: weights.map((weight) => weight / 6) };
}

/**
 * Samples to coefficients of the cubic B-spline through them, along the rows, in place (Unser, IEEE Signal Process Mag
 * 1999). Beyond the ends the outermost rows go on for ever.
 */
function toSplineCoefficients(block: Float64Array, rows: number, width: number): void {
  const pole = Math.sqrt(3) - 2;
  const last = (rows - 1) * width;
  const ends = block.slice(last, last + width).map((value) => value / (1 - pole));
  for (let n = 0; n < width; n++) block[n]! /= 1 - pole;
  for (let at = width; at < last + width; at++) block[at]! += pole * block[at - width]!;
  for (let n = 0; n < width; n++) {
    const end = ends[n]!;
    block[last + n] = -pole * (end / (1 - pole) + (block[last + n]! - end) / (1 - pole ** 2));
  }
  for (let at = last - 1; at >= 0; at--) block[at] = pole * (block[at + width]! - block[at]!);
  for (let at = 0; at < last + width; at++) block[at]! *= 6;
}
