import type { Vec3 } from '../volume/volume.ts';
import type { Anatomy } from './anatomy.ts';
import { rotate } from './geometry.ts';

/** How a patient lies against where the anatomy was made: turned about the middle of the upper abdomen, then shifted. */
export interface Pose {
  /** About x, then y, then z of the patient system, degrees. */
  readonly rotationDeg: Vec3;
  readonly shiftMm: Vec3;
}

/** The same patient in another pose. A scan that states no other orientation sees them turned. */
export function posed(anatomy: Anatomy, { rotationDeg, shiftMm }: Pose): Anatomy {
  const { centreMm } = anatomy;
  const turn = (direction: Vec3) => rotate(direction, rotationDeg);
  const columns = [turn([1, 0, 0]), turn([0, 1, 0]), turn([0, 0, 1])] as const;
  const turnedBack = ([x, y, z]: Vec3): Vec3 => {
    const along = ([a, b, c]: Vec3) => a * x + b * y + c * z;
    return [along(columns[0]), along(columns[1]), along(columns[2])];
  };
  const move = (p: Vec3): Vec3 => add(add(turn(subtract(p, centreMm)), centreMm), shiftMm);
  const moveBack = (p: Vec3): Vec3 => add(turnedBack(subtract(subtract(p, shiftMm), centreMm)), centreMm);
  const { low, high } = anatomy.liverBounds;
  const corners = Array.from({ length: 8 }, (_, n) =>
    move([n & 1 ? high[0] : low[0], n & 2 ? high[1] : low[1], n & 4 ? high[2] : low[2]]),
  );
  const extreme = (choose: (...values: number[]) => number): Vec3 => [
    choose(...corners.map(([x]) => x)),
    choose(...corners.map(([, y]) => y)),
    choose(...corners.map(([, , z]) => z)),
  ];
  return {
    ...anatomy,
    lesions: anatomy.lesions.map((lesion) => ({
      ...lesion,
      centreMm: move(lesion.centreMm),
      axis: turn(lesion.axis),
    })),
    liverBounds: { low: extreme(Math.min), high: extreme(Math.max) },
    centreMm: add(centreMm, shiftMm),
    sampler: (count, blurMm) => {
      const sample = anatomy.sampler(count, blurMm);
      return (start, step) => sample(moveBack(start), turnedBack(step));
    },
  };
}

const add = (a: Vec3, b: Vec3): Vec3 => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const subtract = (a: Vec3, b: Vec3): Vec3 => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
