import type { Vec3 } from '../volume/volume.ts';
import type { Anatomy } from './anatomy.ts';
import { LIVER_LABEL } from './liver.ts';

/** Volumes of the shapes themselves, whatever grid they are sampled on. */
export interface TrueVolumes {
  /** The liver with its lesions, and without them. */
  readonly liverMl: number;
  readonly parenchymaMl: number;
  /** By lesion: the points that carry its label, so overlapping lesions share their common part. */
  readonly lesionsMl: readonly number[];
}

const LIVER_STEP_MM = 2.5;
const STEPS_ACROSS_LESION = 32;

/** Counts the labels of fine grids: 2.5 mm for the liver (error below 0.3 %), 32 steps across each lesion (below 0.5 %). */
export function measureVolumes(anatomy: Anatomy): TrueVolumes {
  const { low, high } = anatomy.liverBounds;
  const size = high.map((value, axis) => value - low[axis]!) as unknown as Vec3;
  const parenchyma = countMl(anatomy, low, size, LIVER_STEP_MM, LIVER_LABEL);
  const lesionsMl = anatomy.lesions.map(({ centreMm, radiiMm, number }) => {
    const reach = 1.01 * Math.max(...radiiMm);
    const corner = centreMm.map((value) => value - reach) as unknown as Vec3;
    return countMl(anatomy, corner, [2 * reach, 2 * reach, 2 * reach], (2 * reach) / STEPS_ACROSS_LESION, 1 + number);
  });
  return { liverMl: lesionsMl.reduce((sum, ml) => sum + ml, parenchyma), parenchymaMl: parenchyma, lesionsMl };
}

/**
 * Volume of a label within a box, by one point in each cube of `stepMm`. The points are shifted within their cubes along all axes,
 * so that no flat face of a shape falls on a plane of them.
 */
function countMl(anatomy: Anatomy, corner: Vec3, sizeMm: Vec3, stepMm: number, label: number): number {
  const [columns, rows, slices] = sizeMm.map((size) => Math.ceil(size / stepMm)) as unknown as Vec3;
  const sample = anatomy.sampler(columns, 1);
  let count = 0;
  for (let k = 0; k < slices; k++) {
    for (let j = 0; j < rows; j++) {
      const start: Vec3 = [
        corner[0] + fraction(0.57 * j + 0.33 * k) * stepMm,
        corner[1] + (j + fraction(0.618 * k)) * stepMm,
        corner[2] + (k + fraction(0.755 * j)) * stepMm,
      ];
      for (const each of sample(start, [stepMm, 0, 0]).labels) if (each === label) count++;
    }
  }
  return (count * stepMm ** 3) / 1000;
}

const fraction = (value: number) => value - Math.floor(value);
