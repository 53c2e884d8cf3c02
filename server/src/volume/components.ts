import { subtract, voxelAt } from './geometry.ts';
import type { Box, Vec3 } from './volume.ts';

/**
 * Connected components by run-length union-find: the voxels are read once, and everything after that works on runs
 * (stretches of foreground along i), of which a segmentation has a thousandth as many as voxels.
 */

/** 26: voxels that share a face, an edge or a corner are neighbours. 6: a face only. */
export type Connectivity = 6 | 26;

export interface Components {
  /** Number of components; their labels are 1 to `count`, in the order of their first voxels in memory. */
  readonly count: number;
  /** sizes[label] in voxels; sizes[0] is 0. */
  readonly sizes: Uint32Array;
  /** Index into the whole array of each run's first voxel, ascending. */
  readonly runStarts: Uint32Array;
  readonly runLengths: Uint32Array;
  /** Label of each run. */
  readonly runLabels: Uint32Array;
}

export interface ComponentOptions {
  /** Where to look; the whole array if left out. Runs and components end at its faces. */
  readonly box?: Box;
  /** 26 if left out. */
  readonly connectivity?: Connectivity;
}

/**
 * Labels the components of the voxels whose value is foreground.
 * @param values [i, j, k] at i + nx * (j + ny * k), fewer than 2^32 voxels
 * @param isForeground asked once for each of the 256 values
 */
export function connectedComponents(
  values: Uint8Array,
  shape: Vec3,
  isForeground: (value: number) => boolean,
  options: ComponentOptions = {},
): Components {
  const { box = { start: [0, 0, 0], size: shape }, connectivity = 26 } = options;
  const runs = findRuns(values, shape, box, isForeground);
  const parent = joinRuns(runs, box.size[1], connectivity);
  return numberComponents(runs, parent);
}

/** How many voxels of a box are foreground. */
export function foregroundVoxels(
  values: Uint8Array,
  shape: Vec3,
  isForeground: (value: number) => boolean,
  box: Box,
): number {
  return findRuns(values, shape, box, isForeground).lengths.reduce((sum, length) => sum + length, 0);
}

/** The component with the most voxels (of equals, the first); 0 when there is none. */
export function largestComponent(components: Components): number {
  let largest = 0;
  for (let label = 1; label <= components.count; label++) {
    if (components.sizes[label]! > components.sizes[largest]!) largest = label;
  }
  return largest;
}

/** Sets the voxels of each component to `value(label)`, or leaves them where that is null. */
export function paintComponents(
  values: Uint8Array | Uint16Array,
  components: Components,
  value: (label: number) => number | null,
): void {
  const paint = Array.from({ length: components.count + 1 }, (_, label) => (label === 0 ? null : value(label)));
  components.runLabels.forEach((label, run) => {
    const start = components.runStarts[run]!;
    const colour = paint[label];
    if (colour !== null && colour !== undefined) values.fill(colour, start, start + components.runLengths[run]!);
  });
}

/** The smallest box that holds a component of an array of `shape`; null where there is no such component. */
export function componentBox(components: Components, shape: Vec3, label: number): Box | null {
  const low = [Infinity, Infinity, Infinity] as [number, number, number];
  const high = [-1, -1, -1] as [number, number, number];
  components.runLabels.forEach((of, run) => {
    if (of !== label) return;
    const at = components.runStarts[run]!;
    const first = voxelAt(shape, at);
    for (const axis of [0, 1, 2] as const) {
      low[axis] = Math.min(low[axis], first[axis]);
      high[axis] = Math.max(high[axis], first[axis] + (axis === 0 ? components.runLengths[run]! - 1 : 0));
    }
  });
  if (high[0] < 0) return null;
  return { start: low, size: [high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1] };
}

/**
 * Of each component, the share of the voxel faces on its surface that a voxel of a kind lies behind; faces on the edge of the array
 * do not count. Not a number where there are none.
 * @param isInside whether a voxel is of a component: those next to one another are of the same
 * @param isOfKind asked of the voxels that are not
 */
