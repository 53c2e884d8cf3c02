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
const STEPS = 128;
const EXPONENTIALS = Float64Array.from({ length: -VANISHES * STEPS + 1 }, (_, n) => Math.exp(-n / STEPS));

/** exp() of what is not above zero, to 2e-10 of it; zero where it vanishes. A third of the time of Math.exp. */
export function exponential(value: number): number {
  if (value < VANISHES) return 0;
  const step = (value * -STEPS) | 0;
  const rest = value + step / STEPS;
  return EXPONENTIALS[step]! * (1 + rest * (1 + rest * (1 / 2 + rest / 6)));
}

/**
 * What a network says of a row of voxels along x, as probabilities. Logits go through a softmax; channels of one name add
 * up, so a network that tells eight liver segments apart can name them all 'liver'.
 */
export class RowProbabilities {
  readonly liver: Float64Array;
  readonly lesion: Float64Array;
  readonly #largest: Float64Array;
  readonly #all: Float64Array;
  readonly #stage: Stage;
  readonly #voxels: number;

  constructor(stage: Stage) {
    const [x, y, z] = stage.windowVoxels;
    const row = () => new Float64Array(x);
    [this.liver, this.lesion, this.#largest, this.#all] = [row(), row(), row(), row()];
    this.#stage = stage;
    this.#voxels = x * y * z;
  }

  /** Reads the row whose first voxel is `first` of a window's output [C, Z, Y, X]. */
  read(output: Float32Array, first: number): void {
    const { liver, lesion } = this;
    const { channels, activation } = this.#stage;
    const at = (c: number) => first + c * this.#voxels;
    liver.fill(0);
    lesion.fill(0);
    const all = this.#all.fill(activation === 'logits' ? 0 : 1);
    if (activation === 'logits') this.#findLargest(output, first);
    for (const [c, name] of channels.entries()) {
      const into = name === 'liver' ? liver : name === 'lesion' ? lesion : null;
      if (activation === 'logits') addExponentials(output, at(c), this.#largest, all, into);
      else if (into) for (let x = 0; x < into.length; x++) into[x]! += output[at(c) + x]!;
    }
    for (let x = 0; x < all.length; x++) {
      liver[x]! /= all[x]!;
      lesion[x]! /= all[x]!;
    }
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
function addExponentials(
  output: Float32Array,
  from: number,
  largest: Float64Array,
  all: Float64Array,
  into: Float64Array | null,
): void {
  if (into === null) {
    for (let x = 0; x < all.length; x++) all[x]! += exponential(output[from + x]! - largest[x]!);
    return;
  }
  for (let x = 0; x < all.length; x++) {
    const share = exponential(output[from + x]! - largest[x]!);
    all[x]! += share;
    into[x]! += share;
  }
}

/** Probabilities of patches from a presence output as the network gave it: logits go through a sigmoid. */
export function patchProbabilities(activation: Presence['activation'], output: Float32Array): Float32Array {
  return activation === 'logits' ? output.map((logit) => 1 / (1 + Math.exp(-logit))) : output;
}
