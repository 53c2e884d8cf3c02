import type { Grid, Vec3 } from '../../volume/volume.ts';

/**
 * A network's x, y and z over the voxels of a scan: the scanner's own grid, its axes put in the network's order and
 * turned to its sides, nothing in between. Voxel [x, y, z] is at `first + x * steps[0] + y * steps[1] + z * steps[2]` of
 * the scan's values.
 */
export interface NetworkAxes {
  /** Voxels along x, y, z. */
  readonly shape: Vec3;
  readonly spacingMm: Vec3;
  readonly first: number;
  readonly steps: Vec3;
}

const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const;

/**
 * The axes of a scan that are nearest to an orientation, such as 'RAS': x to the patient's Right, y to Anterior, z to
 * Superior.
 */
export function networkAxes(grid: Grid, orientation: string): NetworkAxes {
  const along = (order: (typeof ORDERS)[number], n: 0 | 1 | 2) => grid.axes[order[n]][n];
  const fit = (order: (typeof ORDERS)[number]) =>
    Math.abs(along(order, 0)) + Math.abs(along(order, 1)) + Math.abs(along(order, 2));
  const order = ORDERS.reduce((best, other) => (fit(other) > fit(best) ? other : best));
  const strides = [1, grid.shape[0], grid.shape[0] * grid.shape[1]] as const;
  let first = 0;
  const axis = (n: 0 | 1 | 2) => {
    const from = order[n];
    const grows = 'LPS'.includes(orientation[n]!);
    const stride = strides[from];
    if (along(order, n) > 0 === grows) return stride;
    first += stride * (grid.shape[from] - 1);
    return -stride;
  };
  const steps: Vec3 = [axis(0), axis(1), axis(2)];
  return {
    shape: [grid.shape[order[0]], grid.shape[order[1]], grid.shape[order[2]]],
    spacingMm: [grid.spacingMm[order[0]], grid.spacingMm[order[1]], grid.spacingMm[order[2]]],
    first,
    steps,
  };
}

/** The axes over the smallest box that holds every value but zero; all of it where there is no other. */
export function withoutZeroBorder(axes: NetworkAxes, values: Int16Array): NetworkAxes {
  const { shape, first, steps } = axes;
  const low = [...shape] as [number, number, number];
  const high: [number, number, number] = [-1, -1, -1];
  for (let z = 0; z < shape[2]; z++) {
    for (let y = 0; y < shape[1]; y++) {
      const row = first + y * steps[1] + z * steps[2];
      let from = 0;
      while (from < shape[0] && values[row + from * steps[0]] === 0) from++;
      if (from === shape[0]) continue;
      let to = shape[0] - 1;
      while (values[row + to * steps[0]] === 0) to--;
      low[0] = Math.min(low[0], from);
      high[0] = Math.max(high[0], to);
      low[1] = Math.min(low[1], y);
      high[1] = Math.max(high[1], y);
      low[2] = Math.min(low[2], z);
      high[2] = z;
    }
  }
  if (high[0] < 0) return axes;
  return {
    ...axes,
    shape: [high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1],
    first: first + low[0] * steps[0] + low[1] * steps[1] + low[2] * steps[2],
  };
}