export function sharesOfSurface(
  components: Components,
  shape: Vec3,
  isInside: (voxel: number) => boolean,
  isOfKind: (voxel: number) => boolean,
): Float64Array {
  const [nx, ny, nz] = shape;
  const faces = new Uint32Array(components.count + 1);
  const ofKind = new Uint32Array(components.count + 1);
  components.runStarts.forEach((start, run) => {
    const label = components.runLabels[run]!;
    const end = start + components.runLengths[run]!;
    const [i, j, k] = voxelAt(shape, start);
    const look = (from: number, to: number, step: number) => {
      for (let at = from + step; at < to + step; at++) {
        if (isInside(at)) continue;
        faces[label]!++;
        if (isOfKind(at)) ofKind[label]!++;
      }
    };
    if (i > 0) look(start, start + 1, -1);
    if (i + end - start < nx) look(end - 1, end, 1);
    if (j > 0) look(start, end, -nx);
    if (j < ny - 1) look(start, end, nx);
    if (k > 0) look(start, end, -nx * ny);
    if (k < nz - 1) look(start, end, nx * ny);
  });
  return Float64Array.from(faces, (count, label) => ofKind[label]! / count);
}

/**
 * Fills holes: 6-connected pockets of `isOpen` voxels that do not reach the faces of the box and hold at most
 * `largestVoxels`. Returns the number of voxels that were set to `fill`.
 */
export function fillHoles(
  values: Uint8Array,
  shape: Vec3,
  isOpen: (value: number) => boolean,
  fill: number,
  largestVoxels: number,
  box: Box = { start: [0, 0, 0], size: shape },
): number {
  const pockets = connectedComponents(values, shape, isOpen, { box, connectivity: 6 });
  const outside = touchingFaces(pockets, shape, box);
  let filled = 0;
  paintComponents(values, pockets, (label) => {
    if (outside[label] === 1 || pockets.sizes[label]! > largestVoxels) return null;
    filled += pockets.sizes[label]!;
    return fill;
  });
  return filled;
}

/** For each label, 1 when the component reaches a face of the box. */
function touchingFaces(components: Components, shape: Vec3, { start, size }: Box): Uint8Array {
  const touching = new Uint8Array(components.count + 1);
  components.runLabels.forEach((label, run) => {
    const at = components.runStarts[run]!;
    const [i, j, k] = subtract(voxelAt(shape, at), start);
    const last = i + components.runLengths[run]! - 1;
    if (i === 0 || j === 0 || k === 0 || last === size[0] - 1 || j === size[1] - 1 || k === size[2] - 1) {
      touching[label] = 1;
    }
  });
  return touching;
}

/** Runs in the order of memory. Row r = j + height * k of the box has the runs rowFirst[r] to rowFirst[r + 1]. */
interface Runs {
  readonly rowFirst: Uint32Array;
  /** Index into the whole array of each row's first voxel. */
  readonly rowStart: Uint32Array;
  /** First column of each run, counted from the row's first voxel. */
  readonly columns: Uint32Array;
  readonly lengths: Uint32Array;
}

