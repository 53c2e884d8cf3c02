import type { Grid } from '../../server/src/volume/volume.ts';

/** A ball by its centre, in shares of the grid's size, and what its voxels are labelled. */
export type Ball = readonly [centre: readonly [number, number, number], radiusMm: number, label: number];

/** Made-up labels for a patient's scan: a ball of liver, and lesions of 28, 14 and 0 mm, the last a single voxel. */
export const LIVER_AND_THREE: readonly Ball[] = [
  [[0.33, 0.45, 0.5], 60, 1],
  [[0.3, 0.4, 0.4], 14, 2],
  [[0.4, 0.5, 0.6], 7, 3],
  [[0.35, 0.5, 0.5], 0.01, 4],
];

/** Labels on a grid: of balls that overlap, the last. */
export function labelledBalls({ shape, spacingMm }: Pick<Grid, 'shape' | 'spacingMm'>, balls: readonly Ball[]) {
  const labels = new Uint16Array(shape[0] * shape[1] * shape[2]);
  for (const [centre, radiusMm, label] of balls) {
    const middle = shape.map((size, axis) => Math.round(centre[axis]! * size));
    const ends = shape.map((size, axis): [number, number] => {
      const reach = Math.ceil(radiusMm / spacingMm[axis]!);
      return [Math.max(0, middle[axis]! - reach), Math.min(size - 1, middle[axis]! + reach)];
    }) as [[number, number], [number, number], [number, number]];
    for (let k = ends[2][0]; k <= ends[2][1]; k++) {
      for (let j = ends[1][0]; j <= ends[1][1]; j++) {
        for (let i = ends[0][0]; i <= ends[0][1]; i++) {
          const [x, y, z] = [i, j, k].map((index, axis) => (index - middle[axis]!) * spacingMm[axis]!);
          if (Math.hypot(x!, y!, z!) <= radiusMm) labels[i + shape[0] * (j + shape[1] * k)] = label;
        }
      }
    }
  }
  return labels;
}
