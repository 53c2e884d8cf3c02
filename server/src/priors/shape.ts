import { boundingBox, plainLayout } from '../volume/bounding-box.ts';
import { gridOfBox, patientAlignedGrid, stepsBetween, toPatient, toVoxel, voxelAt } from '../volume/geometry.ts';
import type { Grid, LabelMap, Vec3 } from '../volume/volume.ts';
import { signedDistance } from './distance.ts';

/** A liver on a coarse grid along the patient's axes, as far as an alignment needs it. */
export interface LiverShape {
  readonly grid: Grid;
  /** Signed distance to its surface, mm; negative inside. Beyond the grid's margin it is that of the grid's edge. */
  readonly distanceMm: Float32Array;
  readonly volumeMl: number;
  readonly centroidMm: Vec3;
  /** Centres of the voxels inside along its surface, x, y, z one after the other; none where the scan cuts it off. */
  readonly surfaceMm: Float64Array;
  /** All that its scan shows. */
  readonly fieldOfView: Grid;
}

/** Edge of the cubes. A rigid fit of thousands of surface voxels is far finer than one of them. */
const STEP_MM = 4;
const MARGIN_STEPS = 8;

/**
 * The shape of all labelled voxels (liver and lesions together) of a label map.
 * @param fieldOfView grid of the whole scan
 * @returns null when nothing is labelled
 */
export function liverShape(map: LabelMap, fieldOfView: Grid): LiverShape | null {
  const box = boundingBox(map.labels, plainLayout(map.grid.shape));
  if (box === null) return null;
  const grid = withMargin(patientAlignedGrid(map.grid, box, [STEP_MM, STEP_MM, STEP_MM]));
  const inside = occupied(map, grid);
  const surface: number[] = [];
  let [count, x, y, z] = [0, 0, 0, 0];
  const [nx, ny] = grid.shape;
  for (let at = 0; at < inside.length; at++) {
    if (inside[at] === 0) continue;
    const centre = toPatient(grid, voxelAt(grid.shape, at));
    count++;
    x += centre[0];
    y += centre[1];
    z += centre[2];
    // The margin keeps neighbours within the array.
    const bare = [1, -1, nx, -nx, nx * ny, -nx * ny].some((step) => inside[at + step] === 0);
    if (bare && isInView(fieldOfView, centre, 1.5 * STEP_MM)) surface.push(...centre);
  }
  if (count === 0) return null;
  return {
    grid,
    distanceMm: signedDistance(inside, grid.shape).map((steps) => steps * STEP_MM),
    volumeMl: (count * STEP_MM ** 3) / 1000,
    centroidMm: [x / count, y / count, z / count],
    surfaceMm: Float64Array.from(surface),
    fieldOfView,
  };
}

/** Whether a position lies in a scan, at least `marginMm` from its faces. */
export function isInView(fieldOfView: Grid, positionMm: Vec3, marginMm = 0): boolean {
  const voxel = toVoxel(fieldOfView, positionMm);
  return voxel.every((index, axis) => {
    const margin = marginMm / fieldOfView.spacingMm[axis]! - 0.5;
    return index >= margin && index <= fieldOfView.shape[axis]! - 1 - margin;
  });
}

function withMargin(grid: Grid): Grid {
  const start: Vec3 = [-MARGIN_STEPS, -MARGIN_STEPS, -MARGIN_STEPS];
  const [nx, ny, nz] = grid.shape;
  return gridOfBox(grid, { start, size: [nx + 2 * MARGIN_STEPS, ny + 2 * MARGIN_STEPS, nz + 2 * MARGIN_STEPS] });
}

/** 1 where at least half of eight points of a cube are labelled. */
function occupied(map: LabelMap, grid: Grid): Uint8Array {
  const [nx, ny, nz] = grid.shape;
  const [mx, my, mz] = map.grid.shape;
  const inside = new Uint8Array(nx * ny * nz);
  const [di, dj, dk] = stepsBetween(grid, map.grid);
  for (let corner = 0; corner < 8; corner++) {
    const point: Vec3 = [corner & 1 ? 0.25 : -0.25, corner & 2 ? 0.25 : -0.25, corner & 4 ? 0.25 : -0.25];
    const [x0, y0, z0] = toVoxel(map.grid, toPatient(grid, point));
    for (let k = 0, at = 0; k < nz; k++) {
      for (let j = 0; j < ny; j++) {
        for (let i = 0; i < nx; i++, at++) {
          const x = Math.round(x0 + i * di[0] + j * dj[0] + k * dk[0]);
          const y = Math.round(y0 + i * di[1] + j * dj[1] + k * dk[1]);
          const z = Math.round(z0 + i * di[2] + j * dj[2] + k * dk[2]);
          if (x < 0 || y < 0 || z < 0 || x >= mx || y >= my || z >= mz) continue;
          if (map.labels[x + mx * (y + my * z)] !== 0) inside[at]!++;
        }
      }
    }
  }
  return inside.map((hits) => (hits >= 4 ? 1 : 0));
}