function findRuns(
  values: Uint8Array,
  [nx, ny]: Vec3,
  { start, size: [width, height, depth] }: Box,
  isForeground: (value: number) => boolean,
): Runs {
  const foreground = Uint8Array.from({ length: 256 }, (_, value) => (isForeground(value) ? 1 : 0));
  const fours = inFours(values);
  const rows = height * depth;
  const rowFirst = new Uint32Array(rows + 1);
  const rowStart = new Uint32Array(rows);
  let columns = new Uint32Array(1024);
  let lengths = new Uint32Array(1024);
  let count = 0;
  for (let row = 0; row < rows; row++) {
    const first = start[0] + nx * (start[1] + (row % height) + ny * (start[2] + Math.floor(row / height)));
    rowFirst[row] = count;
    rowStart[row] = first;
    if (count + width > columns.length) {
      columns = enlarged(columns, count + width);
      lengths = enlarged(lengths, count + width);
    }
    const end = first + width;
    for (let at = first; at < end; ) {
      at = endOfStretch(at, end, 0);
      if (at === end) break;
      const from = at;
      at = endOfStretch(at, end, 1);
      columns[count] = from - first;
      lengths[count++] = at - from;
    }
  }
  rowFirst[rows] = count;
  return { rowFirst, rowStart, columns: columns.slice(0, count), lengths: lengths.slice(0, count) };

  /** The first voxel from `at` on that is foreground where `kind` is 0, or is not where it is 1. */
  function endOfStretch(at: number, end: number, kind: 0 | 1): number {
    while (at < end && foreground[values[at]!] === kind) {
      const alike = values[at]! * 0x01010101;
      at++;
      if (at % 4 !== 0) continue;
      while (at + 4 <= end && fours[at / 4] === alike) at += 4;
    }
    return at;
  }
}

/** The values four at a time: most neighbours are alike. Copies those that do not begin at a multiple of four. */
function inFours(values: Uint8Array): Uint32Array {
  const { buffer, byteOffset, length } = values;
  if (byteOffset % 4 !== 0) return inFours(values.slice());
  return new Uint32Array(buffer, byteOffset, Math.floor(length / 4));
}

function enlarged(array: Uint32Array<ArrayBuffer>, least: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(least, array.length * 2));
  larger.set(array);
  return larger;
}

/** Joins every run with its neighbours in the rows before its own. A component's root is its first run. */
function joinRuns(runs: Runs, height: number, connectivity: Connectivity): Uint32Array {
  const { rowFirst, columns, lengths } = runs;
  const parent = Uint32Array.from({ length: columns.length }, (_, run) => run);
  // Runs that end and start at diagonal corners are one column apart.
  const reach = connectivity === 26 ? 1 : 0;

  for (let row = 0; row < runs.rowStart.length; row++) {
    const j = row % height;
    const above = row - height;
    if (j > 0) joinRows(row, row - 1);
    if (above < 0) continue;
    joinRows(row, above);
    if (connectivity === 26 && j > 0) joinRows(row, above - 1);
    if (connectivity === 26 && j < height - 1) joinRows(row, above + 1);
  }
  return parent;

  function joinRows(row: number, other: number): void {
    let a = rowFirst[row]!;
    let b = rowFirst[other]!;
    const [endA, endB] = [rowFirst[row + 1]!, rowFirst[other + 1]!];
    while (a < endA && b < endB) {
      const lastA = columns[a]! + lengths[a]!;
      const lastB = columns[b]! + lengths[b]!;
      if (columns[a]! < lastB + reach && columns[b]! < lastA + reach) join(a, b);
      if (lastA < lastB) a++;
      else b++;
    }
  }

  function join(a: number, b: number): void {
    const rootA = find(a);
    const rootB = find(b);
    if (rootA < rootB) parent[rootB] = rootA;
    else parent[rootA] = rootB;
  }

  function find(run: number): number {
    let at = run;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]!]!;
      at = parent[at]!;
    }
    return at;
  }
}

function numberComponents({ rowFirst, rowStart, columns, lengths }: Runs, parent: Uint32Array): Components {
  const runLabels = new Uint32Array(parent.length);
  const runStarts = new Uint32Array(parent.length);
  let count = 0;
  let row = 0;
  for (let run = 0; run < parent.length; run++) {
    while (rowFirst[row + 1]! <= run) row++;
    runStarts[run] = rowStart[row]! + columns[run]!;
    // Parents come before their children, so theirs is numbered already.
    runLabels[run] = parent[run] === run ? ++count : runLabels[parent[run]!]!;
  }
  const sizes = new Uint32Array(count + 1);
  for (let run = 0; run < parent.length; run++) sizes[runLabels[run]!] = sizes[runLabels[run]!]! + lengths[run]!;
  return { count, sizes, runStarts, runLengths: lengths, runLabels };
}
