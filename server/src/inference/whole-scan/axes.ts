import { boundingBox, type Layout } from '../../volume/bounding-box.ts';
import type { Grid, Vec3 } from '../../volume/volume.ts';

/**
 * A network's x, y and z over the voxels of a scan: the scanner's own grid, its axes put in the network's order and
 * turned to its sides, nothing in between.
 */
export interface NetworkAxes extends Layout {
  readonly spacingMm: Vec3;
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
  const box = boundingBox(values, axes);
  if (box === null) return axes;
  const { start, size } = box;
  const { first, steps } = axes;
  return { ...axes, shape: size, first: first + start[0] * steps[0] + start[1] * steps[1] + start[2] * steps[2] };
}
