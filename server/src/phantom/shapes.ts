import type { Vec3 } from '../volume/volume.ts';
import type { Row } from './row.ts';

/**
 * The signed distance in mm, negative inside, from the i-th point of a row to a surface; near the surface it is a distance,
 * farther away only its sign can be relied on.
 */
export type Distance = (row: Row, i: number) => number;

/** Bounds in mm along the patient axes. */
export interface Bounds {
  readonly low: Vec3;
  readonly high: Vec3;
}

/** Where a structure is, how dense it is, and what the truth calls it. Structures are painted in order, the later over the earlier. */
export interface Structure {
  /** Holds the whole structure in the coordinates that it is drawn in; null when it may be anywhere in the body. */
  readonly bounds: Bounds | null;
  readonly distance: Distance;
  /** HU of the point, which may depend on its depth (the distance that was just computed). */
  readonly hu: number | ((row: Row, i: number, distance: number) => number);
  /** Label of the points inside; null leaves the label as it is. */
  readonly label: number | null;
}

/** Maximum with a rounded edge of width k: the intersection of two shapes. Inigo Quilez, 'smooth minimum', quadratic form. */
export function smoothMax(a: number, b: number, k: number): number {
  const overlap = k - Math.abs(a - b);
  return (a > b ? a : b) + (overlap > 0 ? (overlap * overlap) / (4 * k) : 0);
}

/** Minimum with a rounded edge of width k: the union of two shapes. */
export function smoothMin(a: number, b: number, k: number): number {
  const overlap = k - Math.abs(a - b);
  return (a < b ? a : b) - (overlap > 0 ? (overlap * overlap) / (4 * k) : 0);
}

export const clamp = (value: number, low: number, high: number) => (value < low ? low : value > high ? high : value);

/** 0 below `low`, 1 above `high`, a straight line between. */
export const ramp = (value: number, low: number, high: number) => clamp((value - low) / (high - low), 0, 1);

/** Length of (x, y), by operations that are exact on every machine. */
export const length2 = (x: number, y: number) => Math.sqrt(x * x + y * y);

export const length3 = (x: number, y: number, z: number) => Math.sqrt(x * x + y * y + z * z);

export const distanceBetween = (a: Vec3, b: Vec3) => length3(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

/** Three directions as rows of a rotation: z along `axis`, x as near to the patient's x as that allows. */
export function rotationTo(axis: Vec3): readonly [Vec3, Vec3, Vec3] {
  const w = normalise(axis);
  const u = normalise([1 - w[0] * w[0], -w[0] * w[1], -w[0] * w[2]]);
  return [u, [w[1] * u[2] - w[2] * u[1], w[2] * u[0] - w[0] * u[2], w[0] * u[1] - w[1] * u[0]], w];
}

export function normalise(v: Vec3): Vec3 {
  const length = length3(v[0], v[1], v[2]);
  return [v[0] / length, v[1] / length, v[2] / length];
}

/** An ellipsoid with its third radius along `axis`. */
export function ellipsoid(
  centre: Vec3,
  radii: Vec3,
  axis: Vec3 = [0, 0, 1],
): { bounds: Bounds; distance: Distance; grown(mm: number): Distance } {
  const [u, v, w] = rotationTo(axis);
  const [cx, cy, cz] = centre;
  const sized =
    (rx: number, ry: number, rz: number): Distance =>
    (row, i) => {
      const x = row.x[i]! - cx;
      const y = row.y[i]! - cy;
      const z = row.z[i]! - cz;
      const p = (x * u[0] + y * u[1] + z * u[2]) / rx;
      const q = (x * v[0] + y * v[1] + z * v[2]) / ry;
      const r = (x * w[0] + y * w[1] + z * w[2]) / rz;
      const radius = Math.sqrt(p * p + q * q + r * r);
      if (radius < 0.2) return -0.8 * Math.min(rx, ry, rz);
      const gradient = length3(p / rx, q / ry, r / rz);
      return (radius * (radius - 1)) / gradient;
    };
  const reach = Math.max(...radii);
  return {
    bounds: around(centre, [reach, reach, reach]),
    distance: sized(...radii),
    grown: (mm) => sized(radii[0] + mm, radii[1] + mm, radii[2] + mm),
  };
}

/** A rounded stick between two points whose radius goes from one value to another. */
export function capsule(
  from: Vec3,
  to: Vec3,
  fromRadius: number,
  toRadius = fromRadius,
): { bounds: Bounds; distance: Distance } {
  const [ax, ay, az] = from;
  const dx = to[0] - ax;
  const dy = to[1] - ay;
  const dz = to[2] - az;
  const inverse = 1 / (dx * dx + dy * dy + dz * dz + 1e-6);
  const reach = Math.max(fromRadius, toRadius);
  return {
    bounds: {
      low: [Math.min(ax, to[0]) - reach, Math.min(ay, to[1]) - reach, Math.min(az, to[2]) - reach],
      high: [Math.max(ax, to[0]) + reach, Math.max(ay, to[1]) + reach, Math.max(az, to[2]) + reach],
    },
    distance: (row, i) => {
      const x = row.x[i]! - ax;
      const y = row.y[i]! - ay;
      const z = row.z[i]! - az;
      const t = clamp((x * dx + y * dy + z * dz) * inverse, 0, 1);
      const ox = x - t * dx;
      const oy = y - t * dy;
      const oz = z - t * dz;
      return Math.sqrt(ox * ox + oy * oy + oz * oz) - (fromRadius + (toRadius - fromRadius) * t);
    },
  };
}

export function around(centre: Vec3, reach: Vec3): Bounds {
  return {
    low: [centre[0] - reach[0], centre[1] - reach[1], centre[2] - reach[2]],
    high: [centre[0] + reach[0], centre[1] + reach[1], centre[2] + reach[2]],
  };
}

export function joined(...bounds: readonly Bounds[]): Bounds {
  const axis = (pick: (b: Bounds) => Vec3, choose: (...values: number[]) => number): Vec3 => [
    choose(...bounds.map((b) => pick(b)[0])),
    choose(...bounds.map((b) => pick(b)[1])),
    choose(...bounds.map((b) => pick(b)[2])),
  ];
  return { low: axis((b) => b.low, Math.min), high: axis((b) => b.high, Math.max) };
}
