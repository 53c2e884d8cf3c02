import type { Presence, Stage } from './manifest.ts';

/** Probabilities of liver (without its lesions) and lesion for each voxel; what remains to 1 is everything else. */
export interface Probabilities {
  readonly liver: Float32Array;
  readonly lesion: Float32Array;
  /** Both in one piece of memory: liver, then lesion. */
  readonly both: Float32Array;
}

/** Probabilities of as many voxels, all zero. */
export function probabilitiesOf(voxels: number): Probabilities {
  const both = new Float32Array(2 * voxels);
  return { liver: both.subarray(0, voxels), lesion: both.subarray(voxels), both };
}

/** Below this exp() adds nothing to a sum of at least one in single precision. */
const VANISHES = -24;

/**
 * What a network says of a row of voxels along x: the channels' shares, whose probability is share / all. Logits go through
 * a softmax; channels of one name add up, so a network that tells eight liver segments apart can name them all 'liver'.
 */
export class RowShares {
  readonly all: Float64Array;
  readonly liver: Float64Array;
  readonly lesion: Float64Array;
  readonly #other: Float64Array;
  readonly #largest: Float64Array;
  readonly #stage: Stage;
  readonly #voxels: number;

  constructor(stage: Stage) {
    const [x, y, z] = stage.windowVoxels;
    const row = () => new Float64Array(x);
    [this.all, this.liver, this.lesion, this.#other, this.#largest] = [row(), row(), row(), row(), row()];
    this.#stage = stage;
    this.#voxels = x * y * z;
  }

  /** Reads the row whose first voxel is `first` of a window's output [C, Z, Y, X]. */
  read(output: Float32Array, first: number): void {
    const { all } = this;
    const { channels, activation } = this.#stage;
    for (const sum of [this.liver, this.lesion, this.#other]) sum.fill(0);
    const logits = activation === 'logits';
    if (logits) this.#findLargest(output, first);
    for (const [c, name] of channels.entries()) {
      const into = name === 'liver' ? this.liver : name === 'lesion' ? this.lesion : this.#other;
      const from = first + c * this.#voxels;
      if (logits) addExponentials(output, from, this.#largest, into);
      else for (let x = 0; x < into.length; x++) into[x]! += output[from + x]!;
    }
    if (!logits) all.fill(1);
    else for (let x = 0; x < all.length; x++) all[x] = this.liver[x]! + this.lesion[x]! + this.#other[x]!;
  }

  #findLargest(output: Float32Array, first: number): void {
    const largest = this.#largest.fill(Number.NEGATIVE_INFINITY);
    for (let c = 0; c < this.#stage.channels.length; c++) {
      const from = first + c * this.#voxels;
      for (let x = 0; x < largest.length; x++) {
        const value = output[from + x]!;
        // What is not a number must come through.
        if (!(value <= largest[x]!)) largest[x] = value;
      }
    }
  }
}

/** Adds exp(value - largest) of a row of values, none of which is above its largest. */
function addExponentials(output: Float32Array, from: number, largest: Float64Array, into: Float64Array): void {
  for (let x = 0; x < into.length; x++) {
    const below = output[from + x]! - largest[x]!;
    // Most of a softmax is spared the call.
    into[x]! += below === 0 ? 1 : below < VANISHES ? 0 : Math.exp(below);
  }
}

/** Probabilities of patches from a presence output as the network gave it: logits go through a sigmoid. */
export function patchProbabilities(activation: Presence['activation'], output: Float32Array): Float32Array {
  return activation === 'logits' ? output.map((logit) => 1 / (1 + Math.exp(-logit))) : output;
}
