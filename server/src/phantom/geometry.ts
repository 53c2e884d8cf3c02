import type { Grid, Vec3 } from '../volume/volume.ts';

/** How the patient lies in the scanner, as Patient Position (0018,5100) says it: PS3.3 section C.7.3.1.1.2. */
export const PATIENT_POSITIONS = ['HFS', 'HFP', 'FFS', 'FFP'] as const;
export type PatientPosition = (typeof PATIENT_POSITIONS)[number];

export const INSTANCE_ORDERS = ['ascending', 'descending', 'shuffled'] as const;
export type InstanceOrder = (typeof INSTANCE_ORDERS)[number];

/** The slices of a scan. Lengths in mm. */
export interface GeometryOptions {
  readonly rows: number;
  readonly columns: number;
  readonly slices: number;
  /** As Pixel Spacing (0028,0030): the distance between rows, then between columns. */
  readonly pixelSpacingMm: readonly [number, number];
  readonly sliceSpacingMm: number;
  /** Patient position of the middle of the scan; the middle of the upper abdomen by default. */
  readonly centreMm?: Vec3;
  /** Decides the direction of rows and columns: along the patient's axes, seen as a scanner shows them. */
  readonly patientPosition?: PatientPosition;
  /** Turns the slices out of the patient's axes, about x, then y, then z, in degrees. */
  readonly rotationDeg?: Vec3;
  /** Reverses the direction of the rows, or of the columns: a negated cosine, and slices counted the other way. */
  readonly negateRows?: boolean;
  readonly negateColumns?: boolean;
  /** In which order along the normal the instances are numbered and written. */
  readonly instanceOrder?: InstanceOrder;
}

/** Positions and directions as they are written to the objects, rounded to what a decimal string holds. */
export interface Geometry extends GeometryOptions {
  readonly patientPosition: PatientPosition;
  readonly instanceOrder: InstanceOrder;
  /** Direction of a row (in which the column index grows) and of a column: Image Orientation (Patient). */
  readonly rowDirection: Vec3;
  readonly columnDirection: Vec3;
  /** positionsMm[k]: centre of the first pixel of the k-th slice along the normal, rows x columns. */
  readonly positionsMm: readonly Vec3[];
  /** i along a row, j down a column, k along the normal. */
  readonly grid: Grid;
}

const DIRECTIONS: Record<PatientPosition, readonly [Vec3, Vec3]> = {
  HFS: [
    [1, 0, 0],
    [0, 1, 0],
  ],
  HFP: [
    [-1, 0, 0],
    [0, -1, 0],
  ],
  FFS: [
    [-1, 0, 0],
    [0, 1, 0],
  ],
  FFP: [
    [1, 0, 0],
    [0, -1, 0],
  ],
};

/** Lays the slices out around `centreMm`, the default for options without one. @throws RangeError for sizes that make no grid */
export function layOut(options: GeometryOptions, defaultCentreMm: Vec3): Geometry {
  const { rows, columns, slices, pixelSpacingMm, sliceSpacingMm, rotationDeg = [0, 0, 0] } = options;
  for (const [name, size] of Object.entries({ rows, columns, slices })) {
    if (!Number.isInteger(size) || size < 1)
      throw new RangeError(`${name} must be a positive whole number, not ${size}.`);
  }
  if (!(Math.min(...pixelSpacingMm, sliceSpacingMm) > 0)) throw new RangeError('Spacings must be above 0 mm.');
  const { patientPosition = 'HFS', instanceOrder = 'ascending', centreMm = defaultCentreMm } = options;
  const turn = (direction: Vec3, negate = false) => rotate(negate ? scale(direction, -1) : direction, rotationDeg);
  const rowDirection = turn(DIRECTIONS[patientPosition][0], options.negateRows);
  const columnDirection = turn(DIRECTIONS[patientPosition][1], options.negateColumns);
  const normal = rounded(cross(rowDirection, columnDirection), 10);
  const [rowSpacing, columnSpacing] = pixelSpacingMm;
  const at = (i: number, j: number, k: number): Vec3 =>
    [0, 1, 2].map(
      (axis) =>
        centreMm[axis]! +
        i * columnSpacing * rowDirection[axis]! +
        j * rowSpacing * columnDirection[axis]! +
        k * sliceSpacingMm * normal[axis]!,
    ) as unknown as Vec3;
  const positionsMm = Array.from({ length: slices }, (_, k) =>
    rounded(at(-(columns - 1) / 2, -(rows - 1) / 2, k - (slices - 1) / 2), 6),
  );
  return {
    ...options,
    patientPosition,
    instanceOrder,
    rowDirection,
    columnDirection,
    positionsMm,
    grid: {
      shape: [columns, rows, slices],
      spacingMm: [columnSpacing, rowSpacing, sliceSpacingMm],
      originMm: positionsMm[0]!,
      axes: [rowDirection, columnDirection, normal],
    },
  };
}

/** Rotates about x, then y, then z. Ten decimals keep the axes orthonormal to 1e-10 and fit a decimal string. */
export function rotate([x, y, z]: Vec3, [aboutX, aboutY, aboutZ]: Vec3): Vec3 {
  const [cx, sx] = turnOf(aboutX);
  const [cy, sy] = turnOf(aboutY);
  const [cz, sz] = turnOf(aboutZ);
  const [y1, z1] = [cx * y - sx * z, sx * y + cx * z];
  const [x2, z2] = [cy * x + sy * z1, cy * z1 - sy * x];
  return rounded([cz * x2 - sz * y1, sz * x2 + cz * y1, z2], 10);
}

/** Cosine and sine, rounded so that the last bits of a machine's own functions do not show. */
const turnOf = (degrees: number) => {
  const angle = (degrees * Math.PI) / 180;
  return [Math.round(Math.cos(angle) * 1e13) / 1e13, Math.round(Math.sin(angle) * 1e13) / 1e13] as const;
};

const scale = ([x, y, z]: Vec3, by: number): Vec3 => [x * by, y * by, z * by];

const cross = (a: Vec3, b: Vec3): Vec3 => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

/** Rounded; a negative zero becomes zero. */
const rounded = (v: Vec3, digits: number): Vec3 =>
  v.map((value) => Math.round(value * 10 ** digits) / 10 ** digits + 0) as unknown as Vec3;
