import type { Vec3 } from '../../server/src/volume/volume.ts';

/** A CT series for make_series.py: where it lies in the patient, and what is labelled in it. */
export interface SeriesSpec {
  readonly name: string;
  readonly uid: string;
  /** Columns, rows, slices. */
  readonly shape: Vec3;
  readonly spacingMm: Vec3;
  readonly originMm: Vec3;
  /** Directions of a row and of a column of the images. */
  readonly row: Vec3;
  readonly column: Vec3;
  /** Whether the first slice is the lowest along the normal (1) or the highest (-1). */
  readonly step: 1 | -1;
  readonly order: 'as-is' | 'shuffled';
  readonly enhanced: boolean;
  /** Centre and radii of the liver, in voxels. */
  readonly liver: readonly [Vec3, Vec3];
  /** Column, row, slice and radius of each lesion, in voxels. */
  readonly lesions: readonly (readonly [number, number, number, number])[];
  /** Elements to be written as these bytes (hexadecimal), by tag. */
  readonly elements: Readonly<Record<string, readonly [vr: string, hex: string]>>;
  /** Keywords of attributes to be left out. */
  readonly drop: readonly string[];
}

export function seriesSpec(name: string, uid: string, changes: Partial<SeriesSpec> = {}): SeriesSpec {
  const shape = changes.shape ?? [64, 64, 14];
  return {
    name,
    uid,
    shape,
    spacingMm: [0.8, 0.8, 3],
    originMm: [-25.2, -31.7, -410.5],
    row: [1, 0, 0],
    column: [0, 1, 0],
    step: 1,
    order: 'as-is',
    enhanced: false,
    liver: [
      [shape[0] * 0.4, shape[1] * 0.45, shape[2] * 0.5],
      [shape[0] * 0.3, shape[1] * 0.33, shape[2] * 0.4],
    ],
    lesions: [
      [Math.round(shape[0] * 0.35), Math.round(shape[1] * 0.4), Math.round(shape[2] * 0.45), 4],
      [Math.round(shape[0] * 0.2), Math.round(shape[1] * 0.5), Math.round(shape[2] * 0.6), 2],
    ],
    elements: {},
    drop: [],
    ...changes,
  };
}

/** Directions of row and column after turning by these angles about x, then z. */
function turned(aboutX: number, aboutZ: number): { row: Vec3; column: Vec3 } {
  const [cx, sx, cz, sz] = [Math.cos(aboutX), Math.sin(aboutX), Math.cos(aboutZ), Math.sin(aboutZ)];
  return { row: [cz, sz, 0], column: [-sz * cx, cz * cx, sx] };
}

const scattered = Array.from(
  { length: 25 },
  (_, n) => [12 + (n % 5) * 7, 14 + Math.floor(n / 5) * 7, 3 + (n % 9), 1] as const,
);

/** Every way of lying and every size that a reader has been seen to trip over. */
export const SEG_CASES: readonly SeriesSpec[] = [
  seriesSpec('axial', '2.25.9001'),
  seriesSpec('reversed slice order', '2.25.9002', { step: -1 }),
  seriesSpec('shuffled slice order', '2.25.9003', { order: 'shuffled' }),
  seriesSpec('oblique', '2.25.9004', turned(0.3, 0.2)),
  seriesSpec('oblique, reversed', '2.25.9005', { ...turned(-0.25, 2.9), step: -1 }),
  seriesSpec('negated column cosine', '2.25.9006', { row: [1, 0, 0], column: [0, -1, 0] }),
  seriesSpec('feet first', '2.25.9007', { row: [-1, 0, 0], column: [0, 1, 0] }),
  seriesSpec('prone', '2.25.9008', { row: [-1, 0, 0], column: [0, -1, 0], step: -1 }),
  seriesSpec('rows along the back', '2.25.9009', { row: [0, 1, 0], column: [1, 0, 0] }),
  seriesSpec('non-square pixels', '2.25.9010', { spacingMm: [0.6, 1.1, 2.5] }),
  seriesSpec('Rows != Columns', '2.25.9011', { shape: [96, 48, 12] }),
  seriesSpec('odd size 125 x 99', '2.25.9012', { shape: [125, 99, 11] }),
  seriesSpec('odd size 33 x 31, oblique', '2.25.9013', { shape: [33, 31, 17], ...turned(0.2, -0.4) }),
  seriesSpec('long decimals', '2.25.9014', {
    spacingMm: [0.734375000001, 0.734375000001, 1.2500001],
    originMm: [-187.6328125013, -179.1328124987, -1044.300000012],
    ...turned(0.017453292519943, 0),
  }),
  seriesSpec('no lesion', '2.25.9015', { lesions: [] }),
  seriesSpec('25 lesions', '2.25.9016', { lesions: scattered }),
  seriesSpec('a lesion that takes the whole liver', '2.25.9020', { lesions: [[25, 29, 7, 24]] }),
  seriesSpec('a lesion of one voxel', '2.25.9017', { lesions: [[20, 25, 7, 0]] }),
  seriesSpec('lesions on first and last slice', '2.25.9018', {
    lesions: [
      [22, 25, 0, 1],
      [24, 27, 13, 1],
    ],
  }),
  seriesSpec('enhanced multi-frame', '2.25.9019', { enhanced: true, step: -1 }),
];
