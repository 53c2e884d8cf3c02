import type { Vec3 } from '../../volume/volume.ts';

/**
 * Blends what overlapping windows say, channel by channel, as the network gave it. Windows come layer by layer along z; a
 * slice that no later one covers is taken out. Needs memory for as many slices as a window has, not for the scan's.
 */
export class Slab {
  readonly #channels: number;
  readonly #shape: Vec3;
  readonly #window: Vec3;
  readonly #windowWeights: Float32Array;
  /** [slice modulo window, channel, y, x] */
  readonly #sums: Float32Array;
  /** [slice modulo window, y, x] */
  readonly #weights: Float32Array;

  constructor(channels: number, shape: Vec3, window: Vec3, windowWeights: Float32Array) {
    this.#channels = channels;
    this.#shape = shape;
    this.#window = window;
    this.#windowWeights = windowWeights;
    this.#weights = new Float32Array(shape[0] * shape[1] * window[2]);
    this.#sums = new Float32Array(channels * this.#weights.length);
  }

  /** Adds the window whose first voxel is `start`; `output` is [channels, z, y, x]. */
  add(start: Vec3, output: Float32Array): void {
    const [nx, ny] = this.#shape;
    const [wx, wy, wz] = this.#window;
    const channels = this.#channels;
    const windowWeights = this.#windowWeights;
    const weights = this.#weights;
    const sums = this.#sums;
    const perSlice = nx * ny;
    for (let z = 0; z < wz; z++) {
      const slot = (start[2] + z) % wz;
      for (let y = 0; y < wy; y++) {
        const row = start[0] + nx * (start[1] + y);
        const weightAt = wx * (y + wy * z);
        const end = weightAt + wx;
        for (let from = weightAt, to = slot * perSlice + row; from < end; from++, to++) {
          weights[to]! += windowWeights[from]!;
        }
        for (let channel = 0; channel < channels; channel++) {
          const shift = channel * wx * wy * wz;
          let to = (slot * channels + channel) * perSlice + row;
          for (let from = weightAt; from < end; from++, to++) {
            sums[to]! += windowWeights[from]! * output[from + shift]!;
          }
        }
      }
    }
  }

  /** Slice z, [channels, y, x], in memory that the next window may use again. */
  take(z: number): Float32Array {
    const perSlice = this.#shape[0] * this.#shape[1];
    const slot = z % this.#window[2];
    const weights = this.#weights.subarray(slot * perSlice, (slot + 1) * perSlice);
    const sums = this.#sums.subarray(slot * this.#channels * perSlice, (slot + 1) * this.#channels * perSlice);
    const slice = sums.slice();
    for (let channel = 0, at = 0; channel < this.#channels; channel++) {
      for (let n = 0; n < perSlice; n++, at++) slice[at]! /= weights[n]!;
    }
    weights.fill(0);
    sums.fill(0);
    return slice;
  }
}
