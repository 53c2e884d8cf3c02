import type { Vec3 } from '../../volume/volume.ts';
import type { Stage, WholeScan } from '../manifest.ts';
import { roundHalfEven } from './resize.ts';

/** First voxels of the windows along one axis, as a system places them; the extent is at least a window. */
export function startsAlong(
  conventions: WholeScan['conventions'],
  extent: number,
  window: number,
  overlap: number,
): number[] {
  const free = extent - window;
  if (conventions === 'nnunet') {
    const steps = Math.ceil(free / (window * (1 - overlap)));
    return Array.from({ length: steps + 1 }, (_, n) => (steps === 0 ? 0 : roundHalfEven((free / steps) * n)));
  }
  const step = free === 0 ? window : Math.max(1, Math.floor(window * (1 - overlap)));
  return Array.from({ length: Math.ceil(free / step) + 1 }, (_, n) => Math.min(free, n * step));
}

/** Weight of each voxel of a window, [z, y, x]: Gaussian with a standard deviation of window / 8, or 1 everywhere. */
export function windowWeights({ windowVoxels, wholeScan }: Pick<Stage, 'windowVoxels' | 'wholeScan'>): Float32Array {
  const [wx, wy, wz] = windowVoxels;
  const weights = new Float32Array(wx * wy * wz).fill(1);
  const { conventions, weights: kind } = wholeScan!;
  if (kind === 'constant') return weights;
  const along = (window: number) => {
    const centre = conventions === 'nnunet' ? Math.floor(window / 2) : (window - 1) / 2;
    return Float64Array.from({ length: window }, (_, n) => Math.exp(-0.5 * ((8 * (n - centre)) / window) ** 2));
  };
  const [x, y, z] = [along(wx), along(wy), along(wz)];
  const least = conventions === 'nnunet' ? 0 : 1e-3;
  let to = 0;
  for (let k = 0; k < wz; k++) {
    for (let j = 0; j < wy; j++) {
      for (let i = 0; i < wx; i++) weights[to++] = Math.max(least, z[k]! * y[j]! * x[i]!);
    }
  }
  return weights;
}

/** The axes' sets that a window is mirrored along, the empty one first. */
export function mirrorings(axes: WholeScan['mirrorAxes']): readonly (readonly [boolean, boolean, boolean])[] {
  return Array.from({ length: 2 ** axes.length }, (_, set) => {
    const mirrored = (axis: 'x' | 'y' | 'z') => axes.includes(axis) && ((set >> axes.indexOf(axis)) & 1) === 1;
    return [mirrored('x'), mirrored('y'), mirrored('z')] as const;
  });
}

/** [.., z, y, x] mirrored along some of its last three axes; itself when along none. */
export function mirrored(
  values: Float32Array,
  [wx, wy, wz]: Vec3,
  [x, y, z]: readonly [boolean, boolean, boolean],
): Float32Array {
  if (!x && !y && !z) return values;
  const out = new Float32Array(values.length);
  const perWindow = wx * wy * wz;
  for (let channel = 0; channel < values.length; channel += perWindow) {
    for (let k = 0; k < wz; k++) {
      for (let j = 0; j < wy; j++) {
        const to = channel + wx * (j + wy * k);
        const from = channel + wx * ((y ? wy - 1 - j : j) + wy * (z ? wz - 1 - k : k));
        for (let i = 0; i < wx; i++) out[to + i] = values[from + (x ? wx - 1 - i : i)]!;
      }
    }
  }
  return out;
}
