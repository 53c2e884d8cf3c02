import type { Vec3 } from '../volume/volume.ts';
import { type Probabilities, probabilitiesOf } from './probabilities.ts';
import type { WindowProbabilities } from './session.ts';
import { gaussianWeights } from './tiles.ts';

/**
 * Blends what a network says of overlapping windows into one probability map; each voxel of a window has a Gaussian weight.
 * Takes 8 bytes for each voxel of the grid, however many windows there are.
 * Probabilities are blended, not logits, so that one over-confident window cannot outvote its neighbours.
 */
export class WindowBlend {
  readonly #shape: Vec3;
  readonly #window: Vec3;
  readonly #profiles: readonly [Float32Array, Float32Array, Float32Array];
  readonly #sums: Probabilities;
  readonly #starts: Vec3[] = [];
  /** Those of the sums that a window has added to. */
  readonly #blended = new Set<Float32Array>();
  /** Whether a window is the whole grid: then what it says counts as it is. */
  readonly #isWhole: boolean;
  /** Slices, from the first on, that are scaled already. */
  #finished = 0;
  #areNumbers = true;

  /**
   * @param shape voxels of the grid along x, y, z, x fastest
   * @throws RangeError when the grid is smaller than a window
   */
  constructor(shape: Vec3, window: Vec3) {
    const [x, y, z] = window;
    if (shape[0] < x || shape[1] < y || shape[2] < z) {
      throw new RangeError(`a grid of ${shape.join(' x ')} voxels is smaller than a window of ${x} x ${y} x ${z}`);
    }
    this.#shape = shape;
    this.#window = window;
    this.#isWhole = shape.every((extent, axis) => extent === window[axis]);
    this.#profiles = [gaussianWeights(x), gaussianWeights(y), gaussianWeights(z)];
    this.#sums = probabilitiesOf(shape[0] * shape[1] * shape[2]);
  }

