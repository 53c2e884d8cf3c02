import { ProviderError } from './errors.ts';
import type { Stage } from './manifest.ts';
import { probabilitiesIn } from './probabilities.ts';
import type { NetworkSession, WindowOutput, WindowProbabilities } from './session.ts';

/** What reduced precision may change where the manifest says nothing; a wrong kernel changes all of it. */
const USUAL_TOLERANCE = 0.02;

/**
 * The made-up window that a network is tried on: value n, x fastest, is 2 sin(0.37 n) cos(0.0113 n). The manifest's
 * stored reference is the answer to it.
 */
export function probeWindow({ windowVoxels: [x, y, z] }: Stage): Float32Array {
  return Float32Array.from({ length: x * y * z }, (_, n) => 2 * Math.sin(0.37 * n) * Math.cos(0.0113 * n));
}

/** The values of `output` at `count` places that are spread over it evenly: of n values number floor((i + 1/2) n / count). */
export function sampled(output: Float32Array, count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => output[Math.floor(((i + 0.5) * output.length) / count)]!);
}

/**
 * How far a network's answer to the made-up window is from the stored reference, or where there is none from what the CPU
 * says to it: root mean square of the difference, as a share of the reference's standard deviation.
 * @param onCpu opens the network on the CPU
 */
export async function differenceFromReference(
  output: WindowOutput,
  stage: Stage,
  onCpu: () => Promise<NetworkSession>,
): Promise<number> {
  if (stage.reference) {
    const { values } = stage.reference;
    return difference(sampled(output.classes, values.length), Float32Array.from(values));
  }
  const reference = await onCpu();
  try {
    const { classes, presence } = await reference.run(probeWindow(stage));
    const ofClasses = difference(output.classes, classes);
    return presence && output.presence ? Math.max(ofClasses, difference(output.presence, presence)) : ofClasses;
  } finally {
    await reference.release();
  }
}

/** How far the probabilities of one window are from those that its output stands for, in the same way. */
export function differenceOfProbabilities(made: WindowProbabilities, { classes }: WindowOutput, stage: Stage): number {
  const { liver, lesion } = probabilitiesIn(classes, stage, 1);
  return Math.max(difference(made.liver, liver), made.lesion ? difference(made.lesion, lesion) : 0);
}

/** @throws ProviderError when the difference is more than the manifest tolerates, or no number */
export function requireRight(provider: NetworkSession['engine']['provider'], stage: Stage, difference: number): void {
  const tolerance = stage.reference?.tolerance ?? USUAL_TOLERANCE;
  // Written so that what is not a number fails too.
  if (difference <= tolerance) return;
  throw new ProviderError(
    provider,
    `wrong numbers: its output differs from the reference by ${difference.toPrecision(2)} of its spread, more than ${tolerance}`,
  );
}

function difference(one: Float32Array, reference: Float32Array): number {
  const mean = reference.reduce((sum, value) => sum + value, 0) / reference.length;
  let [squares, spread] = [0, 0];
  for (let n = 0; n < reference.length; n++) {
    squares += (one[n]! - reference[n]!) ** 2;
    spread += (reference[n]! - mean) ** 2;
  }
  return Math.sqrt(squares / (spread || 1));
}
