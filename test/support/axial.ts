import type { Grid } from '../../server/src/volume/volume.ts';

/** Rows run to the patient's left, columns to posterior, slices to the head. */
export const AXIAL: Grid['axes'] = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];
