import { stepsBetween, toVoxel, voxelMl } from '../volume/geometry.ts';
import type { LabelMap } from '../volume/volume.ts';
import { inverse, movedGrid, type Rigid } from './rigid.ts';

/**
 * Common volume of each pair of segments of two label maps, ml: each voxel of the first counts for the segment of the
 * second that its centre falls into.
 * @param isCounted which segments of the first are looked at
 * @param toSecond takes a position of the first map's space into the second's
 * @returns by segment of the second, then of the first; pairs that share nothing are not there
 */
export function commonVolumes(
  first: LabelMap,
  second: LabelMap,
  isCounted: (segment: number) => boolean,
  toSecond: Rigid,
): Map<number, Map<number, number>> {
  // The second map as it lies in the space of the first.
  const grid = movedGrid(inverse(toSecond), second.grid);
  const [nx, ny, nz] = first.grid.shape;
  const [mx, my, mz] = grid.shape;
  const [x0, y0, z0] = toVoxel(grid, first.grid.originMm);
  const [di, dj, dk] = stepsBetween(first.grid, grid);
  const ml = voxelMl(first.grid);
  const common = new Map<number, Map<number, number>>();
  for (let k = 0, at = 0; k < nz; k++) {
    for (let j = 0; j < ny; j++) {
      for (let i = 0; i < nx; i++, at++) {
        const segment = first.labels[at]!;
        if (segment === 0 || !isCounted(segment)) continue;
        const x = Math.round(x0 + i * di[0] + j * dj[0] + k * dk[0]);
        const y = Math.round(y0 + i * di[1] + j * dj[1] + k * dk[1]);
        const z = Math.round(z0 + i * di[2] + j * dj[2] + k * dk[2]);
        if (x < 0 || y < 0 || z < 0 || x >= mx || y >= my || z >= mz) continue;
        const other = second.labels[x + mx * (y + my * z)]!;
        if (other === 0) continue;
        let row = common.get(other);
        if (row === undefined) {
          row = new Map();
          common.set(other, row);
        }
        row.set(segment, (row.get(segment) ?? 0) + ml);
      }
    }
  }
  return common;
}
