import { cross, dot } from '../volume/geometry.ts';
import type { Grid, Vec3 } from '../volume/volume.ts';

/** A rotation and a shift of patient space (LPS, mm): p -> rotation * p + shiftMm. */
export interface Rigid {
  /** Rows of a proper rotation. */
  readonly rotation: readonly [Vec3, Vec3, Vec3];
  readonly shiftMm: Vec3;
}

export const IDENTITY: Rigid = {
  rotation: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  shiftMm: [0, 0, 0],
};

export function moved({ rotation, shiftMm }: Rigid, p: Vec3): Vec3 {
  return [dot(rotation[0], p) + shiftMm[0], dot(rotation[1], p) + shiftMm[1], dot(rotation[2], p) + shiftMm[2]];
}

/** A direction: rotated, not shifted. */
export function turned({ rotation }: Rigid, direction: Vec3): Vec3 {
  return [dot(rotation[0], direction), dot(rotation[1], direction), dot(rotation[2], direction)];
}

export function inverse({ rotation, shiftMm }: Rigid): Rigid {
  const back = transposed(rotation);
  return { rotation: back, shiftMm: turned({ rotation: back, shiftMm }, [-shiftMm[0], -shiftMm[1], -shiftMm[2]]) };
}

/** First `inner`, then `outer`. */
export function after(outer: Rigid, inner: Rigid): Rigid {
  const columns = transposed(inner.rotation);
  const row = (r: Vec3): Vec3 => [dot(r, columns[0]), dot(r, columns[1]), dot(r, columns[2])];
  const [a, b, c] = outer.rotation;
  return { rotation: orthonormal([row(a), row(b), row(c)]), shiftMm: moved(outer, inner.shiftMm) };
}

/** Turns about `centreMm` by the angle and axis of a rotation vector (radians). */
export function turnAbout(centreMm: Vec3, vector: Vec3): Rigid {
  const rotation = rotationBy(vector);
  return movingTo({ rotation, shiftMm: [0, 0, 0] }, centreMm, centreMm);
}

/** The same rotation, with the shift that brings `from` to `to`. */
export function movingTo({ rotation }: Rigid, from: Vec3, to: Vec3): Rigid {
  const at = turned({ rotation, shiftMm: [0, 0, 0] }, from);
  return { rotation, shiftMm: [to[0] - at[0], to[1] - at[1], to[2] - at[2]] };
}

export function shiftedBy({ rotation, shiftMm }: Rigid, by: Vec3): Rigid {
  return { rotation, shiftMm: [shiftMm[0] + by[0], shiftMm[1] + by[1], shiftMm[2] + by[2]] };
}

/** The angle of the rotation, 0 to 180 degrees. */
export function rotationDegrees({ rotation: [a, b, c] }: Rigid): number {
  const sine = Math.hypot(c[1] - b[2], a[2] - c[0], b[0] - a[1]) / 2;
  return (Math.atan2(sine, (a[0] + b[1] + c[2] - 1) / 2) * 180) / Math.PI;
}

/** The grid as it lies after the motion: voxel [i, j, k] goes with the patient. */
export function movedGrid(motion: Rigid, grid: Grid): Grid {
  const [i, j, k] = grid.axes;
  return {
    ...grid,
    originMm: moved(motion, grid.originMm),
    axes: [turned(motion, i), turned(motion, j), turned(motion, k)],
  };
}

/** Rodrigues' formula: rows of the rotation by |vector| radians about its direction. */
function rotationBy(vector: Vec3): Rigid['rotation'] {
  const angle = Math.hypot(...vector);
  if (angle < 1e-12) return IDENTITY.rotation;
  const [x, y, z]: Vec3 = [vector[0] / angle, vector[1] / angle, vector[2] / angle];
  const [s, c] = [Math.sin(angle), Math.cos(angle)];
  const t = 1 - c;
  return [
    [c + x * x * t, x * y * t - z * s, x * z * t + y * s],
    [y * x * t + z * s, c + y * y * t, y * z * t - x * s],
    [z * x * t - y * s, z * y * t + x * s, c + z * z * t],
  ];
}

function transposed([a, b, c]: Rigid['rotation']): Rigid['rotation'] {
  return [
    [a[0], b[0], c[0]],
    [a[1], b[1], c[1]],
    [a[2], b[2], c[2]],
  ];
}

/** Takes the rounding errors of many products out of a rotation (Gram and Schmidt). */
function orthonormal([a, b]: Rigid['rotation']): Rigid['rotation'] {
  const unit = (v: Vec3): Vec3 => {
    const n = Math.hypot(...v);
    return [v[0] / n, v[1] / n, v[2] / n];
  };
  const first = unit(a);
  const along = dot(first, b);
  const second = unit([b[0] - along * first[0], b[1] - along * first[1], b[2] - along * first[2]]);
  return [first, second, cross(first, second)];
}
