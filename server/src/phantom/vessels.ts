import type { Vec3 } from '../volume/volume.ts';
import type { Random } from './random.ts';
import { capsule, length2, normalise, type Structure } from './shapes.ts';
import type { Trunk } from './trunk.ts';

export const VEIN_HU = 162;
export const AORTA_HU = 152;

export interface VesselPart {
  readonly from: Vec3;
  readonly to: Vec3;
  readonly fromRadius: number;
  readonly toRadius: number;
}

/**
 * A tree that forks in two `generations` times; a daughter's radius follows Murray's law roughly (0.62 to 0.85 of its parent's).
 * Radii and lengths in mm.
 */
export function branch(
  random: Random,
  from: Vec3,
  direction: Vec3,
  radius: number,
  length: number,
  generations: number,
): VesselPart[] {
  const [dx, dy, dz] = normalise(direction);
  const to: Vec3 = [from[0] + dx * length, from[1] + dy * length, from[2] + dz * length];
  const parts: VesselPart[] = [{ from, to, fromRadius: radius, toRadius: radius * 0.8 }];
  if (generations === 0 || radius < 0.9) return parts;
  for (let i = 0; i < 2; i++) {
    const turned: Vec3 = [dx + random.normal(0, 0.5), dy + random.normal(0, 0.5), dz + random.normal(0, 0.5)];
    const daughter = radius * random.between(0.62, 0.85);
    parts.push(...branch(random, to, turned, daughter, length * random.between(0.65, 0.95), generations - 1));
  }
  return parts;
}

/** Where the great veins meet the liver. */
export function landmarks({ spineY, vertebra, rightDome }: Trunk) {
  const ivcY = spineY - vertebra[1] - 12;
  return {
    ivc: { x: -22, y: ivcY, top: rightDome + 4 },
    hilum: [-24, ivcY - 17, 4] as Vec3,
    aorta: { x: 9, y: spineY - vertebra[1] - 12 },
  };
}

/** Portal and hepatic veins within the liver. They belong to the liver and carry its label. */
export function liverVessels(trunk: Trunk, random: Random): Structure[] {
  const { ivc, hilum } = landmarks(trunk);
  const confluence: Vec3 = [ivc.x - 3, ivc.y - 4, trunk.rightDome - 22];
  const wander = (v: Vec3): Vec3 => [
    v[0] + random.normal(0, 0.1),
    v[1] + random.normal(0, 0.1),
    v[2] + random.normal(0, 0.1),
  ];
  const portal = (
    [
      [-1, 0.1, 0.25],
      [-0.85, -0.35, 0.35],
      [-0.8, 0.25, -0.5],
      [0.55, -0.75, 0.35],
    ] as Vec3[]
  ).flatMap((d) => branch(random, hilum, wander(d), random.between(4.6, 5.8), random.between(27, 34), 5));
  const hepatic = (
    [
      [-1, 0.25, -0.3],
      [-0.55, -0.75, -0.45],
      [0.35, -0.9, -0.3],
    ] as Vec3[]
  ).flatMap((d) => branch(random, confluence, wander(d), random.between(4.4, 5.4), random.between(30, 38), 4));
  return [...portal, ...hepatic].map((part) => {
    const vessel = capsule(part.from, part.to, part.fromRadius, part.toRadius);
    return {
      bounds: vessel.bounds,
      distance: (row, i) => Math.max(vessel.distance(row, i), row.liver[i]! + 1.5),
      hu: VEIN_HU - 4,
      label: null,
    };
  });
}

/** Aorta, inferior vena cava, the portal vein's trunk and their larger branches. */
export function greatVessels(trunk: Trunk): Structure[] {
  const { ivc, hilum, aorta } = landmarks(trunk);
  const tube = (points: readonly Vec3[], radius: number, hu: number): Structure[] =>
    points.slice(1).map((to, i) => ({ ...capsule(points[i]!, to, radius), hu, label: null }));
  const splenicY = ivc.y - 22;
  const confluence: Vec3 = [2, splenicY - 2, -16];
  return [
    {
      bounds: { low: [ivc.x - 15, ivc.y - 14, -400], high: [ivc.x + 15, ivc.y + 14, ivc.top] },
      distance: (row, i) =>
        Math.max((length2((row.x[i]! - ivc.x) / 12, (row.y[i]! - ivc.y) / 9.5) - 1) * 9.5, row.z[i]! - ivc.top),
      hu: (row, i) => VEIN_HU - 8 + 4 * row.fine[i]!,
      label: 0,
    },
    {
      bounds: { low: [aorta.x - 16, aorta.y - 16, -400], high: [aorta.x + 16, aorta.y + 16, 400] },
      distance: (row, i) => length2(row.tx[i]! - aorta.x, row.ty[i]! - aorta.y) - 11,
      hu: (_row, _i, d) => (d > -1.2 ? AORTA_HU - 40 : AORTA_HU),
      label: 0,
    },
    // Coeliac trunk and the superior mesenteric artery.
    ...tube(
      [
        [aorta.x, aorta.y - 8, 12],
        [aorta.x + 4, aorta.y - 24, 16],
        [aorta.x + 24, aorta.y - 26, 20],
      ],
      3,
      AORTA_HU,
    ),
    ...tube(
      [
        [aorta.x, aorta.y - 8, -4],
        [aorta.x - 1, aorta.y - 22, -22],
        [aorta.x - 3, aorta.y - 30, -110],
      ],
      3.2,
      AORTA_HU,
    ),
    // Superior mesenteric, splenic and portal vein.
    ...tube([[-10, splenicY - 12, -120], [-6, splenicY - 8, -50], confluence], 5.5, VEIN_HU),
    ...tube([confluence, [35, splenicY + 12, 2], [72, splenicY + 28, 30]], 4.2, VEIN_HU),
    ...tube([confluence, hilum], 7.2, VEIN_HU),
    // Renal veins and arteries.
    ...tube(
      [
        [ivc.x, ivc.y, -34],
        [-42, ivc.y + 12, -40],
      ],
      4.2,
      VEIN_HU,
    ),
    ...tube(
      [
        [ivc.x + 6, ivc.y - 6, -22],
        [aorta.x, aorta.y - 13, -20],
        [42, ivc.y + 16, -26],
      ],
      4,
      VEIN_HU,
    ),
    ...tube(
      [
        [aorta.x, aorta.y, -24],
        [-46, ivc.y + 18, -38],
      ],
      2.4,
      AORTA_HU,
    ),
    ...tube(
      [
        [aorta.x, aorta.y, -20],
        [46, ivc.y + 18, -24],
      ],
      2.4,
      AORTA_HU,
    ),
  ];
}
