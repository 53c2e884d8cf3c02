import type { LabelMap } from './volume.ts';

/**
 * Tells the rows of a label map that hold no label: row j of slice k is number k * rows + j. Most of a scan is such rows,
 * and to compare memory is many times as fast as to look at each voxel.
 */
export function blankRows({ grid, labels }: LabelMap<Uint8Array | Uint16Array>): (row: number) => boolean {
  const bytes = Buffer.from(labels.buffer, labels.byteOffset, labels.byteLength);
  const rowBytes = grid.shape[0] * labels.BYTES_PER_ELEMENT;
  const blank = Buffer.alloc(rowBytes);
  return (row) => bytes.compare(blank, 0, rowBytes, row * rowBytes, (row + 1) * rowBytes) === 0;
}
