import type { Vec3 } from '../volume/volume.ts';
import type { Random } from './random.ts';
import {
  capsule,
  type Distance,
  distanceBetween,
  ellipsoid,
  joined,
  type Structure,
  smoothMax,
  smoothMin,
} from './shapes.ts';
import type { Trunk } from './trunk.ts';

const WALL_HU = 75;
const GAS_HU = -960;

/** Stomach with food below and gas above, as the patient lies on the back. */
export function stomach(trunk: Trunk, random: Random): Structure[] {
  const { halfWidth, front, leftDome } = trunk;
  const fundus = ellipsoid([0.5 * halfWidth, 0.08 * front, leftDome - 36], [35, 42, 32]);
  const middle = ellipsoid([0.46 * halfWidth, -0.38 * front, leftDome - 76], [31, 34, 42], [0.2, 0.2, 1]);
  const antrum = capsule([0.36 * halfWidth, -0.5 * front, leftDome - 106], [-14, -0.42 * front, -26], 20, 14);
  const level = random.between(-0.5, -0.34) * front;
  const food = random.between(25, 50);
  return [
    {
      bounds: joined(fundus.bounds, middle.bounds, antrum.bounds),
      distance: (row, i) => {
        const shape = smoothMin(
          smoothMin(fundus.distance(row, i), middle.distance(row, i), 22),
          antrum.distance(row, i),
          16,
        );
        return smoothMax(shape + 1.2 * row.coarse[i]!, row.room[i]!, 6);
      },
      hu: (row, i, d) => {
        if (d > -3.6) return WALL_HU + 10;
        return row.py[i]! < level ? GAS_HU : food + 10 * row.fine[i]! + 8 * row.coarse[i]!;
      },
      label: 0,
    },
  ];
}

/** Large bowel: a frame of tubes with haustra around the small bowel, filled with stool and gas. */
export function colon(trunk: Trunk, random: Random): Structure[] {
  const { halfWidth, front, back } = trunk;
  const course: readonly Vec3[] = [
    [-0.7 * halfWidth, 0.2 * back, -230],
    [-0.72 * halfWidth, 0.2 * back, -150],
    [-0.68 * halfWidth, 0.05 * back, -108],
    [-0.52 * halfWidth, -0.48 * front, -84],
    [-0.2 * halfWidth, -0.68 * front, -78],
    [0.12 * halfWidth, -0.7 * front, -74],
    [0.48 * halfWidth, -0.58 * front, -58],
    [0.76 * halfWidth, -0.16 * front, -24],
    [0.8 * halfWidth, 0.3 * back, -6],
    [0.8 * halfWidth, 0.36 * back, -70],
    [0.78 * halfWidth, 0.3 * back, -230],
  ];
  const walls: Structure[] = [];
  const contents: Structure[] = [];
  for (let part = 1; part < course.length; part++) {
    const [from, to] = [course[part - 1]!, course[part]!];
    const length = distanceBetween(from, to);
    const pieces = Math.max(1, Math.round(length / 17));
    const descending = part >= course.length - 2;
    for (let piece = 0; piece < pieces; piece++) {
      const at = (t: number): Vec3 => [
        from[0] + t * (to[0] - from[0]),
        from[1] + t * (to[1] - from[1]),
        from[2] + t * (to[2] - from[2]),
      ];
      const radius = (descending ? 14 : 19) * random.between(0.85, 1.1);
      const gas = random.chance(0.35);
      const stool = random.between(-10, 60);
      const level = at((piece + 0.5) / pieces)[1] + random.between(-0.4, 0.2) * radius;
      const shape = capsule(at(piece / pieces), at((piece + 1) / pieces), radius * 0.9, radius);
      const distance: Distance = (row, i) => smoothMax(shape.distance(row, i) + 0.8 * row.coarse[i]!, row.room[i]!, 4);
      walls.push({ bounds: shape.bounds, distance, hu: WALL_HU, label: 0 });
      contents.push({
        bounds: shape.bounds,
        distance: (row, i) => distance(row, i) + 2.2,
        hu: (row, i) => {
          if (gas && row.py[i]! < level) return GAS_HU;
          return stool - 90 * Math.max(0, row.grain[i]! - 0.7) + 12 * row.fine[i]!;
        },
        label: 0,
      });
    }
  }
  return [...walls, ...contents];
}

const LOOP_MM = 27;

/** Small bowel: loops packed like cells, nearer to one seed than to any other, with fat where loops are missing. */
export function smallBowel(trunk: Trunk, random: Random): Structure[] {
  const loops = makeLoops(random);
  const { halfWidth, spineY, vertebra } = trunk;
  const nearest = { first: 0, second: 0, loop: 0 };
  return [
    {
      bounds: { low: [-halfWidth, -trunk.front, -400], high: [halfWidth, spineY, 10] },
      distance: (row, i) => {
        const x = row.x[i]!;
        const y = row.y[i]!;
        const region = Math.max(
          row.room[i]! + 4,
          y - (spineY - vertebra[1] - 22),
          row.z[i]! + 20 + 0.25 * x,
          Math.abs(x) - 0.72 * halfWidth,
        );
        if (region > 2) return region;
        loops.find(x, y, row.z[i]!, nearest);
        if (loops.missing(nearest.loop)) return 5;
        return smoothMax(
          smoothMax(0.5 * (nearest.first - nearest.second) + 0.8, nearest.first - 0.56 * LOOP_MM, 3),
          region,
          4,
        );
      },
      hu: (row, i, d) => {
        const wall = WALL_HU + 12;
        if (d > -2.4) return wall;
        return loops.content(nearest.loop, wall) + 5 * row.fine[i]!;
      },
      label: 0,
    },
  ];
}

/** One seed a lattice cell, moved at random; loops repeat after 16 cells. */
function makeLoops(random: Random) {
  const cells = 16;
  const offsets = new Float32Array(3 * cells ** 3).map(() => random.between(0.12, 0.88));
  const kinds = new Float32Array(cells ** 3).map(() => random.between(0, 1));
  const wrap = (n: number) => n & (cells - 1);
  const longer = 1.25;
  return {
    /** Distances to the nearest and the second nearest seed, and the nearest one's number. */
    find(x: number, y: number, z: number, out: { first: number; second: number; loop: number }): void {
      const u = x / (LOOP_MM * longer);
      const v = y / LOOP_MM;
      const w = z / LOOP_MM;
      const i0 = Math.floor(u) - 1;
      const j0 = Math.floor(v) - 1;
      const k0 = Math.floor(w) - 1;
      out.first = Infinity;
      out.second = Infinity;
      for (let k = k0; k < k0 + 3; k++) {
        for (let j = j0; j < j0 + 3; j++) {
          for (let i = i0; i < i0 + 3; i++) {
            const loop = wrap(i) + cells * (wrap(j) + cells * wrap(k));
            const du = u - i - offsets[3 * loop]!;
            const dv = v - j - offsets[3 * loop + 1]!;
            const dw = w - k - offsets[3 * loop + 2]!;
            const distance = LOOP_MM * Math.sqrt(du * du + dv * dv + dw * dw);
            if (distance < out.first) {
              out.second = out.first;
              out.first = distance;
              out.loop = loop;
            } else if (distance < out.second) out.second = distance;
          }
        }
      }
    },
    missing: (loop: number) => kinds[loop]! < 0.3,
    content: (loop: number, wall: number) => {
      const kind = kinds[loop]!;
      return kind < 0.65 ? 10 + 30 * kind : kind < 0.95 ? wall - 12 : kind < 0.97 ? GAS_HU : 160;
    },
  };
}
