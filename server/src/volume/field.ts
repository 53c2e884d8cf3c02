import { areParallel, type Between, between, gridOfBox, type Steps, stepsBetween, toVoxel } from './geometry.ts';
import type { Box, Grid, Vec3 } from './volume.ts';

/** What a network leaves on its grid: value of channel c at voxel [x, y, z] is at c * n + x + nx * (y + ny * z). */
export interface Field {
  readonly grid: Grid;
  readonly channels: number;
  readonly values: Float32Array;
}

export interface FieldSlice {
  /** Slice index on the whole target grid. */
  readonly k: number;
  /** [channels, box.size[1], box.size[0]], columns fastest. The next slice overwrites it. */
  readonly values: Float32Array;
  /** Of each row j of channel c, at j + height * c: the column before which all values are zero, and the one from which on they are again. */
  readonly firsts: Int32Array;
  readonly ends: Int32Array;
}

/**
 * Reads a field at the voxels of a box of another grid, slice by slice: trilinear, and the field's outermost values
 * beyond its last voxels. Needs one slice of memory, so the caller decides there what to keep of it.
 * @param least of each channel: where all that a voxel would be made of is below this, the voxel may be zero instead
 */
export function* sampleField(
  field: Field,
  target: Grid,
  box: Box,
  least: readonly number[] = [],
): Generator<FieldSlice> {
  const [width, height, depth] = box.size;
  const values = new Float32Array(field.channels * width * height);
  const rows = field.channels * height;
  const [firsts, ends] = [new Int32Array(rows), new Int32Array(rows).fill(width)];
  const origin = toVoxel(field.grid, gridOfBox(target, box).originMm);
  const steps = stepsBetween(target, field.grid);
  const sampleSlice = areParallel(steps)
    ? parallelSampler(field, origin, steps, box.size, least)
    : sampler(field, origin, steps, box.size);
  for (let k = 0; k < depth; k++) {
    const slice = { k: box.start[2] + k, values, firsts, ends };
    sampleSlice(k, slice);
    yield slice;
  }
}

/** Makes the box's slice k of what was made of another. */
type SampleSlice = (k: number, slice: FieldSlice) => void;

/** One axis after the other: a voxel of the target takes one interpolation instead of seven. */
function parallelSampler(
  { grid, channels, values }: Field,
  origin: Vec3,
  steps: Steps,
  [width, height]: Vec3,
  least: readonly number[],
): SampleSlice {
  const [nx, ny, nz] = grid.shape;
  const columns = Array.from({ length: width }, (_, i) => between(origin[0] + i * steps[0][0], nx));
  const rows = Array.from({ length: height }, (_, j) => between(origin[1] + j * steps[1][1], ny));
  const at = Int32Array.from(columns, (column) => column.at);
  const next = Int32Array.from(columns, (column) => column.next);
  const shares = Float64Array.from(columns, (column) => column.share);
  const plane = new Float64Array(nx * ny);
  const line = new Float64Array(nx);
  const ofAll = extents({ grid, channels, values }, least);
  /** Of each row of the plane. */
  const [begins, stops] = [new Int32Array(ny), new Int32Array(ny)];
  return (k, slice) => {
    const z = between(origin[2] + k * steps[2][2], nz);
    for (let c = 0; c < channels; c++) {
      const [near, far] = [ny * (z.at + nz * c), ny * (z.next + nz * c)];
      for (let y = 0; y < ny; y++) {
        begins[y] = Math.min(ofAll.begins[near + y]!, ofAll.begins[far + y]!);
        stops[y] = Math.max(ofAll.stops[near + y]!, ofAll.stops[far + y]!);
      }
      readPlane(nx * near, nx * far, z.share);
      for (const [j, y] of rows.entries()) readRow(y, j + height * c, slice);
    }
  };

  /** Makes the plane what lies between two slices of a channel: in each row as far as a voxel of the target may touch it. */
  function readPlane(near: number, far: number, share: number): void {
    for (let y = 0; y < ny; y++) {
      const [below, above] = [Math.max(0, y - 1), Math.min(ny - 1, y + 1)];
      const begin = Math.max(0, Math.min(begins[below]!, begins[y]!, begins[above]!) - 1);
      const stop = nx * y + Math.min(nx, Math.max(stops[below]!, stops[y]!, stops[above]!) + 1);
      for (let n = nx * y + begin; n < stop; n++) {
        plane[n] = values[near + n]! + share * (values[far + n]! - values[near + n]!);
      }
    }
  }

  /** Makes a row of the target what lies between two rows of the plane. */
  function readRow(
    { at: near, next: far, share }: Between,
    row: number,
    { values: out, firsts, ends }: FieldSlice,
  ): void {
    const to = width * row;
    out.fill(0, to + firsts[row]!, to + ends[row]!);
    const begin = Math.min(begins[near]!, begins[far]!);
    const stop = Math.max(stops[near]!, stops[far]!);
    let first = 0;
    let end = begin < stop ? width : 0;
    while (first < end && !reaches(first, begin, stop)) first++;
    while (end > first && !reaches(end - 1, begin, stop)) end--;
    firsts[row] = first;
    ends[row] = end;
    if (first === end) return;
    // Columns lie beside what is within, too.
    for (let x = Math.max(0, begin - 1); x < Math.min(nx, stop + 1); x++) {
      const value = plane[nx * near + x]!;
      line[x] = value + share * (plane[nx * far + x]! - value);
    }
    for (let i = first; i < end; i++) {
      const value = line[at[i]!]!;
      out[to + i] = value + shares[i]! * (line[next[i]!]! - value);
    }
  }

  /** Whether a column lies beside one of the voxels from `begin` to `stop`. */
  function reaches(column: number, begin: number, stop: number): boolean {
    return next[column]! >= begin && at[column]! < stop;
  }
}

