import type { Box, Grid, Vec3 } from './volume.ts';

/** Vectors, the affine between a grid's voxels and the patient (LPS, mm), and boxes of voxels. All pure. */

export function add(a: Vec3, b: Vec3): Vec3 {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
}

export function subtract(a: Vec3, b: Vec3): Vec3 {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

export function scale(a: Vec3, factor: number): Vec3 {
  return [a[0] * factor, a[1] * factor, a[2] * factor];
}

export function dot(a: Vec3, b: Vec3): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

export function cross(a: Vec3, b: Vec3): Vec3 {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

export function length(a: Vec3): number {
  return Math.hypot(a[0], a[1], a[2]);
}

export function normalise(a: Vec3): Vec3 {
  return scale(a, 1 / length(a));
}

/** Angle between two lines through the origin, 0 to 90 degrees: a direction and its opposite are the same line. */
export function degreesBetweenLines(a: Vec3, b: Vec3): number {
  return (Math.atan2(length(cross(a, b)), Math.abs(dot(a, b))) * 180) / Math.PI;
}

/** Patient position (mm) of a voxel index, which need not be whole: [0, 0, 0] is the centre of the first voxel. */
export function toPatient(grid: Grid, voxel: Vec3): Vec3 {
  const { originMm, spacingMm, axes } = grid;
  const [x, y, z] = [voxel[0] * spacingMm[0], voxel[1] * spacingMm[1], voxel[2] * spacingMm[2]];
  return [
    originMm[0] + x * axes[0][0] + y * axes[1][0] + z * axes[2][0],
    originMm[1] + x * axes[0][1] + y * axes[1][1] + z * axes[2][1],
    originMm[2] + x * axes[0][2] + y * axes[1][2] + z * axes[2][2],
  ];
}

/** Voxel index, in fractions of a voxel, of a patient position (mm): the inverse of `toPatient`. */
export function toVoxel(grid: Grid, positionMm: Vec3): Vec3 {
  const offset = subtract(positionMm, grid.originMm);
  return [
    dot(offset, grid.axes[0]) / grid.spacingMm[0],
    dot(offset, grid.axes[1]) / grid.spacingMm[1],
    dot(offset, grid.axes[2]) / grid.spacingMm[2],
  ];
}

/** Row a is how a voxel index changes along the axes of one grid for a step of one voxel along axis a of another. */
export type Steps = readonly [Vec3, Vec3, Vec3];

/** How the voxel index on `to` changes for a step of one voxel on `from`. */
export function stepsBetween(from: Grid, to: Grid): Steps {
  const step = (a: 0 | 1 | 2): Vec3 => {
    const direction = scale(from.axes[a], from.spacingMm[a]);
    return [
      dot(direction, to.axes[0]) / to.spacingMm[0],
      dot(direction, to.axes[1]) / to.spacingMm[1],
      dot(direction, to.axes[2]) / to.spacingMm[2],
    ];
  };
  return [step(0), step(1), step(2)];
}

/** Whether each axis of the one grid runs along the same axis of the other, one way or the other. */
export function areParallel(steps: Steps): boolean {
  return steps.every((step, axis) => step.every((by, other) => other === axis || by === 0));
}

/** A place between two voxels along an axis. */
export interface Between {
  readonly at: number;
  readonly next: number;
  /** Of the way from the one to the other, 0 to 1. */
  readonly share: number;
}

/** Between which of `count` voxels along an axis an index lies, from the outermost voxels inwards. */
export function between(index: number, count: number): Between {
  const inside = Math.min(Math.max(index, 0), count - 1);
  const at = inside | 0;
  return { at, next: Math.min(at + 1, count - 1), share: inside - at };
}

/** Volume of one voxel, ml. */
export function voxelMl(grid: Grid): number {
  return (grid.spacingMm[0] * grid.spacingMm[1] * grid.spacingMm[2]) / 1000;
}

/** The voxel at an index of values on a grid of `shape`, x fastest. */
export function voxelAt([nx, ny]: Vec3, index: number): Vec3 {
  return [index % nx, Math.floor(index / nx) % ny, Math.floor(index / (nx * ny))];
}

/** Number of voxels of a shape or of a box's size. */
export function voxelCount(shape: Vec3): number {
  return shape[0] * shape[1] * shape[2];
}

export function wholeBox(grid: Grid): Box {
  return { start: [0, 0, 0], size: grid.shape };
}

/** The voxels that both boxes hold; null when there are none. */
export function intersect(a: Box, b: Box): Box | null {
  const start = a.start.map((s, axis) => Math.max(s, b.start[axis]!)) as [number, number, number];
  const size = a.start.map((s, axis) => Math.min(s + a.size[axis]!, b.start[axis]! + b.size[axis]!) - start[axis]!) as [
    number,
    number,
    number,
  ];
  return size.every((n) => n > 0) ? { start, size } : null;
}

/** The box widened by at least `marginMm` on every side, as far as the grid goes; null when nothing is left. */
export function widen(grid: Grid, box: Box, marginMm: number): Box | null {
  const margin = grid.spacingMm.map((spacing) => Math.ceil(marginMm / spacing - 1e-9));
  const start = box.start.map((s, axis) => s - margin[axis]!) as [number, number, number];
  const size = box.size.map((n, axis) => n + 2 * margin[axis]!) as [number, number, number];
  return intersect({ start, size }, wholeBox(grid));
}

/** The grid of a box's voxels alone. */
export function gridOfBox(grid: Grid, box: Box): Grid {
  return { ...grid, shape: box.size, originMm: toPatient(grid, box.start) };
}

/** The eight corners of a box, at the outer faces of its voxels, as voxel indices. */
function corners({ start, size }: Box): Vec3[] {
  return Array.from(
    { length: 8 },
    (_, n): Vec3 => [
      start[0] - 0.5 + (n & 1 ? size[0] : 0),
      start[1] - 0.5 + (n & 2 ? size[1] : 0),
      start[2] - 0.5 + (n & 4 ? size[2] : 0),
    ],
  );
}

function extent(points: readonly Vec3[], axis: 0 | 1 | 2): { low: number; high: number } {
  const along = points.map((point) => point[axis]);
  return { low: Math.min(...along), high: Math.max(...along) };
}

/**
 * The smallest grid aligned with the patient (axes LPS, i to the Left) of the given spacing that covers all voxels of a
 * box of another grid, faces included, and is centred on it.
 */
export function patientAlignedGrid(grid: Grid, box: Box, spacingMm: Vec3): Grid {
  const points = corners(box).map((corner) => toPatient(grid, corner));
  const along = (axis: 0 | 1 | 2) => {
    const { low, high } = extent(points, axis);
    const count = Math.max(1, Math.ceil((high - low) / spacingMm[axis] - 1e-6));
    return { count, first: (low + high) / 2 - ((count - 1) / 2) * spacingMm[axis] };
  };
  const [x, y, z] = [along(0), along(1), along(2)];
  return {
    shape: [x.count, y.count, z.count],
    spacingMm,
    originMm: [x.first, y.first, z.first],
    axes: [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ],
  };
}

/** The smallest box of `to`'s voxels that holds all of a box of `from`, faces included; null when it lies outside. */
export function boxOnGrid(from: Grid, box: Box, to: Grid): Box | null {
  const points = corners(box).map((corner) => toVoxel(to, toPatient(from, corner)));
  const along = (axis: 0 | 1 | 2) => {
    const { low, high } = extent(points, axis);
    const first = Math.round(low + 1e-6);
    return { first, count: Math.max(1, Math.round(high - 1e-6) - first + 1) };
  };
  const [i, j, k] = [along(0), along(1), along(2)];
  return intersect({ start: [i.first, j.first, k.first], size: [i.count, j.count, k.count] }, wholeBox(to));
}
