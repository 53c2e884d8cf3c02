import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Vec3 } from '../../volume/volume.ts';
import { type HuTransform, scanTransform, transformed } from '../intensity.ts';
import type { Stage } from '../manifest.ts';
import type { NetworkAxes } from './axes.ts';
import { coarseAxis, type Line, linesBetween, resampleRows, resizedCount } from './resize.ts';

/** What the windows of a network slide over: [z, y, x] on its own grid, at least a window along each axis. */
export interface NetworkInput {
  /** Voxels of the grid along x, y, z, without what was put around it to fill a window. */
  readonly inner: Vec3;
  /** Voxels before the grid's first along x, y, z. */
  readonly before: Vec3;
  readonly shape: Vec3;
  readonly values: Float32Array;
}

const IDENTITY: HuTransform = { low: -Infinity, high: Infinity, centre: 0, scale: 1 };

/**
 * A scan as the network's makers prepare it: intensities and resampling in their order, and zeros around it where it is
 * smaller than a window. Needs 4 bytes for each voxel of the scan or of the network's grid, whichever has more.
 * @throws the signal's reason when cancelled
 */
export async function networkInput(
  hu: Int16Array,
  axes: NetworkAxes,
  { intensity, spacingMm, windowVoxels, wholeScan }: Stage,
  signal: AbortSignal,
): Promise<NetworkInput> {
  const { conventions, resampling } = wholeScan!;
  const before = conventions === 'nnunet';
  const count = (axis: 0 | 1 | 2) => resizedCount(conventions, axes.shape[axis], axes.spacingMm[axis], spacingMm[axis]);
  const inner: Vec3 = [count(0), count(1), count(2)];
  const lines = linesBetween(conventions, resampling.hu, [axes.shape, axes.spacingMm], [inner, spacingMm]);
  const apart = coarseAxis(resampling.hu, axes.spacingMm, spacingMm);
  const transform = before ? scanTransform(intensity, voxelsOf(hu, axes)) : IDENTITY;
  const values = await resized(hu, axes, lines, transform, apart, signal);
  if (!before) {
    const after = scanTransform(intensity, values);
    for (let n = 0; n < values.length; n++) values[n] = transformed(after, values[n]!);
  }
  return filled(values, inner, windowVoxels);
}

/** The voxels of the axes in their own order; the values themselves where that is all of them. */
function voxelsOf(hu: Int16Array, { shape: [nx, ny, nz], first, steps }: NetworkAxes): Int16Array {
  if (nx * ny * nz === hu.length) return hu;
  const voxels = new Int16Array(nx * ny * nz);
  let to = 0;
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      let from = first + y * steps[1] + z * steps[2];
      for (let x = 0; x < nx; x++, from += steps[0]) voxels[to++] = hu[from]!;
    }
  }
  return voxels;
}

/**
 * [z, y, x] on the new grid. Slices across `apart` are each resampled and kept within their own values first; without
 * such an axis the scan is, in one piece.
 */
async function resized(
  hu: Int16Array,
  { shape, first, steps }: NetworkAxes,
  lines: readonly [Line, Line, Line],
  transform: HuTransform,
  apart: 0 | 1 | 2 | null,
  signal: AbortSignal,
): Promise<Float32Array> {
  // The axis apart comes last, as z does without one.
  const [a, b, c] = apart === 0 ? ([1, 2, 0] as const) : apart === 1 ? ([0, 2, 1] as const) : ([0, 1, 2] as const);
  const [alongA, alongB, alongC] = [lines[a], lines[b], lines[c]];
  const across = alongA.to * alongB.to;
  const out = new Float32Array(across * Math.max(alongC.from, alongC.to));
  const rows = new Float32Array(Math.max(alongA.from, alongA.to) * shape[b]);
  const slice = new Float32Array(alongA.to * Math.max(alongB.from, alongB.to));
  const all = { low: Infinity, high: -Infinity };
  for (let k = 0; k < shape[c]; k++) {
    if (k % 8 === 0) await nextTurn();
    signal.throwIfAborted();
    const own = { low: Infinity, high: -Infinity };
    for (let i = 0; i < shape[a]; i++) {
      let from = first + i * steps[a] + k * steps[c];
      for (let j = 0; j < shape[b]; j++, from += steps[b]) {
        const value = Math.fround(transformed(transform, hu[from]!));
        if (value < own.low) own.low = value;
        if (value > own.high) own.high = value;
        rows[i * shape[b] + j] = value;
      }
    }
    resampleRows(rows, shape[b], alongA);
    for (let i = 0; i < alongA.to; i++) {
      for (let j = 0; j < shape[b]; j++) slice[j * alongA.to + i] = rows[i * shape[b] + j]!;
    }
    resampleRows(slice, alongA.to, alongB);
    const done = slice.subarray(0, across);
    if (apart !== null) keepWithin(done, own);
    all.low = Math.min(all.low, own.low);
    all.high = Math.max(all.high, own.high);
    out.set(done, k * across);
  }
  await nextTurn();
  resampleRows(out, across, alongC);
  const result = out.subarray(0, across * alongC.to);
  if (apart === null) keepWithin(result, all);
  return c === 2 ? result : inOrder(result, [alongA.to, alongB.to, alongC.to], [a, b, c]);
}

/** A spline swings over edges: nothing may leave the range that its samples had. */
function keepWithin(values: Float32Array, { low, high }: { low: number; high: number }): void {
  for (let n = 0; n < values.length; n++) {
    const value = values[n]!;
    values[n] = value < low ? low : value > high ? high : value;
  }
}

/** [c, b, a] to [z, y, x], where axis n of the counts is axis order[n] of the grid. */
function inOrder(values: Float32Array, counts: Vec3, order: readonly [0 | 1 | 2, 0 | 1 | 2, 0 | 1 | 2]): Float32Array {
  const shape = [0, 0, 0];
  order.forEach((axis, n) => {
    shape[axis] = counts[n]!;
  });
  const strides = [1, shape[0]!, shape[0]! * shape[1]!];
  const [stepA, stepB, stepC] = [strides[order[0]]!, strides[order[1]]!, strides[order[2]]!];
  const out = new Float32Array(values.length);
  let from = 0;
  for (let k = 0; k < counts[2]; k++) {
    for (let j = 0; j < counts[1]; j++) {
      for (let i = 0; i < counts[0]; i++) out[i * stepA + j * stepB + k * stepC] = values[from++]!;
    }
  }
  return out;
}

function filled(values: Float32Array, inner: Vec3, window: Vec3): NetworkInput {
  const lacking = (axis: 0 | 1 | 2) => Math.max(0, window[axis] - inner[axis]);
  const before: Vec3 = [lacking(0) >> 1, lacking(1) >> 1, lacking(2) >> 1];
  const shape: Vec3 = [inner[0] + lacking(0), inner[1] + lacking(1), inner[2] + lacking(2)];
  if (shape.every((n, axis) => n === inner[axis])) return { inner, before, shape, values };
  const larger = new Float32Array(shape[0] * shape[1] * shape[2]);
  for (let z = 0; z < inner[2]; z++) {
    for (let y = 0; y < inner[1]; y++) {
      const from = inner[0] * (y + inner[1] * z);
      larger.set(
        values.subarray(from, from + inner[0]),
        before[0] + shape[0] * (before[1] + y + shape[1] * (before[2] + z)),
      );
    }
  }
  return { inner, before, shape, values: larger };
}
