import { areParallel, between, intersect, type Steps, stepsBetween, toPatient, toVoxel, wholeBox } from './geometry.ts';
import type { Box, Grid, Vec3, Volume } from './volume.ts';

/** Values on a grid that is read between its voxels. */
interface Samples {
  readonly grid: Grid;
  /** Those of slice k: [i, j] at i + nx * j. Good until another is asked for. */
  readonly slice: (k: number) => Int16Array | Float32Array;
  /** All of them: [i, j, k] at i + nx * (j + ny * k). */
  readonly all: () => Int16Array | Float32Array;
}

export interface ResampleOptions {
  /** Value of target voxels whose centre is outside the source. Air, -1024 HU, if left out. */
  readonly background?: number;
}

/**
 * HU on another grid, which may be rotated against the volume's: [i, j, k] of the target at i + nx * (j + ny * k).
 * Where the target is coarser than the source, source voxels are first averaged in whole blocks, so that nothing between
 * the target's voxels is lost; then trilinear. Only the part of the source around the target is read.
 * Needs 4 bytes a target voxel and, while it runs, 4 bytes a block of one slice; of all slices where the target is rotated.
 */
export function resampleHu(volume: Volume, target: Grid, { background = -1024 }: ResampleOptions = {}): Float32Array {
  const out = new Float32Array(target.shape[0] * target.shape[1] * target.shape[2]).fill(background);
  const factors = blockFactors(volume.grid, target);
  const needed = neededBox(volume.grid, target, factors);
  if (needed === null) return out;
  const averaged = factors.some((factor) => factor > 1);
  const samples = averaged ? averagesOfBlocks(volume, needed, factors) : samplesOf(volume);
  sampleTrilinear(samples, volume.grid, target, out);
  return out;
}

/** Source voxels a block holds along each source axis: the target's spacing in that direction, rounded down. */
function blockFactors(source: Grid, target: Grid): Vec3 {
  const steps = stepsBetween(source, target);
  // A source step's length in target voxels; its inverse is how many source voxels fit in one target voxel.
  const factor = ([a, b, c]: Vec3) => Math.max(1, Math.floor(1 / Math.hypot(a, b, c) + 1e-6));
  return [factor(steps[0]), factor(steps[1]), factor(steps[2])];
}

/** The source voxels, in whole blocks counted from the first voxel, that the target's voxels can touch. */
function neededBox(source: Grid, target: Grid, factors: Vec3): Box | null {
  const [lastI, lastJ, lastK] = [target.shape[0] - 1, target.shape[1] - 1, target.shape[2] - 1];
  const corners = Array.from({ length: 8 }, (_, n) =>
    toVoxel(source, toPatient(target, [n & 1 ? lastI : 0, n & 2 ? lastJ : 0, n & 4 ? lastK : 0])),
  );
  const along = (axis: 0 | 1 | 2) => {
    const factor = factors[axis];
    const indices = corners.map((corner) => corner[axis]);
    const first = Math.floor((Math.min(...indices) - factor) / factor) * factor;
    return { first, count: Math.ceil((Math.max(...indices) + factor + 1 - first) / factor) * factor };
  };
  const [i, j, k] = [along(0), along(1), along(2)];
  const box: Box = { start: [i.first, j.first, k.first], size: [i.count, j.count, k.count] };
  return intersect(box, wholeBox(source));
}

function samplesOf({ grid, hu }: Volume): Samples {
  const perSlice = grid.shape[0] * grid.shape[1];
  return { grid, slice: (k) => hu.subarray(k * perSlice, (k + 1) * perSlice), all: () => hu };
}

/** Means of the box's blocks; a block that the volume's far face cuts is the mean of what is left of it. */
function averagesOfBlocks({ grid, hu }: Volume, box: Box, [fi, fj, fk]: Vec3): Samples {
  const [nx, ny] = grid.shape;
  const [width, height, depth] = box.size;
  const shape: Vec3 = [Math.ceil(width / fi), Math.ceil(height / fj), Math.ceil(depth / fk)];
  const perSlice = shape[0] * shape[1];
  const sums = new Int32Array(shape[0]);
  const average = (bk: number, into: Float32Array) => {
    const endK = Math.min(depth, (bk + 1) * fk);
    let to = 0;
    for (let bj = 0; bj < shape[1]; bj++) {
      const endJ = Math.min(height, (bj + 1) * fj);
      sums.fill(0);
      for (let k = bk * fk; k < endK; k++) {
        for (let j = bj * fj; j < endJ; j++) {
          const row = box.start[0] + nx * (box.start[1] + j + ny * (box.start[2] + k));
          addToBlocks(hu, row, width, fi, sums);
        }
      }
      const rows = (endK - bk * fk) * (endJ - bj * fj);
      for (let bi = 0; bi < sums.length; bi++) {
        into[to++] = sums[bi]! / (rows * (Math.min(width, (bi + 1) * fi) - bi * fi));
      }
    }
    return into;
  };
  const centre: Vec3 = [box.start[0] + (fi - 1) / 2, box.start[1] + (fj - 1) / 2, box.start[2] + (fk - 1) / 2];
  const [si, sj, sk] = grid.spacingMm;
  const one = new Float32Array(perSlice);
  return {
    grid: { ...grid, shape, spacingMm: [si * fi, sj * fj, sk * fk], originMm: toPatient(grid, centre) },
    slice: (k) => average(k, one),
    all: () => {
      const values = new Float32Array(perSlice * shape[2]);
      for (let k = 0; k < shape[2]; k++) average(k, values.subarray(k * perSlice, (k + 1) * perSlice));
      return values;
    },
  };
}

