import type { Vec3 } from '../volume/volume.ts';
import type { Stage } from './manifest.ts';
import { type Probabilities, probabilitiesOf, RowProbabilities } from './probabilities.ts';
import { gaussianWeights } from './tiles.ts';

/**
 * Blends the outputs of overlapping windows into one probability map; each voxel of a window has a Gaussian weight.
 * Takes 12 bytes for each voxel of the grid, however many windows and channels there are.
 * Probabilities are blended, not logits, so that one over-confident window cannot outvote its neighbours.
 */
export class WindowBlend {
  readonly #shape: Vec3;
  readonly #stage: Stage;
  readonly #profiles: readonly [Float32Array, Float32Array, Float32Array];
  readonly #row: RowProbabilities;
  readonly #sums: Probabilities;
  readonly #weights: Float32Array;

  /**
   * @param shape voxels of the grid along x, y, z, x fastest
   * @throws RangeError when the grid is smaller than a window
   */
  constructor(shape: Vec3, stage: Stage) {
    const [x, y, z] = stage.windowVoxels;
    if (shape[0] < x || shape[1] < y || shape[2] < z) {
      throw new RangeError(`a grid of ${shape.join(' x ')} voxels is smaller than a window of ${x} x ${y} x ${z}`);
    }
    this.#shape = shape;
    this.#stage = stage;
    this.#profiles = [gaussianWeights(x), gaussianWeights(y), gaussianWeights(z)];
    this.#row = new RowProbabilities(stage);
    this.#sums = probabilitiesOf(shape[0] * shape[1] * shape[2]);
    this.#weights = new Float32Array(shape[0] * shape[1] * shape[2]);
  }

  /** Adds the window whose first voxel is `start`; `output` [C, Z, Y, X] is as the network gave it. */
  add(start: Vec3, output: Float32Array): void {
    const { liver, lesion } = this.#sums;
    const weights = this.#weights;
    const [nx, ny] = this.#shape;
    const [wx, wy, wz] = this.#stage.windowVoxels;
    const [alongX, alongY, alongZ] = this.#profiles;
    const probabilities = this.#row;
    for (let z = 0; z < wz; z++) {
      for (let y = 0; y < wy; y++) {
        probabilities.read(output, wx * (y + wy * z));
        const row = alongZ[z]! * alongY[y]!;
        const to = start[0] + nx * (start[1] + y + ny * (start[2] + z));
        addWeighted(row, alongX, probabilities, to, liver, lesion, weights);
      }
    }
  }

  /** The blended probabilities; zero where no window came. The blend is used up: its memory becomes the result. */
  finish(): Probabilities {
    const { liver, lesion } = this.#sums;
    const weights = this.#weights;
    for (let voxel = 0; voxel < weights.length; voxel++) {
      const weight = weights[voxel]!;
      if (weight > 0) {
        liver[voxel]! /= weight;
        lesion[voxel]! /= weight;
      }
    }
    return this.#sums;
  }
}

/** Adds a row's probabilities, each times the row's weight and that of its place in it, from voxel `to` on. */
function addWeighted(
  ofRow: number,
  alongX: Float32Array,
  row: RowProbabilities,
  to: number,
  liver: Float32Array,
  lesion: Float32Array,
  weights: Float32Array,
): void {
  const { liver: rowLiver, lesion: rowLesion } = row;
  for (let x = 0; x < alongX.length; x++) {
    const weight = ofRow * alongX[x]!;
    liver[to + x]! += weight * rowLiver[x]!;
    lesion[to + x]! += weight * rowLesion[x]!;
    weights[to + x]! += weight;
  }
}
