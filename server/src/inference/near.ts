import { toPatient, toVoxel, voxelAt } from '../volume/geometry.ts';
import type { Grid, Vec3 } from '../volume/volume.ts';
import { isInner, type LocatedLiver } from './locate.ts';
import type { Probabilities } from './probabilities.ts';

/**
 * Where the liver may be: no farther from what stage 1, which sees more of the body, took for liver than the margin and a
 * voxel. 1 there, else 0, on the grid of `located`.
 */
export function surroundings({ grid, mask }: LocatedLiver, marginMm: number): Uint8Array {
  const [nx, ny, nz] = grid.shape;
  const near = Uint8Array.from(mask);
  const rows = rowsOfBall(grid.spacingMm, marginMm + Math.max(...grid.spacingMm));
  for (let at = mask.indexOf(1); at >= 0; at = mask.indexOf(1, at + 1)) {
    // What is around an inner voxel is around an outer one too, or is liver itself.
    if (isInner(mask, grid.shape, at)) continue;
    const [x, y, z] = voxelAt(grid.shape, at);
    for (const [dy, dz, half] of rows) {
      if (y + dy < 0 || y + dy >= ny || z + dz < 0 || z + dz >= nz) continue;
      const row = nx * (y + dy + ny * (z + dz));
      near.fill(1, row + Math.max(0, x - half), row + Math.min(nx, x + half + 1));
    }
  }
  return near;
}

/** The rows along x of a ball around a voxel: [rows away along y, along z, voxels to either side]. */
function rowsOfBall([sx, sy, sz]: Vec3, radiusMm: number): Vec3[] {
  const rows: Vec3[] = [];
  for (let dz = -Math.floor(radiusMm / sz); dz <= radiusMm / sz; dz++) {
    for (let dy = -Math.floor(radiusMm / sy); dy <= radiusMm / sy; dy++) {
      const left = radiusMm ** 2 - (dy * sy) ** 2 - (dz * sz) ** 2;
      if (left >= 0) rows.push([dy, dz, Math.floor(Math.sqrt(left) / sx)]);
    }
  }
  return rows;
}

/** Whether a window of `grid` holds any of the surroundings, which lie on `coarse`. Both grids are patient-aligned. */
export function holdsAny(near: Uint8Array, coarse: Grid, grid: Grid, start: Vec3, window: Vec3): boolean {
  const first = toVoxel(coarse, toPatient(grid, start));
  const last = toVoxel(coarse, toPatient(grid, [start[0] + window[0], start[1] + window[1], start[2] + window[2]]));
  const low = (axis: 0 | 1 | 2) => Math.max(0, Math.floor(first[axis]));
  const high = (axis: 0 | 1 | 2) => Math.min(coarse.shape[axis] - 1, Math.ceil(last[axis]));
  const [lowX, lowY, lowZ, highX, highY, highZ] = [low(0), low(1), low(2), high(0), high(1), high(2)];
  for (let z = lowZ; z <= highZ; z++) {
    for (let y = lowY; y <= highY; y++) {
      const row = coarse.shape[0] * (y + coarse.shape[1] * z);
      for (let x = lowX; x <= highX; x++) if (near[row + x] === 1) return true;
    }
  }
  return false;
}

/** Takes from the probabilities on `grid` all that lies outside the surroundings. Both grids are patient-aligned. */
export function clearOutside({ liver, lesion }: Probabilities, grid: Grid, near: Uint8Array, coarse: Grid): void {
  const [nx, ny, nz] = grid.shape;
  const columns = nearestAlong(0, grid, coarse);
  const rows = nearestAlong(1, grid, coarse);
  const slices = nearestAlong(2, grid, coarse);
  for (let k = 0, to = 0; k < nz; k++) {
    for (let j = 0; j < ny; j++) {
      const isOff = rows[j]! < 0 || slices[k]! < 0;
      const row = coarse.shape[0] * (rows[j]! + coarse.shape[1] * slices[k]!);
      for (let i = 0; i < nx; i++, to++) {
        if (!isOff && columns[i]! >= 0 && near[row + columns[i]!] === 1) continue;
        liver[to] = 0;
        lesion[to] = 0;
      }
    }
  }
}

/** Along one axis, the voxel of `coarse` that each voxel of `grid` lies in; -1 where there is none. */
function nearestAlong(axis: 0 | 1 | 2, grid: Grid, coarse: Grid): Int32Array {
  const first = toVoxel(coarse, grid.originMm)[axis];
  const step = grid.spacingMm[axis] / coarse.spacingMm[axis];
  return Int32Array.from({ length: grid.shape[axis] }, (_, n) => {
    const at = Math.round(first + n * step);
    return at >= 0 && at < coarse.shape[axis] ? at : -1;
  });
}
