import type { Vec3 } from '../volume/volume.ts';
import type { Stage } from './manifest.ts';
import { exponential, type Probabilities, probabilitiesOf, RowProbabilities } from './probabilities.ts';
import { gaussianWeights } from './tiles.ts';

/**
 * Blends the outputs of overlapping windows into one probability map; each voxel of a window has a Gaussian weight.
 * Takes 8 bytes for each voxel of the grid, however many windows and channels there are.
 * Probabilities are blended, not logits, so that one over-confident window cannot outvote its neighbours.
 */
export class WindowBlend {
  readonly #shape: Vec3;
  readonly #stage: Stage;
  readonly #profiles: readonly [Float32Array, Float32Array, Float32Array];
  readonly #row: RowProbabilities;
  readonly #three: ReturnType<typeof threeChannels>;
  readonly #sums: Probabilities;
  readonly #starts: Vec3[] = [];
  #areNumbers = true;

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
    this.#three = threeChannels(stage);
    this.#sums = probabilitiesOf(shape[0] * shape[1] * shape[2]);
  }

  /** Adds the window whose first voxel is `start`; `output` [C, Z, Y, X] is as the network gave it. */
  add(start: Vec3, output: Float32Array): void {
    const [nx, ny] = this.#shape;
    const [wx, wy, wz] = this.#stage.windowVoxels;
    const [alongX, alongY, alongZ] = this.#profiles;
    const sums = this.#sums;
    this.#starts.push(start);
    const voxels = wx * wy * wz;
    for (let z = 0; z < wz; z++) {
      for (let y = 0; y < wy; y++) {
        const from = wx * (y + wy * z);
        const to = start[0] + nx * (start[1] + y + ny * (start[2] + z));
        const weight = alongZ[z]! * alongY[y]!;
        if (this.#three) {
          const { other, liver, lesion } = this.#three;
          addThree(
            output,
            from + other * voxels,
            from + liver * voxels,
            from + lesion * voxels,
            weight,
            alongX,
            to,
            sums,
          );
        } else {
          this.#row.read(output, from);
          addRow(this.#row, weight, alongX, to, sums);
        }
      }
    }
  }

  /** The blended probabilities; zero where no window came. The blend is used up: its memory becomes the result. */
  finish(): Probabilities {
    const [nx, ny, nz] = this.#shape;
    const [, wy, wz] = this.#stage.windowVoxels;
    const [alongX, alongY, alongZ] = this.#profiles;
    const weights = new Float64Array(nx);
    for (let z = 0; z < nz; z++) {
      const inSlice = this.#starts.filter((start) => z >= start[2] && z < start[2] + wz);
      for (let y = 0; y < ny; y++) {
        weights.fill(0);
        for (const [startX, startY, startZ] of inSlice) {
          if (y < startY || y >= startY + wy) continue;
          addWeights(weights, startX, alongZ[z - startZ]! * alongY[y - startY]!, alongX);
        }
        if (!divideRow(this.#sums, nx * (y + ny * z), weights)) this.#areNumbers = false;
      }
    }
    return this.#sums;
  }

  /** Whether all of what was finished are numbers. */
  get areNumbers(): boolean {
    return this.#areNumbers;
  }
}

/** The channels of everything else, of liver and of lesion, where there is one of each and no other. */
function threeChannels({ channels, activation }: Stage) {
  const [liver, lesion] = [channels.indexOf('liver'), channels.indexOf('lesion')];
  if (activation !== 'logits' || channels.length !== 3 || new Set(channels).size !== 3) return null;
  return liver < 0 || lesion < 0 ? null : { other: 3 - liver - lesion, liver, lesion };
}

/** Adds a row's probabilities, each times the row's weight and that of its place in it, from voxel `to` on. */
function addRow(
  { liver, lesion }: RowProbabilities,
  ofRow: number,
  alongX: Float32Array,
  to: number,
  sums: Probabilities,
): void {
  for (let x = 0; x < alongX.length; x++) {
    const weight = ofRow * alongX[x]!;
    sums.liver[to + x]! += weight * liver[x]!;
    sums.lesion[to + x]! += weight * lesion[x]!;
  }
}

/** The same from the logits of the three channels that most networks have, whose rows begin at three places: in a third of the time. */
function addThree(
  output: Float32Array,
  otherAt: number,
  liverAt: number,
  lesionAt: number,
  ofRow: number,
  alongX: Float32Array,
  to: number,
  { liver, lesion }: Probabilities,
): void {
  for (let x = 0; x < alongX.length; x++) {
    const ofOther = output[otherAt + x]!;
    const ofLiver = output[liverAt + x]!;
    const ofLesion = output[lesionAt + x]!;
    // Mostly it is everything else, whose own share is one, or no number where it is infinite.
    const isOther = ofOther >= ofLiver && ofOther >= ofLesion;
    const largest = isOther ? ofOther : ofLiver > ofLesion ? ofLiver : ofLesion;
    const liverShare = exponential(ofLiver - largest);
    const lesionShare = exponential(ofLesion - largest);
    const all = liverShare + lesionShare + (isOther ? 1 + (ofOther - largest) : exponential(ofOther - largest));
    const scale = (ofRow * alongX[x]!) / all;
    liver[to + x]! += scale * liverShare;
    lesion[to + x]! += scale * lesionShare;
  }
}

function addWeights(weights: Float64Array, from: number, ofRow: number, alongX: Float32Array): void {
  for (let x = 0; x < alongX.length; x++) weights[from + x]! += ofRow * alongX[x]!;
}

/** Divides a row's sums, from voxel `first` on, by their weights where there are any. @returns whether all are numbers */
function divideRow({ liver, lesion }: Probabilities, first: number, weights: Float64Array): boolean {
  let zero = 0;
  for (let x = 0; x < weights.length; x++) {
    const weight = weights[x]!;
    if (weight === 0) continue;
    const ofLiver = liver[first + x]! / weight;
    const ofLesion = lesion[first + x]! / weight;
    liver[first + x] = ofLiver;
    lesion[first + x] = ofLesion;
    // What is no number, or infinite, makes none of zero.
    zero += 0 * ofLiver + 0 * ofLesion;
  }
  return zero === 0;
}
