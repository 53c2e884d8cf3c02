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

/**
 * Turns a network's output [C, Z, Y, X] into probabilities, written to `into`. Logits go through a softmax;
 * channels of one name add up, so a network that tells eight liver segments apart can name them all 'liver'.
 */
export function toProbabilities(stage: Stage, output: Float32Array, into: Probabilities): void {
  const { liver, lesion } = into;
  const voxels = liver.length;
  const channels = stage.channels.length;
  const isLiver = stage.channels.map((channel) => channel === 'liver');
  const isLesion = stage.channels.map((channel) => channel === 'lesion');
  const logits = stage.activation === 'logits';
  for (let voxel = 0; voxel < voxels; voxel++) {
    let largest = 0;
    if (logits) {
      largest = output[voxel]!;
      for (let c = 1, at = voxel + voxels; c < channels; c++, at += voxels) {
        if (output[at]! > largest) largest = output[at]!;
      }
    }
    let all = 0;
    let inLiver = 0;
    let inLesion = 0;
    for (let c = 0, at = voxel; c < channels; c++, at += voxels) {
      const share = logits ? Math.exp(output[at]! - largest) : output[at]!;
      all += share;
      if (isLiver[c]) inLiver += share;
      else if (isLesion[c]) inLesion += share;
    }
    const sum = logits ? all : 1;
    liver[voxel] = inLiver / sum;
    lesion[voxel] = inLesion / sum;
  }
}

/** Probabilities of patches from a presence output as the network gave it: logits go through a sigmoid. */
export function patchProbabilities(activation: Presence['activation'], output: Float32Array): Float32Array {
  return activation === 'logits' ? output.map((logit) => 1 / (1 + Math.exp(-logit))) : output;
}