  /**
   * Adds the window whose first voxel is `start`; its probabilities are [Z, Y, X].
   * @throws RangeError when it reaches into slices that are finished
   */
  add(start: Vec3, { liver, lesion }: Pick<WindowProbabilities, 'liver' | 'lesion'>): void {
    if (start[2] < this.#finished) throw new RangeError(`slice ${start[2]} is finished`);
    const [nx, ny] = this.#shape;
    const [wx, wy, wz] = this.#window;
    const [alongX, alongY, alongZ] = this.#profiles;
    this.#starts.push(start);
    this.#blended.add(this.#sums.liver);
    if (lesion) this.#blended.add(this.#sums.lesion);
    if (this.#isWhole) {
      this.#sums.liver.set(liver);
      if (lesion) this.#sums.lesion.set(lesion);
      return;
    }
    for (let z = 0; z < wz; z++) {
      for (let y = 0; y < wy; y++) {
        const from = wx * (y + wy * z);
        const to = start[0] + nx * (start[1] + y + ny * (start[2] + z));
        const weight = alongZ[z]! * alongY[y]!;
        if (lesion) addRows(this.#sums, to, liver, lesion, from, alongX, weight);
        else addRow(this.#sums.liver, to, liver, from, alongX, weight);
      }
    }
  }

  /** Finishes all slices before `end`: no window that is still to come may reach into them. */
  finishBefore(end: number): void {
    if (end <= this.#finished) return;
    const [nx, ny] = this.#shape;
    if (this.#isWhole) {
      for (const sums of this.#blended) {
        if (!areAllNumbers(sums.subarray(nx * ny * this.#finished, nx * ny * end))) this.#areNumbers = false;
      }
      this.#finished = end;
      return;
    }
    const weights = new RowWeights(this.#shape, this.#starts, this.#profiles);
    for (; this.#finished < end; this.#finished++) {
      weights.takeSlice(this.#finished);
      for (let y = 0; y < ny; y++) {
        const factor = weights.reciprocal(y);
        if (factor === 0) continue;
        const row = nx * (y + ny * this.#finished);
        for (const sums of this.#blended) {
          if (!scaleRow(sums, row, weights.reciprocals, factor)) this.#areNumbers = false;
        }
      }
    }
  }

  /** The blended probabilities; zero where no window came. The blend is used up: its memory becomes the result. */
  finish(): Probabilities {
    this.finishBefore(this.#shape[2]);
    return this.#sums;
  }

  /** Whether all of what was finished are numbers. */
  get areNumbers(): boolean {
    return this.#areNumbers;
  }
}

/** Adds a row of values, each times its weight. */
function addRow(
  sums: Float32Array,
  to: number,
  values: Float32Array,
  from: number,
  profile: Float32Array,
  weight: number,
): void {
  for (let x = 0; x < profile.length; x++) sums[to + x]! += weight * profile[x]! * values[from + x]!;
}

/** The same for both classes at once: a voxel's weight is made once, and four at a time spare the loop's own work. */
function addRows(
  { liver, lesion }: Probabilities,
  to: number,
  ofLiver: Float32Array,
  ofLesion: Float32Array,
  from: number,
  profile: Float32Array,
  weight: number,
): void {
  const fours = profile.length & ~3;
  let x = 0;
  for (; x < fours; x += 4) {
    const at = to + x;
    const of = from + x;
    const w0 = weight * profile[x]!;
    const w1 = weight * profile[x + 1]!;
    const w2 = weight * profile[x + 2]!;
    const w3 = weight * profile[x + 3]!;
    liver[at]! += w0 * ofLiver[of]!;
    liver[at + 1]! += w1 * ofLiver[of + 1]!;
    liver[at + 2]! += w2 * ofLiver[of + 2]!;
    liver[at + 3]! += w3 * ofLiver[of + 3]!;
    lesion[at]! += w0 * ofLesion[of]!;
    lesion[at + 1]! += w1 * ofLesion[of + 1]!;
    lesion[at + 2]! += w2 * ofLesion[of + 2]!;
    lesion[at + 3]! += w3 * ofLesion[of + 3]!;
  }
  for (; x < profile.length; x++) {
    const w = weight * profile[x]!;
    liver[to + x]! += w * ofLiver[from + x]!;
    lesion[to + x]! += w * ofLesion[from + x]!;
  }
}

/**
 * The sum of the windows' weights along the rows of a slice: each window has the same profile from its first column on, times its
 * weight in that row. From row to row these change in step as a rule, and then the sum's reciprocals are the last row's, scaled.
 */
class RowWeights {
  /** Of the sum over the row, where the largest of the windows' weights is one; zero where no window came. */
  readonly reciprocals: Float64Array;
  readonly #rows: number;
  readonly #starts: readonly Vec3[];
  readonly #profiles: readonly [Float32Array, Float32Array, Float32Array];
  /** Columns in which windows begin. */
  readonly #firsts: readonly number[];
  /** Of the windows that begin in each of these columns, summed, in each row of the slice: rows fastest. */
  readonly #weights: Float64Array;
  readonly #shares: Float64Array;

  constructor(
    [width, rows]: Vec3,
    starts: readonly Vec3[],
    profiles: readonly [Float32Array, Float32Array, Float32Array],
  ) {
    this.#rows = rows;
    this.#starts = starts;
    this.#profiles = profiles;
    this.#firsts = [...new Set(starts.map(([x]) => x))];
    this.#weights = new Float64Array(this.#firsts.length * rows);
    this.#shares = new Float64Array(this.#firsts.length);
    this.reciprocals = new Float64Array(width);
  }

  /** Makes the rows of slice z those that are asked for. */
  takeSlice(z: number): void {
    const [, alongY, alongZ] = this.#profiles;
    this.#weights.fill(0);
    for (const start of this.#starts) {
      const ofSlice = alongZ[z - start[2]];
      if (ofSlice === undefined) continue;
      const first = this.#rows * this.#firsts.indexOf(start[0]) + start[1];
      for (let y = 0; y < alongY.length; y++) this.#weights[first + y]! += ofSlice * alongY[y]!;
    }
  }

  /** What `reciprocals` are to be multiplied by in row y; zero where no window came. */
  reciprocal(y: number): number {
    const shares = this.#shares;
    let largest = 0;
    for (let n = 0; n < shares.length; n++) largest = Math.max(largest, this.#weights[n * this.#rows + y]!);
    if (largest === 0) return 0;
    let isInStep = true;
    for (let n = 0; n < shares.length; n++) {
      const share = this.#weights[n * this.#rows + y]! / largest;
      if (share !== shares[n]) isInStep = false;
      shares[n] = share;
    }
    if (!isInStep) this.#sum();
    return 1 / largest;
  }

  #sum(): void {
    const [alongX] = this.#profiles;
    const sums = this.reciprocals.fill(0);
    for (const [n, first] of this.#firsts.entries()) {
      for (let x = 0; x < alongX.length; x++) sums[first + x]! += this.#shares[n]! * alongX[x]!;
    }
    for (let x = 0; x < sums.length; x++) sums[x] = sums[x] === 0 ? 0 : 1 / sums[x]!;
  }
}

function areAllNumbers(values: Float32Array): boolean {
  let sum = 0;
  for (let n = 0; n < values.length; n++) sum += values[n]!;
  return Number.isFinite(sum);
}

/** Scales a row's sums, from voxel `first` on, four at a time. @returns whether all are numbers */
function scaleRow(sums: Float32Array, first: number, factors: Float64Array, factor: number): boolean {
  const fours = factors.length & ~3;
  let even = 0;
  let odd = 0;
  let x = 0;
  for (; x < fours; x += 4) {
    const at = first + x;
    const mean0 = sums[at]! * (factors[x]! * factor);
    const mean1 = sums[at + 1]! * (factors[x + 1]! * factor);
    const mean2 = sums[at + 2]! * (factors[x + 2]! * factor);
    const mean3 = sums[at + 3]! * (factors[x + 3]! * factor);
    sums[at] = mean0;
    sums[at + 1] = mean1;
    sums[at + 2] = mean2;
    sums[at + 3] = mean3;
    even += mean0 + mean2;
    odd += mean1 + mean3;
  }
  for (; x < factors.length; x++) {
    sums[first + x]! *= factors[x]! * factor;
    even += sums[first + x]!;
  }
  // What is no number, or infinite, makes the whole row such.
  return Number.isFinite(even + odd);
}
