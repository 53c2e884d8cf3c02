import { BLOCK, type Row } from './row.ts';
import type { Bounds, Structure } from './shapes.ts';

/** Paints a structure over what is there: its edge fades over the blur width, its label ends where the distance is zero. */
export function paint(row: Row, structure: Structure): void {
  const { bounds } = structure;
  if (!bounds) {
    paintRun(row, structure, row.first, row.end);
    return;
  }
  const margin = 0.5 / row.sharpness;
  if (misses(row.boxes, 0, bounds, margin)) return;
  for (let block = Math.floor(row.first / BLOCK); block * BLOCK < row.end; block++) {
    if (misses(row.boxes, 6 * (block + 1), bounds, margin)) continue;
    paintRun(row, structure, Math.max(block * BLOCK, row.first), Math.min((block + 1) * BLOCK, row.end));
  }
}

function misses(boxes: Float64Array, at: number, { low, high }: Bounds, margin: number): boolean {
  return (
    boxes[at]! > high[0] + margin ||
    boxes[at + 1]! < low[0] - margin ||
    boxes[at + 2]! > high[1] + margin ||
    boxes[at + 3]! < low[1] - margin ||
    boxes[at + 4]! > high[2] + margin ||
    boxes[at + 5]! < low[2] - margin
  );
}

function paintRun(row: Row, { distance, hu, label }: Structure, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const d = distance(row, i);
    const share = 0.5 - d * row.sharpness;
    if (share <= 0) continue;
    const value = typeof hu === 'number' ? hu : hu(row, i, d);
    row.hu[i] = share >= 1 ? value : row.hu[i]! + share * (value - row.hu[i]!);
    if (label !== null && d < 0) row.labels[i] = label;
  }
}
