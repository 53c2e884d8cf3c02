import { setImmediate as nextTurn } from 'node:timers/promises';
import { sampleField } from '../volume/field.ts';
import { boxOnGrid, gridOfBox, stepsBetween, toVoxel, voxelCount, wholeBox } from '../volume/geometry.ts';
import type { Grid } from '../volume/volume.ts';
import { type Probabilities, takeLesionsIn, useAgain } from './probabilities.ts';
import { LESION, LIVER, type Segmentation } from './segmentation.ts';

/** The least probability that makes a voxel liver, diseased or not. */
const LIVER_FROM = 0.5;
/** The least lesion probability that is not zero in 1/255. */
const LESION_FROM = 0.5 / 255;

/**
 * Brings probabilities from the network's grid to the scanner's and decides there: first whether a voxel is
 * liver, diseased or not, then whether that is lesion. Voxels whose centre lies outside the network's grid are background.
 * Slice by slice; null when the two grids do not meet. The probabilities are used up.
 */
export async function decideOnScannerGrid(
  probabilities: Probabilities,
  network: Grid,
  grid: Grid,
  signal: AbortSignal,
): Promise<Pick<Segmentation, 'labelMap' | 'lesionProbability'> | null> {
  const box = boxOnGrid(network, wholeBox(network), grid);
  if (box === null) return null;
  takeLesionsIn(probabilities);
  const field = { grid: network, channels: 2, values: probabilities.both };
  const labels = new Uint8Array(voxelCount(grid.shape));
  const values = new Uint8Array(voxelCount(box.size));
  const [width, height] = box.size;
  const inside = insideRows(network, gridOfBox(grid, box));
  for (const { k, values: slice, firsts, ends } of sampleField(field, grid, box, [LIVER_FROM, LESION_FROM])) {
    if (k % 8 === 0) await nextTurn();
    signal.throwIfAborted();
    for (let j = 0; j < height; j++) {
      const [first, end] = inside(j, k - box.start[2]);
      const row = box.start[0] + grid.shape[0] * (box.start[1] + j + grid.shape[1] * k);
      const boxRow = width * (j + height * (k - box.start[2]));
      const [ofAll, ofLesion] = [width * j, width * (j + height)];
      for (let i = Math.max(first, firsts[j]!); i < Math.min(end, ends[j]!); i++) {
        const all = slice[ofAll + i]!;
        if (all > LIVER_FROM) labels[row + i] = 2 * slice[ofLesion + i]! > all ? LESION : LIVER;
      }
      for (let i = Math.max(first, firsts[j + height]!); i < Math.min(end, ends[j + height]!); i++) {
        values[boxRow + i] = Math.round(255 * Math.min(1, slice[ofLesion + i]!));
      }
    }
  }
  useAgain(probabilities);
  return { labelMap: { grid, labels }, lesionProbability: { box, values } };
}

/** For a row j of slice k of `rows`: the voxels, first to end, whose centres lie inside `limits`, outer faces included. */
function insideRows(limits: Grid, rows: Grid): (j: number, k: number) => readonly [number, number] {
  const origin = toVoxel(limits, rows.originMm);
  const [di, dj, dk] = stepsBetween(rows, limits);
  const slack = 1e-6;
  return (j, k) => {
    let first = 0;
    let end = rows.shape[0];
    for (let axis = 0; axis < 3; axis++) {
      const at = origin[axis]! + j * dj[axis]! + k * dk[axis]!;
      const step = di[axis]!;
      const low = -0.5 - slack - at;
      const high = limits.shape[axis]! - 0.5 + slack - at;
      if (Math.abs(step) < 1e-12) {
        if (low > 0 || high < 0) return [0, 0];
        continue;
      }
      first = Math.max(first, Math.ceil(step > 0 ? low / step : high / step));
      end = Math.min(end, Math.floor(step > 0 ? high / step : low / step) + 1);
    }
    return [first, end];
  };
}
