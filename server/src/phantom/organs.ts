import type { Vec3 } from '../volume/volume.ts';
import type { Random } from './random.ts';
import { capsule, ellipsoid, ramp, type Structure, smoothMax } from './shapes.ts';
import type { Trunk } from './trunk.ts';
import { landmarks } from './vessels.ts';

/** Spleen: a bean against the left dome and the ribs, hollowed by the stomach. */
export function spleen(trunk: Trunk, random: Random): Structure[] {
  const size = random.between(0.92, 1.08);
  const centre: Vec3 = [0.74 * trunk.halfWidth, 0.46 * trunk.back, trunk.leftDome - 60];
  const outer = ellipsoid(centre, [40 * size, 56 * size, 54 * size], [0.25, -0.2, 1]);
  const hollow = ellipsoid([centre[0] - 46, centre[1] - 24, centre[2] - 4], [34, 44, 60], [0.2, 0, 1]);
  const hu = random.between(111, 119);
  return [
    {
      bounds: outer.bounds,
      distance: (row, i) => smoothMax(smoothMax(outer.distance(row, i), row.room[i]!, 6), -hollow.distance(row, i), 8),
      hu: (row, i) => hu + 2 * row.fine[i]!,
      label: null,
    },
  ];
}

/** Kidneys in their fat, with cortex, medulla and sinus; the adrenal glands above them. */
export function kidneys(trunk: Trunk, random: Random): Structure[] {
  const { spineY } = trunk;
  const structures: Structure[] = [];
  for (const side of [-1, 1]) {
    const centre: Vec3 = [
      side * random.between(58, 64),
      spineY - 3,
      side < 0 ? random.between(-50, -42) : random.between(-34, -26),
    ];
    const radii: Vec3 = [27, 25, random.between(50, 56)];
    const axis: Vec3 = [-side * 0.28, -0.22, 1];
    const kidney = ellipsoid(centre, radii, axis);
    const fat = kidney.grown(side < 0 ? 2.5 : 7);
    const sinus = ellipsoid([centre[0] - side * 15, centre[1] - 7, centre[2]], [13, 7, 24], axis);
    const pelvis = ellipsoid([centre[0] - side * 15, centre[1] - 7, centre[2]], [9, 4.5, 12], axis);
    structures.push(
      {
        bounds: {
          low: kidney.bounds.low.map((v) => v - 7) as unknown as Vec3,
          high: kidney.bounds.high.map((v) => v + 7) as unknown as Vec3,
        },
        distance: (row, i) => Math.max(fat(row, i), row.cavity[i]!),
        hu: (row, i) => -100 + 5 * row.coarse[i]!,
        label: 0,
      },
      {
        bounds: kidney.bounds,
        distance: (row, i) => Math.max(kidney.distance(row, i), 1.8 * row.grain[i]! - sinus.distance(row, i)),
        hu: (row, i, d) => 192 - 42 * ramp(-d, 5, 8) * ramp(row.fine[i]!, -0.6, 0.3),
        label: 0,
      },
      { bounds: pelvis.bounds, distance: pelvis.distance, hu: 40, label: 0 },
    );
    const top: Vec3 = [side * 34, spineY - 16, side < 0 ? 18 : 16];
    for (const leg of [
      [side * 12, 13, -16],
      [-side * 2, 14, -14],
    ] as Vec3[]) {
      const gland = capsule(top, [top[0] + leg[0], top[1] + leg[1], top[2] + leg[2]], 2.8, 2.2);
      structures.push({ ...gland, hu: 75, label: null });
    }
  }
  return structures;
}

/** Gallbladder in its bed under the right lobe. */
export function gallbladder(trunk: Trunk, random: Random): Structure[] {
  const centre: Vec3 = [random.between(-48, -40), -0.42 * trunk.front, random.between(-52, -44)];
  const bladder = ellipsoid(centre, [13, 15, random.between(26, 32)], [0.25, 0.5, 1]);
  return [
    {
      bounds: bladder.bounds,
      distance: bladder.distance,
      hu: (row, i, d) => (d > -1.6 ? 70 : 10 + 2 * row.fine[i]!),
      label: 0,
    },
  ];
}

/** Pancreas: a lobulated band from the duodenum over the spine to the spleen. */
export function pancreas(trunk: Trunk): Structure[] {
  const { ivc } = landmarks(trunk);
  const y = ivc.y - 32;
  const course: readonly (readonly [Vec3, number])[] = [
    [[-26, y + 8, -44], 12],
    [[-24, y + 4, -24], 13],
    [[0, y - 6, -12], 9.5],
    [[30, y + 2, 2], 9.5],
    [[55, y + 18, 18], 9],
    [[76, y + 36, 32], 7],
  ];
  return course.slice(1).map(([to, radius], i) => {
    const [from, before] = course[i]!;
    const part = capsule(from, to, before, radius);
    return {
      bounds: part.bounds,
      distance: (row, i) => part.distance(row, i) + 1.3 * row.grain[i]!,
      hu: (row, i) => 96 + 4 * row.fine[i]!,
      label: null,
    };
  });
}
