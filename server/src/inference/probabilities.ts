import type { Presence, Stage } from './manifest.ts';

/** Probabilities of liver (without its lesions) and lesion for each voxel; what remains to 1 is everything else. */
export interface Probabilities {
  readonly liver: Float32Array;
  readonly lesion: Float32Array;
  /** Both in one piece of memory: liver, then lesion. */
  readonly both: Float32Array;
}

/** Of probabilities that were used up: the system gives fresh memory page by page, which takes longer than to fill it. */
let kept: Float32Array | null = null;

/** Probabilities of as many voxels, all zero. */
export function probabilitiesOf(voxels: number): Probabilities {
  const both = kept && kept.length >= 2 * voxels ? kept.subarray(0, 2 * voxels).fill(0) : new Float32Array(2 * voxels);
  kept = null;
  return { liver: both.subarray(0, voxels), lesion: both.subarray(voxels), both };
}

/** Makes the liver's probability that of liver, diseased or not, in place. */
export function takeLesionsIn({ liver, lesion }: Probabilities): void {
  for (let voxel = 0; voxel < liver.length; voxel++) liver[voxel]! += lesion[voxel]!;
}

/** Says that probabilities are used up: the next are made in their memory. */
export function useAgain({ both }: Probabilities): void {
  const whole = new Float32Array(both.buffer);
  if (whole.length > (kept?.length ?? 0)) kept = whole;
}

/**
 * What a network says of windows, as probabilities. Logits go through a softmax; channels of one name add up, so a network
 * that tells eight liver segments apart can name them all 'liver'.
 * @param output [N, C, Z, Y, X] as the network gave it
 */
export function probabilitiesIn(output: Float32Array, { activation, channels }: Stage, windows: number): Probabilities {
  const voxels = output.length / (windows * channels.length);
  const probabilities = probabilitiesOf(windows * voxels);
  const { liver, lesion } = probabilities;
  for (let to = 0; to < liver.length; to++) {
    const voxel = to % voxels;
    const first = voxel + (to - voxel) * channels.length;
    const largest = activation === 'logits' ? largestOf(output, first, voxels, channels.length) : 0;
    let all = 0;
    let ofLiver = 0;
    let ofLesion = 0;
    for (let c = 0; c < channels.length; c++) {
      const value = output[first + c * voxels]!;
      const share = activation === 'logits' ? Math.exp(value - largest) : value;
      all += share;
      if (channels[c] === 'liver') ofLiver += share;
      else if (channels[c] === 'lesion') ofLesion += share;
    }
    if (activation !== 'logits') all = 1;
    liver[to] = ofLiver / all;
    lesion[to] = ofLesion / all;
  }
  return probabilities;
}

/** The largest of a voxel's values, or one that is no number: it must come through. */
function largestOf(output: Float32Array, first: number, step: number, channels: number): number {
  let largest = output[first]!;
  for (let c = 1; c < channels; c++) {
    const value = output[first + c * step]!;
    if (!(value <= largest)) largest = value;
  }
  return largest;
}

/** Probabilities of patches from a presence output as the network gave it: logits go through a sigmoid. */
export function patchProbabilities(activation: Presence['activation'], output: Float32Array): Float32Array {
  return activation === 'logits' ? output.map((logit) => 1 / (1 + Math.exp(-logit))) : output;
}