/**
 * Adds a row's voxels to the sums of the blocks that they lie in. Most blocks hold two, three or four of a row: a loop over so
 * few takes longer than they do.
 */
function addToBlocks(hu: Int16Array, first: number, width: number, edge: number, sums: Int32Array): void {
  const whole = Math.floor(width / edge);
  let at = first;
  if (edge === 2) {
    for (let n = 0; n < whole; n++, at += 2) sums[n] = sums[n]! + hu[at]! + hu[at + 1]!;
  } else if (edge === 3) {
    for (let n = 0; n < whole; n++, at += 3) sums[n] = sums[n]! + hu[at]! + hu[at + 1]! + hu[at + 2]!;
  } else if (edge === 4) {
    for (let n = 0; n < whole; n++, at += 4) sums[n] = sums[n]! + hu[at]! + hu[at + 1]! + hu[at + 2]! + hu[at + 3]!;
  } else {
    for (let n = 0; n < whole; n++) {
      let sum = 0;
      for (const end = at + edge; at < end; at++) sum += hu[at]!;
      sums[n] = sums[n]! + sum;
    }
  }
  for (const end = first + width; at < end; at++) sums[whole] = sums[whole]! + hu[at]!;
}

/** Writes the target voxels whose centre lies within the voxels of `limits`, faces included; leaves the others. */
function sampleTrilinear(samples: Samples, limits: Grid, target: Grid, out: Float32Array): void {
  const { grid } = samples;
  const steps = stepsBetween(target, grid);
  // Limits' faces as indices on the samples' grid: the two grids have the same axes.
  const last = limits.shape;
  const reading: Reading = {
    samples,
    shape: target.shape,
    origin: toVoxel(grid, target.originMm),
    steps,
    low: toVoxel(grid, toPatient(limits, [-0.5 - EDGE, -0.5 - EDGE, -0.5 - EDGE])),
    high: toVoxel(grid, toPatient(limits, [last[0] - 0.5 + EDGE, last[1] - 0.5 + EDGE, last[2] - 0.5 + EDGE])),
  };
  if (areParallel(steps)) sampleAlongAxes(reading, out);
  else sampleVoxels(reading, out);
}

/** Where the target's voxels lie between the samples, as indices on the samples' grid. */
interface Reading {
  readonly samples: Samples;
  /** Of the target. */
  readonly shape: Vec3;
  readonly origin: Vec3;
  readonly steps: Steps;
  /** What is below or above is left. */
  readonly low: Vec3;
  readonly high: Vec3;
}

/** Along one axis, the target's voxels `first` to `end` that are read, and between which samples each lies. */
function placesAlong(axis: 0 | 1 | 2, { samples, shape, origin, steps, low, high }: Reading) {
  const count = samples.grid.shape[axis];
  const [at, next, shares] = [new Int32Array(shape[axis]), new Int32Array(shape[axis]), new Float64Array(shape[axis])];
  let [first, end] = [shape[axis], 0];
  for (let n = 0; n < shape[axis]; n++) {
    const place = origin[axis] + n * steps[axis][axis]!;
    if (place < low[axis] || place > high[axis]) continue;
    first = Math.min(first, n);
    end = n + 1;
    const voxels = between(place, count);
    at[n] = voxels.at;
    next[n] = voxels.next;
    shares[n] = voxels.share;
  }
  return { at, next, shares, first, end };
}

