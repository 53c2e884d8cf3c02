import { blankRows } from '../../volume/blank-rows.ts';
import type { LabelMap } from '../../volume/volume.ts';

/** Where the labels are, in voxel indices of the grid. */
export interface LabelExtent {
  /** Smallest and largest index with a label along i, j, k; null when no voxel is labelled. */
  readonly box: readonly [Ends, Ends, Ends] | null;
  readonly voxels: number;
  /** Labelled voxels at each index along i, j, k. */
  readonly counts: readonly [Uint32Array, Uint32Array, Uint32Array];
}

export type Ends = readonly [first: number, last: number];

/** Counts the voxels of all labels above 0 in one pass. */
export function labelExtent({ grid, labels }: LabelMap<Uint16Array>): LabelExtent {
  const [columns, rows, slices] = grid.shape;
  const isBlank = blankRows({ grid, labels });
  const counts = [new Uint32Array(columns), new Uint32Array(rows), new Uint32Array(slices)] as const;
  for (let k = 0; k < slices; k++) {
    let inSlice = 0;
    for (let j = 0; j < rows; j++) {
      const row = k * rows + j;
      if (isBlank(row)) continue;
      const start = row * columns;
      let inRow = 0;
      for (let i = 0; i < columns; i++) {
        if (labels[start + i] === 0) continue;
        counts[0][i]!++;
        inRow++;
      }
      counts[1][j]! += inRow;
      inSlice += inRow;
    }
    counts[2][k] = inSlice;
  }
  const voxels = counts[2].reduce((sum, count) => sum + count, 0);
  const ends = (count: Uint32Array): Ends => [count.findIndex((n) => n > 0), count.findLastIndex((n) => n > 0)];
  return { box: voxels === 0 ? null : [ends(counts[0]), ends(counts[1]), ends(counts[2])], voxels, counts };
}
