import { gridOfBox, intersect, stepsBetween, toPatient, toVoxel } from './geometry.ts';
import type { Box, Grid, Vec3, Volume } from './volume.ts';

/** Values on a grid that is read between its voxels: [i, j, k] at i + nx * (j + ny * k). */
interface Samples {
  readonly grid: Grid;
  readonly values: Int16Array | Float32Array;
}

export interface ResampleOptions {
  /** Value of target voxels whose centre is outside the source. Air, -1024 HU, if left out. */
  readonly background?: number;
}

/**
 * HU on another grid, which may be rotated against the volume's: [i, j, k] of the target at i + nx * (j + ny * k).
 * Where the target is coarser than the source, source voxels are first averaged in whole blocks, so that nothing between
 * the target's voxels is lost; then trilinear. Only the part of the source around the target is read.
 * Needs 4 bytes a target voxel and, while it runs, 4 bytes a block.
 */
export function resampleHu(volume: Volume, target: Grid, { background = -1024 }: ResampleOptions = {}): Float32Array {
  const out = new Float32Array(target.shape[0] * target.shape[1] * target.shape[2]).fill(background);
  const factors = blockFactors(volume.grid, target);
  const needed = neededBox(volume.grid, target, factors);
  if (needed === null) return out;
  const averaged = factors.some((factor) => factor > 1);
  const samples: Samples = averaged ? averageBlocks(volume, needed, factors) : { grid: volume.grid, values: volume.hu };
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
  const last = target.shape.map((n) => n - 1);
  const points = Array.from({ length: 8 }, (_, n) =>
    toVoxel(source, toPatient(target, [n & 1 ? last[0]! : 0, n & 2 ? last[1]! : 0, n & 4 ? last[2]! : 0])),
  );
  const start: number[] = [];
  const size: number[] = [];
  for (const [axis, factor] of factors.entries()) {
    const along = points.map((point) => point[axis]!);
    const first = Math.floor((Math.min(...along) - factor) / factor) * factor;
    start.push(first);
    size.push(Math.ceil((Math.max(...along) + factor + 1 - first) / factor) * factor);
  }
  return intersect(
    { start: start as unknown as Vec3, size: size as unknown as Vec3 },
    {
      start: [0, 0, 0],
      size: source.shape,
    },
  );
}

/** Means of the box's blocks; a block that the volume's far face cuts is the mean of what is left of it. */
function averageBlocks({ grid, hu }: Volume, box: Box, [fi, fj, fk]: Vec3): Samples {
  const [nx, ny] = grid.shape;
  const [width, height, depth] = box.size;
  const shape: Vec3 = [Math.ceil(width / fi), Math.ceil(height / fj), Math.ceil(depth / fk)];
  const wholeBlocks = Math.floor(width / fi);
  const values = new Float32Array(shape[0] * shape[1] * shape[2]);
  const sums = new Int32Array(shape[0]);
  let to = 0;
  for (let bk = 0; bk < shape[2]; bk++) {
    const endK = Math.min(depth, (bk + 1) * fk);
    for (let bj = 0; bj < shape[1]; bj++) {
      const endJ = Math.min(height, (bj + 1) * fj);
      sums.fill(0);
      for (let k = bk * fk; k < endK; k++) {
        for (let j = bj * fj; j < endJ; j++) {
          let from = box.start[0] + nx * (box.start[1] + j + ny * (box.start[2] + k));
          for (let bi = 0; bi < wholeBlocks; bi++) {
            let sum = 0;
            for (const end = from + fi; from < end; from++) sum += hu[from]!;
            sums[bi] = sums[bi]! + sum;
          }
          for (let i = wholeBlocks * fi; i < width; i++) sums[wholeBlocks] = sums[wholeBlocks]! + hu[from++]!;
        }
      }
      const rows = (endK - bk * fk) * (endJ - bj * fj);
      for (let bi = 0; bi < wholeBlocks; bi++) values[to++] = sums[bi]! / (rows * fi);
      if (wholeBlocks < shape[0]) values[to++] = sums[wholeBlocks]! / (rows * (width - wholeBlocks * fi));
    }
  }
  const centre: Vec3 = [box.start[0] + (fi - 1) / 2, box.start[1] + (fj - 1) / 2, box.start[2] + (fk - 1) / 2];
  const [si, sj, sk] = grid.spacingMm;
  return {
    grid: { ...grid, shape, spacingMm: [si * fi, sj * fj, sk * fk], originMm: toPatient(grid, centre) },
    values,
  };
}

/** Writes the target voxels whose centre lies within the voxels of `limits`, faces included; leaves the others. */
function sampleTrilinear({ grid, values }: Samples, limits: Grid, target: Grid, out: Float32Array): void {
  const [nx, ny, nz] = grid.shape;
  const [width, height, depth] = target.shape;
  const origin = toVoxel(grid, target.originMm);
  const [di, dj, dk] = stepsBetween(target, grid);
  // The same three indices on `limits`, as scale and offset: the two grids have the same axes.
  const ratio = [0, 1, 2].map((axis) => grid.spacingMm[axis]! / limits.spacingMm[axis]!);
  const shift = toVoxel(limits, grid.originMm);
  const low = [0, 1, 2].map((axis) => (-0.5 - EDGE - shift[axis]!) / ratio[axis]!);
  const high = [0, 1, 2].map((axis) => (limits.shape[axis]! - 0.5 + EDGE - shift[axis]!) / ratio[axis]!);
  const [lowX, lowY, lowZ] = low as [number, number, number];
  const [highX, highY, highZ] = high as [number, number, number];
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
}

/**
 * Reads a field at the voxels of a box of another grid, slice by slice: trilinear, and the field's outermost values
 * beyond its last voxels. Needs one slice of memory, so the caller decides there what to keep of it.
 */
export function* sampleField(field: Field, target: Grid, box: Box): Generator<FieldSlice> {
  const { grid, channels, values } = field;
  const [nx, ny, nz] = grid.shape;
  const [width, height, depth] = box.size;
  const perChannel = nx * ny * nz;
  const perSlice = width * height;
  const out = new Float32Array(channels * perSlice);
  const origin = toVoxel(grid, gridOfBox(target, box).originMm);
  const steps = stepsBetween(target, grid);
  for (let k = 0; k < depth; k++) {
    sampleSlice(k);
    yield { k: box.start[2] + k, values: out };
  }

  function sampleSlice(k: number): void {
    const [di, dj, dk] = steps;
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
  }
}
