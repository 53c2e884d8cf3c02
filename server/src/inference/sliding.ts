import type { Vec3 } from '../volume/volume.ts';
import type { Stage } from './manifest.ts';
import { madeOfOutput, type NetworkSession, type WindowOutput } from './session.ts';
import { mirrored, mirrorings } from './whole-scan/placement.ts';

export const AXES = ['x', 'y', 'z'] as const;

/** What a site may ask of the windows over the liver, beyond the model's manifest. It changes the result. */
export interface Sliding {
  /** Share of a window that the next one overlaps, instead of the manifest's. */
  readonly overlap?: number | undefined;
  /** Each window is seen mirrored along every set of these axes, and the outputs' mean counts: 2, 4 or 8 times the work. */
  readonly mirrorAxes?: readonly (typeof AXES)[number][] | undefined;
}

/** What differs from the manifest's way, for the name of a run: one that asks for nothing is named as if there were no options. */
export function slidingOptions({ overlap, mirrorAxes = [] }: Sliding = {}): Readonly<Record<string, unknown>> {
  return {
    ...(overlap === undefined ? {} : { overlap }),
    ...(mirrorAxes.length === 0 ? {} : { mirrorAxes: AXES.filter((axis) => mirrorAxes.includes(axis)) }),
  };
}

/** A stage whose windows are all of the size that the manifest gives first. */
export function ofOneSize(stage: Stage): Stage {
  return { ...stage, largerWindows: undefined };
}

/** A stage whose windows overlap as the site asks: then they are of one size, since it is their overlap that counts. */
export function asAsked(stage: Stage, { overlap }: Sliding = {}): Stage {
  return overlap === undefined ? stage : { ...ofOneSize(stage), overlap };
}

/** A session whose answer to a window is the mean of its answers to the window's mirror images, mirrored back. */
export function mirroring(session: NetworkSession, stage: Stage, { mirrorAxes = [] }: Sliding = {}): NetworkSession {
  if (mirrorAxes.length === 0) return session;
  const turns = mirrorings([...mirrorAxes]);
  const { windowVoxels, presence } = stage;
  const patches = presence?.patchVoxels.map((edge, axis) => windowVoxels[axis]! / edge) as unknown as Vec3;
  const run = async (input: Float32Array, windows = 1): Promise<WindowOutput> => {
    let sum: { classes: Float32Array; presence: Float32Array | null } | null = null;
    for (const turn of turns) {
      const output = await session.run(mirrored(input, windowVoxels, turn), windows, windowVoxels);
      const classes = mirrored(output.classes, windowVoxels, turn);
      const ofPatches = output.presence && mirrored(output.presence, patches, turn);
      sum ??= {
        classes: new Float32Array(classes.length),
        presence: ofPatches && new Float32Array(ofPatches.length),
      };
      addShare(sum.classes, classes, turns.length);
      if (ofPatches) addShare(sum.presence!, ofPatches, turns.length);
    }
    return sum!;
  };
  return {
    get engine() {
      return session.engine;
    },
    get batch() {
      return session.batch;
    },
    get lanes() {
      return session.lanes ?? 1;
    },
    get faults() {
      return session.faults ?? [];
    },
    run,
    // The mean is of outputs: of the probabilities it would be another.
    probabilities: madeOfOutput(stage, run),
    release: () => session.release(),
  };
}

function addShare(sum: Float32Array, values: Float32Array, parts: number): void {
  for (let n = 0; n < sum.length; n++) sum[n]! += values[n]! / parts;
}