/** Of each row y + ny * (z + nz * channel): its first voxel that is not below the channel's least, and the one behind the last. */
function extents(
  { grid, channels, values }: Field,
  least: readonly number[],
): { begins: Int32Array; stops: Int32Array } {
  const [nx, ny, nz] = grid.shape;
  const begins = new Int32Array(ny * nz * channels);
  const stops = new Int32Array(ny * nz * channels);
  for (let row = 0; row < begins.length; row++) {
    const limit = least[Math.floor(row / (ny * nz))] ?? Number.NEGATIVE_INFINITY;
    let begin = nx * row;
    let stop = begin + nx;
    while (begin < stop && values[begin]! < limit) begin++;
    while (stop > begin && values[stop - 1]! < limit) stop--;
    begins[row] = begin < stop ? begin - nx * row : nx;
    stops[row] = begin < stop ? stop - nx * row : 0;
  }
  return { begins, stops };
}

function sampler({ grid, values }: Field, origin: Vec3, [di, dj, dk]: Steps, [width, height]: Vec3): SampleSlice {
  const [nx, ny, nz] = grid.shape;
  const perChannel = nx * ny * nz;
  const perSlice = width * height;
  return (k, { values: out }) => {
    for (let j = 0; j < height; j++) {
      const x0 = origin[0] + j * dj[0] + k * dk[0];
      const y0 = origin[1] + j * dj[1] + k * dk[1];
      const z0 = origin[2] + j * dj[2] + k * dk[2];
      for (let i = 0; i < width; i++) {
        const x = Math.min(Math.max(x0 + i * di[0], 0), nx - 1);
        const y = Math.min(Math.max(y0 + i * di[1], 0), ny - 1);
        const z = Math.min(Math.max(z0 + i * di[2], 0), nz - 1);
        const xi = x | 0;
        const yi = y | 0;
        const zi = z | 0;
        const fx = x - xi;
        const fy = y - yi;
        const fz = z - zi;
        const nextX = xi < nx - 1 ? 1 : 0;
        const nextY = yi < ny - 1 ? nx : 0;
        const nextZ = zi < nz - 1 ? nx * ny : 0;
        let at = xi + nx * (yi + ny * zi);
        for (let to = j * width + i; to < out.length; to += perSlice, at += perChannel) {
          const bAt = at + nextY;
          const cAt = at + nextZ;
          const dAt = cAt + nextY;
          const a = values[at]! + fx * (values[at + nextX]! - values[at]!);
          const b = values[bAt]! + fx * (values[bAt + nextX]! - values[bAt]!);
          const c = values[cAt]! + fx * (values[cAt + nextX]! - values[cAt]!);
          const d = values[dAt]! + fx * (values[dAt + nextX]! - values[dAt]!);
          const near = a + fy * (b - a);
          out[to] = near + fz * (c + fy * (d - c) - near);
        }
      }
    }
  };
}
