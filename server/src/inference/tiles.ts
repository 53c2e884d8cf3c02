import type { Vec3 } from '../volume/volume.ts';
import { type HuTransform, transformed, UNCHANGED } from './intensity.ts';
import type { Stage } from './manifest.ts';

/** Below this share of the centre's weight no voxel of a window falls along an axis, so that no weight vanishes. */
const LEAST_WEIGHT = 0.01;

/**
 * First voxels of the windows along one axis. They cover `extent` voxels; neighbours overlap by `overlap` of a window
 * or more, evenly, and none runs over the end. An extent shorter than a window has one window, which does.
 */
export function windowStarts(extent: number, window: number, overlap: number): number[] {
  const count = windowCount(extent, window, overlap);
  if (count === 1) return [0];
  return Array.from({ length: count }, (_, n) => Math.round((n * (extent - window)) / (count - 1)));
}

function windowCount(extent: number, window: number, overlap: number): number {
  if (extent <= window) return 1;
  const longestStep = Math.max(1, Math.floor(window * (1 - overlap)));
  return 1 + Math.ceil((extent - window) / longestStep);
}

/** Starts [x, y, z] of all windows over a grid of `shape` voxels, x fastest. */
export function windowsOver(shape: Vec3, window: Vec3, overlap: number): Vec3[] {
  const [xs, ys, zs] = shape.map((extent, axis) => windowStarts(extent, window[axis]!, overlap));
  return zs!.flatMap((z) => ys!.flatMap((y) => xs!.map((x): Vec3 => [x, y, z])));
}

/**
 * The size [x, y, z] of the windows that cover a grid of `shape` voxels: the stage's own, or larger ones where the stage allows
 * them and they have fewer voxels in all. Of those with as few, the fewest windows.
 */
export function windowFor(
  shape: Vec3,
  { windowVoxels, overlap, largerWindows }: Pick<Stage, 'windowVoxels' | 'overlap' | 'largerWindows'>,
): Vec3 {
  if (!largerWindows) return windowVoxels;
  const { stepVoxels, mostVoxels } = largerWindows;
  let best = { size: windowVoxels as Vec3, ...costOf(shape, windowVoxels, overlap) };
  const sizes = (axis: 0 | 1 | 2): number[] => {
    const steps = Math.ceil(Math.max(0, shape[axis] - windowVoxels[axis]) / stepVoxels);
    return Array.from({ length: steps + 1 }, (_, n) => windowVoxels[axis] + n * stepVoxels);
  };
  for (const z of sizes(2)) {
    for (const y of sizes(1)) {
      for (const x of sizes(0)) {
        if (x * y * z > mostVoxels) break;
        const cost = costOf(shape, [x, y, z], overlap);
        if (cost.voxels > best.voxels || (cost.voxels === best.voxels && cost.windows >= best.windows)) continue;
        best = { size: [x, y, z], ...cost };
      }
    }
  }
  return best.size;
}

/** How many windows [x, y, z] cover a grid of `shape` voxels. */
export function windowsNeeded(shape: Vec3, size: Vec3, overlap: number): number {
  return shape.reduce((product, extent, axis) => product * windowCount(extent, size[axis]!, overlap), 1);
}

function costOf(shape: Vec3, size: Vec3, overlap: number): { windows: number; voxels: number } {
  const windows = windowsNeeded(shape, size, overlap);
  return { windows, voxels: windows * size[0] * size[1] * size[2] };
}

/**
 * Weight of each voxel along one axis of a window: a Gaussian of standard deviation window / 8 about the centre,
 * where the network sees the most around a voxel (Isensee et al., Nat Methods 2021), with a floor above zero.
 * A voxel's weight is the product over the axes.
 */
export function gaussianWeights(window: number): Float32Array {
  const centre = (window - 1) / 2;
  const sigma = window / 8;
  return Float32Array.from({ length: window }, (_, i) =>
    Math.max(LEAST_WEIGHT, Math.exp(-0.5 * ((i - centre) / sigma) ** 2)),
  );
}

/**
 * Copies a window, whose first voxel is [x, y, z], out of values on a grid of `shape` voxels, x fastest.
 * @param transform what the values become; they stay as they are if it is left out
 */
export function readWindow(
  values: Float32Array,
  [nx, ny]: Vec3,
  [x, y, z]: Vec3,
  [wx, wy, wz]: Vec3,
  into: Float32Array,
  transform: HuTransform = UNCHANGED,
): void {
  for (let k = 0, to = 0; k < wz; k++) {
    for (let j = 0; j < wy; j++, to += wx) {
      const from = x + nx * (y + j + ny * (z + k));
      for (let i = 0; i < wx; i++) into[to + i] = transformed(transform, values[from + i]!);
    }
  }
}
