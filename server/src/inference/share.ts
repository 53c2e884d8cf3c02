import { sampleField } from '../volume/field.ts';
import { voxelCount, wholeBox } from '../volume/geometry.ts';
import type { Grid } from '../volume/volume.ts';
import { type Probabilities, takeLesionsIn } from './probabilities.ts';

/**
 * Stage 1's probability that a voxel of `grid` is liver, diseased or not; `coarse` is the grid that it was found on. What was
 * found is used up.
 */
export function liverOn(grid: Grid, found: Probabilities, coarse: Grid): Float32Array {
  takeLesionsIn(found);
  const fine = new Float32Array(voxelCount(grid.shape));
  const field = { grid: coarse, channels: 1, values: found.liver };
  for (const { k, values: slice } of sampleField(field, grid, wholeBox(grid))) fine.set(slice, k * slice.length);
  return fine;
}

/**
 * Gives stage 1, which sees more of the body, a share in whether a voxel is liver, diseased or not: the weighted mean of what both
 * say. What stage 2 says of lesions stays as it is; liver is what is left of the mean, or nothing.
 * @param before stage 1's probability for the same voxels
 */
export function shareIn({ liver, lesion }: Probabilities, before: Float32Array, share: number): void {
  for (let voxel = 0; voxel < liver.length; voxel++) {
    const mean = (1 - share) * (liver[voxel]! + lesion[voxel]!) + share * before[voxel]!;
    liver[voxel] = Math.max(0, mean - lesion[voxel]!);
  }
}
