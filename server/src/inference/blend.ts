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
    const [alongX, alongY, alongZ] = this.#profiles;
    const weights = new Float64Array(nx);
    for (let z = 0; z < nz; z++) {
      const inSlice = this.#starts.filter((start) => z >= start[2] && z < start[2] + wz);
      if (inSlice.length === 0) continue;
      for (let y = 0; y < ny; y++) {
        // Windows that begin at the same column have the same profile along the row.
        const ofColumn = new Map<number, number>();
        for (const [startX, startY, startZ] of inSlice) {
          if (y < startY || y >= startY + wy) continue;
          ofColumn.set(startX, (ofColumn.get(startX) ?? 0) + alongZ[z - startZ]! * alongY[y - startY]!);
        }
        weights.fill(0);
        for (const [startX, weight] of ofColumn) addWeights(weights, startX, weight, alongX);
        const row = nx * (y + ny * z);
        for (const sums of this.#blended) if (!divideRow(sums, row, weights)) this.#areNumbers = false;
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

function addWeights(weights: Float64Array, from: number, ofRow: number, alongX: Float32Array): void {
  for (let x = 0; x < alongX.length; x++) weights[from + x]! += ofRow * alongX[x]!;
}

/** Divides a row's sums, from voxel `first` on, by their weights where there are any. @returns whether all are numbers */
function divideRow(sums: Float32Array, first: number, weights: Float64Array): boolean {
  let zero = 0;
  for (let x = 0; x < weights.length; x++) {
    const weight = weights[x]!;
    if (weight === 0) continue;
    const mean = sums[first + x]! / weight;
    sums[first + x] = mean;
    // What is no number, or infinite, makes none of zero.
    zero += 0 * mean;
  }
  return zero === 0;
}