/** One axis after the other: a voxel takes one interpolation instead of seven, and gets the same value. */
function sampleAlongAxes(reading: Reading, out: Float32Array): void {
  const { samples } = reading;
  const [nx] = samples.grid.shape;
  const [width, height] = reading.shape;
  const [x, y, z] = [placesAlong(0, reading), placesAlong(1, reading), placesAlong(2, reading)];
  if (x.first >= x.end || y.first >= y.end) return;
  const edges = [y.at[y.first]!, y.at[y.end - 1]!, y.next[y.first]!, y.next[y.end - 1]!];
  const [firstRow, lastRow] = [Math.min(...edges), Math.max(...edges)];
  const lines = new Float64Array(width * (lastRow - firstRow + 1));
  /** Reads a slice of the samples at the target's columns and rows. */
  const readPlane = (slice: number, plane: Float64Array): void => {
    const values = samples.slice(slice);
    for (let row = firstRow; row <= lastRow; row++) {
      const from = nx * row;
      const to = width * (row - firstRow);
      for (let i = x.first; i < x.end; i++) {
        const value = values[from + x.at[i]!]!;
        lines[to + i] = value + x.shares[i]! * (values[from + x.next[i]!]! - value);
      }
    }
    for (let j = y.first; j < y.end; j++) {
      const near = width * (y.at[j]! - firstRow);
      const far = width * (y.next[j]! - firstRow);
      for (let i = x.first; i < x.end; i++) {
        plane[width * j + i] = lines[near + i]! + y.shares[j]! * (lines[far + i]! - lines[near + i]!);
      }
    }
  };
  /** Of the two slices that were read last. */
  const planes = Array.from({ length: 2 }, () => ({ slice: -1, values: new Float64Array(width * height) }));
  const planeOf = (slice: number, other: number): Float64Array => {
    const plane = planes.find((each) => each.slice === slice) ?? planes.find((each) => each.slice !== other)!;
    if (plane.slice !== slice) readPlane(slice, plane.values);
    plane.slice = slice;
    return plane.values;
  };
  for (let k = z.first; k < z.end; k++) {
    const near = planeOf(z.at[k]!, z.next[k]!);
    const far = planeOf(z.next[k]!, z.at[k]!);
    for (let j = y.first; j < y.end; j++) {
      const row = width * j;
      const to = width * (j + height * k);
      for (let i = x.first; i < x.end; i++)
        out[to + i] = near[row + i]! + z.shares[k]! * (far[row + i]! - near[row + i]!);
    }
  }
}

/** The same for grids that are turned against each other. */
function sampleVoxels(
  { samples: { grid, all }, shape, origin, steps: [di, dj, dk], low, high }: Reading,
  out: Float32Array,
): void {
  const values = all();
  const [nx, ny, nz] = grid.shape;
  const [width, height, depth] = shape;
  const [lowX, lowY, lowZ] = low;
  const [highX, highY, highZ] = high;
  const slice = nx * ny;
  let to = 0;
  for (let k = 0; k < depth; k++) {
    for (let j = 0; j < height; j++) {
      const x0 = origin[0] + j * dj[0] + k * dk[0];
      const y0 = origin[1] + j * dj[1] + k * dk[1];
      const z0 = origin[2] + j * dj[2] + k * dk[2];
      for (let i = 0; i < width; i++, to++) {
        let x = x0 + i * di[0];
        let y = y0 + i * di[1];
        let z = z0 + i * di[2];
        if (x < lowX || x > highX || y < lowY || y > highY || z < lowZ || z > highZ) continue;
        x = x < 0 ? 0 : x > nx - 1 ? nx - 1 : x;
        y = y < 0 ? 0 : y > ny - 1 ? ny - 1 : y;
        z = z < 0 ? 0 : z > nz - 1 ? nz - 1 : z;
        const xi = x | 0;
        const yi = y | 0;
        const zi = z | 0;
        const fx = x - xi;
        const fy = y - yi;
        const fz = z - zi;
        const at = xi + nx * yi + slice * zi;
        const nextX = xi < nx - 1 ? 1 : 0;
        const nextY = yi < ny - 1 ? nx : 0;
        const nextZ = zi < nz - 1 ? slice : 0;
        const a = values[at]! + fx * (values[at + nextX]! - values[at]!);
        const bAt = at + nextY;
        const b = values[bAt]! + fx * (values[bAt + nextX]! - values[bAt]!);
        const cAt = at + nextZ;
        const c = values[cAt]! + fx * (values[cAt + nextX]! - values[cAt]!);
        const dAt = cAt + nextY;
        const d = values[dAt]! + fx * (values[dAt + nextX]! - values[dAt]!);
        const near = a + fy * (b - a);
        out[to] = near + fz * (c + fy * (d - c) - near);
      }
    }
  }
}

/** Slack, in voxels, so that a target voxel on the source's very face is inside despite rounding. */
const EDGE = 1e-6;
