import type { Vec3 } from '../volume/volume.ts';
import type { Random } from './random.ts';
import { FAR } from './row.ts';
import { capsule, ellipsoid, length2, type Structure, smoothMax } from './shapes.ts';
import type { Trunk } from './trunk.ts';
import { branch } from './vessels.ts';

/** Lungs with their vessels, the fat of the mediastinum, and the heart on the diaphragm. */
export function thorax(trunk: Trunk, random: Random): Structure[] {
  const { spineY, vertebra, leftDome } = trunk;
  const lungHu = random.between(-870, -830);
  const heart: Vec3 = [random.between(18, 26), -0.34 * trunk.front, leftDome + 34];
  const heartRadii: Vec3 = [58, 44, 47];
  const axis: Vec3 = [0.45, -0.35, 0.6];
  const pericardium = ellipsoid(heart, [heartRadii[0] + 7, heartRadii[1] + 6, heartRadii[2] + 6], axis);
  const muscle = ellipsoid(heart, heartRadii, axis);
  const chambers = [
    { centre: [heart[0] + 20, heart[1] + 3, heart[2] - 4] as Vec3, radii: [24, 26, 33] as Vec3, hu: 152 },
    { centre: [heart[0] - 25, heart[1] - 1, heart[2] - 2] as Vec3, radii: [24, 34, 37] as Vec3, hu: 160 },
  ];
  const mediastinum = (tx: number, ty: number) => (length2((tx - 3) / 27, (ty - spineY + 24) / 33) - 1) * 27;

  const structures: Structure[] = [
    {
      bounds: { low: [-FAR, -FAR, leftDome - 190], high: [FAR, FAR, FAR] },
      distance: (row, i) => smoothMax(row.cavity[i]! + 2.5, 0.6 - row.above[i]!, 4),
      hu: (row, i) => lungHu + 14 * row.coarse[i]! + 18 * row.fine[i]! + 130 * Math.max(0, row.grain[i]! - 1.9),
      label: null,
    },
    {
      bounds: { low: [-26, spineY - 59, leftDome - 120], high: [32, spineY + 11, FAR] },
      distance: (row, i) =>
        smoothMax(mediastinum(row.tx[i]!, row.ty[i]!), Math.max(-row.above[i]!, row.cavity[i]! + 2), 8),
      hu: (row, i) => -95 + 60 * Math.max(0, row.fine[i]! - 0.7),
      label: null,
    },
    {
      bounds: pericardium.bounds,
      distance: (row, i) => smoothMax(pericardium.distance(row, i), Math.max(-row.above[i]!, row.cavity[i]! + 2), 6),
      hu: -92,
      label: null,
    },
    {
      bounds: muscle.bounds,
      distance: (row, i) => smoothMax(muscle.distance(row, i), Math.max(4 - row.above[i]!, row.cavity[i]! + 4), 6),
      hu: (row, i) => 112 + 3 * row.fine[i]!,
      label: null,
    },
  ];
  for (const { centre, radii, hu } of chambers) {
    const chamber = ellipsoid(centre, radii, axis);
    structures.push({
      bounds: chamber.bounds,
      distance: (row, i) => Math.max(chamber.distance(row, i), 8 - row.above[i]!),
      hu,
      label: null,
    });
  }
  // Oesophagus.
  structures.push({
    bounds: { low: [-15, -40, leftDome - 30], high: [40, 60, leftDome + 300] },
    distance: (row, i) =>
      Math.max(
        (length2((row.tx[i]! - 10) / 9, (row.ty[i]! - spineY + vertebra[1] + 26) / 6.5) - 1) * 6.5,
        leftDome - 26 - row.tz[i]!,
      ),
    hu: (_row, _i, d) => (d < -4.5 ? -200 : 65),
    label: null,
  });
  for (const side of [-1, 1]) {
    const root: Vec3 = [side * 38, spineY - 22, leftDome + 75];
    for (const direction of [
      [side * 0.7, 0.25, -0.75],
      [side * 0.5, 0.6, -0.5],
      [side * 0.9, -0.35, -0.5],
    ] as Vec3[]) {
      for (const { from, to, fromRadius, toRadius } of branch(random, root, direction, 4.5, 34, 4)) {
        const vessel = capsule(from, to, fromRadius, toRadius);
        structures.push({
          bounds: vessel.bounds,
          distance: (row, i) => Math.max(vessel.distance(row, i), 3 - row.above[i]!, row.cavity[i]! + 4),
          hu: 60,
          label: null,
        });
      }
    }
  }
  return structures;
}
