import type { Field } from '../volume/field.ts';
import { toPatient } from '../volume/geometry.ts';
import type { Grid, Vec3 } from '../volume/volume.ts';
import type { Presence } from './manifest.ts';
import { patchProbabilities } from './probabilities.ts';
import { gaussianWeights } from './tiles.ts';

/** Part of a patch that one cell of the map covers along an axis: a patch of one window and a cell of the map. */
interface Share {
  readonly cell: number;
  /** In voxels. */
  readonly overlap: number;
}

/**
 * Blends what overlapping windows say of their patches into one map of the probability that there is lesion. A cell of
 * the map is half a patch along each axis; a patch counts for the cells that it covers, by how much of them it covers and
 * by a Gaussian weight about its window's centre.
 */
export class PresenceBlend {
  readonly #grid: Grid;
  readonly #shape: Vec3;
  readonly #presence: Presence;
  readonly #patches: Vec3;
  readonly #profiles: readonly [Float32Array, Float32Array, Float32Array];
  readonly #sums: Float32Array;
  readonly #weights: Float32Array;

  /** @param grid that the windows slide over; patches fill a window */
  constructor(grid: Grid, windowVoxels: Vec3, presence: Presence) {
    const { patchVoxels } = presence;
    const along = (axis: 0 | 1 | 2) => Math.ceil(grid.shape[axis] / (patchVoxels[axis] / 2));
    const patches = (axis: 0 | 1 | 2) => windowVoxels[axis] / patchVoxels[axis];
    this.#grid = grid;
    this.#shape = [along(0), along(1), along(2)];
    this.#presence = presence;
    this.#patches = [patches(0), patches(1), patches(2)];
    const [x, y, z] = this.#patches;
    this.#profiles = [gaussianWeights(x), gaussianWeights(y), gaussianWeights(z)];
    this.#sums = new Float32Array(this.#shape[0] * this.#shape[1] * this.#shape[2]);
    this.#weights = new Float32Array(this.#sums.length);
  }

  /** Adds the window whose first voxel is `start`; `output` [1, Z, Y, X], one value a patch, is as the network gave it. */
  add(start: Vec3, output: Float32Array): void {
    const [alongX, alongY, alongZ] = this.#profiles;
    const shares = [this.#shares(start, 0), this.#shares(start, 1), this.#shares(start, 2)] as const;
    const [nx, ny] = this.#shape;
    const probabilities = patchProbabilities(this.#presence.activation, output);
    let from = 0;
    for (const [pz, overZ] of shares[2].entries()) {
      for (const [py, overY] of shares[1].entries()) {
        for (const [px, overX] of shares[0].entries()) {
          const probability = probabilities[from++]!;
          const weight = alongZ[pz]! * alongY[py]! * alongX[px]!;
          for (const z of overZ) {
            for (const y of overY) {
              for (const x of overX) {
                const at = x.cell + nx * (y.cell + ny * z.cell);
                const share = weight * z.overlap * y.overlap * x.overlap;
                this.#sums[at]! += share * probability;
                this.#weights[at]! += share;
              }
            }
          }
        }
      }
    }
  }

  /** The map, probability 0 to 1; zero where no window came. */
  finish(): Field {
    const { spacingMm, axes } = this.#grid;
    const edge = this.#presence.patchVoxels.map((n) => n / 2) as unknown as Vec3;
    const shape = this.#shape;
    return {
      grid: {
        shape,
        spacingMm: [spacingMm[0] * edge[0], spacingMm[1] * edge[1], spacingMm[2] * edge[2]],
        originMm: toPatient(this.#grid, [(edge[0] - 1) / 2, (edge[1] - 1) / 2, (edge[2] - 1) / 2]),
        axes,
      },
      channels: 1,
      values: this.#sums.map((sum, cell) => (this.#weights[cell]! > 0 ? sum / this.#weights[cell]! : 0)),
    };
  }

  /** For each patch along an axis of the window: the cells that it covers. */
  #shares(start: Vec3, axis: 0 | 1 | 2): Share[][] {
    const patch = this.#presence.patchVoxels[axis];
    const edge = patch / 2;
    return Array.from({ length: this.#patches[axis] }, (_, n) => {
      const low = start[axis] + n * patch;
      const first = Math.floor(low / edge);
      const last = Math.min(this.#shape[axis], Math.ceil((low + patch) / edge));
      return Array.from({ length: last - first }, (__, k) => {
        const cell = first + k;
        return { cell, overlap: Math.min(low + patch, (cell + 1) * edge) - Math.max(low, cell * edge) };
      });
    });
  }
}
