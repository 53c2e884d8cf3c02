import type { Box, Vec3 } from './volume.ts';

/** How voxels lie in memory: [x, y, z] at `first + x * steps[0] + y * steps[1] + z * steps[2]`. */
export interface Layout {
  readonly shape: Vec3;
  readonly first: number;
  readonly steps: Vec3;
}

/** i fastest, then j, then k. */
export function plainLayout(shape: Vec3): Layout {
  return { shape, first: 0, steps: [1, shape[0], shape[0] * shape[1]] };
}

/** The smallest box that holds every value but zero; null when there is none. */
export function boundingBox(
  values: Uint8Array | Uint16Array | Int16Array,
  { shape, first, steps }: Layout,
): Box | null {
  const [nx, ny, nz] = shape;
  const low: [number, number, number] = [nx, ny, nz];
  const high: [number, number, number] = [-1, -1, -1];
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      const row = first + y * steps[1] + z * steps[2];
      let from = 0;
      while (from < nx && values[row + from * steps[0]] === 0) from++;
      if (from === nx) continue;
      let to = nx - 1;
      while (values[row + to * steps[0]] === 0) to--;
      low[0] = Math.min(low[0], from);
      high[0] = Math.max(high[0], to);
      low[1] = Math.min(low[1], y);
      high[1] = Math.max(high[1], y);
      low[2] = Math.min(low[2], z);
      high[2] = z;
    }
  }
  if (high[2] < 0) return null;
  return { start: low, size: [high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1] };
}
