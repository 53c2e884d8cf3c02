import { makeTexture, makeWarp, type Texture, type Warp } from './fields.ts';
import type { Random } from './random.ts';
import { boundRow, FAR, type Row } from './row.ts';
import { clamp, length2, smoothMax } from './shapes.ts';

/**
 * The frame that everything else hangs in: the trunk's cross-section and the diaphragm. Patient system, mm;
 * the midline is x = 0, the middle of the cavity's depth y = 0, the porta hepatis near z = 0.
 */
export interface Trunk {
  /** Half width of the cavity, and its depth before and behind y = 0. */
  readonly halfWidth: number;
  readonly front: number;
  readonly back: number;
  /** Thickness of the wall of muscles and ribs at the side; of the fat under the skin at the side and in front. */
  readonly wall: number;
  readonly sideFat: number;
  readonly frontFat: number;
  /** Height of the right and the left dome of the diaphragm. */
  readonly rightDome: number;
  readonly leftDome: number;
  /** y of the centres of the vertebral bodies, and a body's radii. */
  readonly spineY: number;
  readonly vertebra: readonly [number, number];
  readonly organWarp: Warp;
  readonly textures: { readonly grain: Texture; readonly fine: Texture; readonly coarse: Texture };
}

export function makeTrunk(random: Random): Trunk {
  const size = random.between(0.92, 1.02);
  const organWarp = makeWarp(random, [
    { cellMm: 75, amplitudeMm: random.between(2.2, 3) },
    { cellMm: 32, amplitudeMm: random.between(0.7, 1.1) },
  ]);
  const rightDome = random.between(84, 94) * size;
  return {
    halfWidth: 125 * size,
    front: random.between(84, 92) * size,
    back: 84 * size,
    wall: random.between(13, 16),
    sideFat: random.between(13, 22),
    frontFat: random.between(11, 20),
    rightDome,
    leftDome: rightDome - random.between(8, 16),
    spineY: 46 * size,
    vertebra: [random.between(20, 23), random.between(15.5, 17.5)],
    organWarp,
    textures: {
      grain: makeTexture(random, 4),
      fine: makeTexture(random, 9),
      coarse: makeTexture(random, 26),
    },
  };
}

/** The trunk bends with the organs by this share of their warp. */
const STIFFNESS = 0.35;
const DIAPHRAGM_MM = 2.2;
const moved = new Float64Array(3);

/** Fills a row's coordinates and its distances to the trunk's surfaces; the row's first and end are narrowed to the body. */
export function placeRow(row: Row, trunk: Trunk): void {
  const { halfWidth, front, back, wall, sideFat, frontFat } = trunk;
  const { start, step, count } = row;
  let first = count;
  let end = 0;
  const margin = 1 / row.sharpness + 1;
  // The body lies in a box of these half widths, and its rounded corners within sqrt(2) of the ellipse in it.
  const reachX = halfWidth + wall + sideFat + margin + 5;
  const reachY = back + 42 + 0.5 * sideFat + margin + 5;
  for (let i = 0; i < count; i++) {
    const x = start[0] + i * step[0];
    const y = start[1] + i * step[1];
    const z = start[2] + i * step[2];
    row.px[i] = x;
    row.py[i] = y;
    row.pz[i] = z;
    if (length2(x / reachX, y / reachY) > Math.SQRT2) continue;
    trunk.organWarp.displace(x, y, z, moved);
    row.x[i] = x + moved[0]!;
    row.y[i] = y + moved[1]!;
    row.z[i] = z + moved[2]!;
    const tx = x + STIFFNESS * moved[0]!;
    const ty = y + STIFFNESS * moved[1]!;
    row.tx[i] = tx;
    row.ty[i] = ty;
    row.tz[i] = z + STIFFNESS * moved[2]!;

    const taper = width(z, trunk);
    const u = tx / taper;
    const v = trunk.spineY + (ty - trunk.spineY) / (0.5 + 0.5 * taper);
    // A groove along the spine's skin and two flat halves beside it.
    const groove = v > 0 ? 5 * Math.max(0, 1 - (u * u) / 676) : 0;
    row.skin[i] = groove + section(u, v, halfWidth + wall + sideFat, front + 11 + frontFat, back + 42 + 0.5 * sideFat);
    if (row.skin[i]! > margin) continue;
    if (i < first) first = i;
    end = i + 1;
    row.wall[i] = section(u, v, halfWidth + wall, front + 10, back + 32);
    row.cavity[i] = section(u, v, halfWidth, front, back);
    row.above[i] = overDiaphragm(row.x[i]!, row.y[i]!, row.z[i]!, trunk);
    row.room[i] = smoothMax(row.cavity[i]! + 2.6, row.above[i]! + DIAPHRAGM_MM, 6);
    row.liver[i] = FAR;
    row.grain[i] = trunk.textures.grain(x, y, z);
    row.fine[i] = trunk.textures.fine(x, y, z);
    row.coarse[i] = trunk.textures.coarse(x, y, z);
  }
  row.first = first;
  row.end = end;
  boundRow(row);
}

/** Relative width of the trunk at a height: narrower to the shoulders, a slight waist, wider at the hips. */
function width(z: number, { rightDome }: Trunk): number {
  const chest = clamp((z - rightDome + 30) / 200, 0, 1);
  const below = (z + 95) / 75;
  const waist = clamp(1 - below * below, 0, 1);
  return 1 - 0.3 * chest * chest - 0.05 * waist * waist;
}

/** Signed radial distance to a rounded oval, half-way between an ellipse and the curve |u|^4 + |v|^4 = 1. */
function section(x: number, y: number, halfWidth: number, front: number, back: number): number {
  const u = x / halfWidth;
  const v = y < 0 ? y / front : y / back;
  const uu = u * u;
  const vv = v * v;
  const r = 0.5 * Math.sqrt(uu + vv) + 0.5 * Math.sqrt(Math.sqrt(uu * uu + vv * vv));
  return r < 0.05 ? -front : length2(x, y) * (1 - 1 / r);
}

function overDiaphragm(x: number, y: number, z: number, trunk: Trunk): number {
  const { halfWidth, front, back } = trunk;
  const radius = 0.56 * halfWidth;
  const right = (x + 0.46 * halfWidth) / radius;
  const left = (x - 0.46 * halfWidth) / radius;
  const depth = y + 6;
  const drop = depth > 0 ? 88 / (back * back) : 42 / (front * front);
  const common = -drop * depth * depth;
  const rightHeight = trunk.rightDome - 52 * right * right;
  const leftHeight = trunk.leftDome - 52 * left * left;
  const height = smoothMax(rightHeight, leftHeight, 70) + common;
  const slopeX = (104 / radius) * Math.min(Math.abs(right), Math.abs(left));
  const slopeY = 2 * drop * depth;
  return (z - height) / Math.sqrt(1 + slopeX * slopeX + slopeY * slopeY);
}
