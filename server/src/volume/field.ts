import { gridOfBox, stepsBetween, toVoxel } from './geometry.ts';
import type { Box, Grid } from './volume.ts';

/** What a network leaves on its grid: value of channel c at voxel [x, y, z] is at c * n + x + nx * (y + ny * z). */
export interface Field {
  readonly grid: Grid;
  readonly channels: number;
  readonly values: Float32Array;
}

export interface FieldSlice {
  /** Slice index on the whole target grid. */
  readonly k: number;
  /** [channels, box.size[1], box.size[0]], columns fastest. The next slice overwrites it. */
  readonly values: Float32Array;
}

/**
 * Reads a field at the voxels of a box of another grid, slice by slice: trilinear, and the field's outermost values
 * beyond its last voxels. Needs one slice of memory, so the caller decides there what to keep of it.
 */
export function* sampleField(field: Field, target: Grid, box: Box): Generator<FieldSlice> {
  const { grid, channels, values } = field;
  const [nx, ny, nz] = grid.shape;
  const [width, height, depth] = box.size;
  const perChannel = nx * ny * nz;
  const perSlice = width * height;
  const out = new Float32Array(channels * perSlice);
  const origin = toVoxel(grid, gridOfBox(target, box).originMm);
  const steps = stepsBetween(target, grid);
  for (let k = 0; k < depth; k++) {
    sampleSlice(k);
    yield { k: box.start[2] + k, values: out };
  }

  function sampleSlice(k: number): void {
    const [di, dj, dk] = steps;
    for (let j = 0; j < height; j++) {
      const x0 = origin[0] + j * dj[0] + k * dk[0];
      const y0 = origin[1] + j * dj[1] + k * dk[1];
      const z0 = origin[2] + j * dj[2] + k * dk[2];
      for (let i = 0; i < width; i++) {
        const x = Math.min(Math.max(x0 + i * di[0], 0), nx - 1);
        const y = Math.min(Math.max(y0 + i * di[1], 0), ny - 1);
        const z = Math.min(Math.max(z0 + i * di[2], 0), nz - 1);
        const xi = x | 0;
        const yi = y | 0;
        const zi = z | 0;
        const fx = x - xi;
        const fy = y - yi;
        const fz = z - zi;
        const nextX = xi < nx - 1 ? 1 : 0;
        const nextY = yi < ny - 1 ? nx : 0;
        const nextZ = zi < nz - 1 ? nx * ny : 0;
        let at = xi + nx * (yi + ny * zi);
        for (let to = j * width + i; to < out.length; to += perSlice, at += perChannel) {
          const bAt = at + nextY;
          const cAt = at + nextZ;
          const dAt = cAt + nextY;
          const a = values[at]! + fx * (values[at + nextX]! - values[at]!);
          const b = values[bAt]! + fx * (values[bAt + nextX]! - values[bAt]!);
          const c = values[cAt]! + fx * (values[cAt + nextX]! - values[cAt]!);
          const d = values[dAt]! + fx * (values[dAt + nextX]! - values[dAt]!);
          const near = a + fy * (b - a);
          out[to] = near + fz * (c + fy * (d - c) - near);
        }
      }
    }
  }
}
