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
  /** Those of the sums that a window has added to. */
  readonly #blended = new Set<Float32Array>();
  readonly #starts: Vec3[] = [];
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
    this.#profiles = [gaussianWeights(x), gaussianWeights(y), gaussianWeights(z)];
    this.#sums = probabilitiesOf(shape[0] * shape[1] * shape[2]);
  }

  /** Adds the window whose first voxel is `start`; its probabilities are [Z, Y, X]. */
  add(start: Vec3, { liver, lesion }: Pick<WindowProbabilities, 'liver' | 'lesion'>): void {
    const [nx, ny] = this.#shape;
    const [wx, wy, wz] = this.#window;
    const [alongX, alongY, alongZ] = this.#profiles;
    const weights = new Float64Array(wx);
    this.#starts.push(start);
    this.#blended.add(this.#sums.liver);
    if (lesion) this.#blended.add(this.#sums.lesion);
    for (let z = 0; z < wz; z++) {
      for (let y = 0; y < wy; y++) {
        const from = wx * (y + wy * z);
        const to = start[0] + nx * (start[1] + y + ny * (start[2] + z));
        const ofRow = alongZ[z]! * alongY[y]!;
        for (let x = 0; x < wx; x++) weights[x] = ofRow * alongX[x]!;
        addRow(this.#sums.liver, to, liver, from, weights);
        if (lesion) addRow(this.#sums.lesion, to, lesion, from, weights);
      }
    }
  }

  /** The blended probabilities; zero where no window came. The blend is used up: its memory becomes the result. */
  finish(): Probabilities {
    const [nx, ny, nz] = this.#shape;
    const [, wy, wz] = this.#window;
    const [, alongY, alongZ] = this.#profiles;
    const columns = new ColumnWeights(nx, this.#starts, this.#profiles[0]);
    for (let z = 0; z < nz; z++) {
      const inSlice = this.#starts.filter((start) => z >= start[2] && z < start[2] + wz);
      const windows = inSlice.map((start) => ({ start, weight: alongZ[z - start[2]]! }));
      for (let y = 0; y < ny; y++) {
        columns.clear();
        for (const { start, weight } of windows) {
          const at = y - start[1];
          if (at >= 0 && at < wy) columns.add(start[0], weight * alongY[at]!);
        }
        const factor = columns.reciprocal();
        if (factor === 0) continue;
        const row = nx * (y + ny * z);
        for (const sums of this.#blended) {
          if (!scaleRow(sums, row, columns.reciprocals, factor)) this.#areNumbers = false;
        }
      }
    }
    return this.#sums;
  }

  /** Whether all of what was finished are numbers. */
  get areNumbers(): boolean {
    return this.#areNumbers;
  }
}

/** Adds a row of values, each times its weight. */
function addRow(sums: Float32Array, to: number, values: Float32Array, from: number, weights: Float64Array): void {
  for (let x = 0; x < weights.length; x++) sums[to + x]! += weights[x]! * values[from + x]!;
}

/**
 * The sum of the windows' weights along a row: each window has the same profile from its first column on, times its weight in
 * that row. From row to row these change in step as a rule, and then the sum's reciprocals are the last row's, scaled.
 */
class ColumnWeights {
  /** Of the sum over the row, where the largest of the windows' weights is one; zero where no window came. */
  readonly reciprocals: Float64Array;
  readonly #firsts: readonly number[];
  readonly #profile: Float32Array;
  readonly #weights: Float64Array;
  readonly #shares: Float64Array;

  constructor(width: number, starts: readonly Vec3[], profile: Float32Array) {
    this.#firsts = [...new Set(starts.map(([x]) => x))];
    this.#profile = profile;
    this.#weights = new Float64Array(this.#firsts.length);
    this.#shares = new Float64Array(this.#firsts.length);
    this.reciprocals = new Float64Array(width);
  }

  clear(): void {
    this.#weights.fill(0);
  }

  add(first: number, weight: number): void {
    this.#weights[this.#firsts.indexOf(first)]! += weight;
  }

  /** What `reciprocals` are to be multiplied by in this row; zero where no window came. */
  reciprocal(): number {
    const largest = this.#weights.reduce((most, weight) => Math.max(most, weight), 0);
    if (largest === 0) return 0;
    let isInStep = true;
    for (let n = 0; n < this.#weights.length; n++) {
      const share = this.#weights[n]! / largest;
      if (share !== this.#shares[n]) isInStep = false;
      this.#shares[n] = share;
    }
    if (!isInStep) this.#sum();
    return 1 / largest;
  }

  #sum(): void {
    const sums = this.reciprocals.fill(0);
    for (const [n, first] of this.#firsts.entries()) {
      for (let x = 0; x < this.#profile.length; x++) sums[first + x]! += this.#shares[n]! * this.#profile[x]!;
    }
    for (let x = 0; x < sums.length; x++) sums[x] = sums[x] === 0 ? 0 : 1 / sums[x]!;
  }
}

/** Scales a row's sums, from voxel `first` on. @returns whether all are numbers */
function scaleRow(sums: Float32Array, first: number, factors: Float64Array, factor: number): boolean {
  let zero = 0;
  for (let x = 0; x < factors.length; x++) {
    const mean = sums[first + x]! * (factors[x]! * factor);
    sums[first + x] = mean;
    // What is no number, or infinite, makes none of zero.
    zero += 0 * mean;
  }
  return zero === 0;
}
