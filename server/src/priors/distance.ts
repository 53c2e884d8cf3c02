import type { Vec3 } from '../volume/volume.ts';

/**
 * Signed distance to the surface of a shape made of cubes, in voxels: negative inside. The surface lies half way
 * between the centres of a voxel inside and its neighbour outside. Exact squared distances by lower envelopes of
 * parabolas, one axis after the other (Felzenszwalb and Huttenlocher, Theory of Computing 8, 2012).
 * @param inside 1 within the shape, [i, j, k] at i + nx * (j + ny * k); at least one voxel of each kind
 */
export function signedDistance(inside: Uint8Array, shape: Vec3): Float32Array {
  const toInside = squaredDistances(inside, shape, 1);
  const toOutside = squaredDistances(inside, shape, 0);
  return toInside.map((squared, at) => (inside[at] === 1 ? 0.5 - Math.sqrt(toOutside[at]!) : Math.sqrt(squared) - 0.5));
}

const FAR = 1e9;

/** Squared distance of each voxel to the nearest one of `value`. */
function squaredDistances(values: Uint8Array, [nx, ny, nz]: Vec3, value: 0 | 1): Float32Array {
  const out = Float32Array.from(values, (each) => (each === value ? 0 : FAR));
  const longest = Math.max(nx, ny, nz);
  const work = { line: new Float64Array(longest), at: new Int32Array(longest), from: new Float64Array(longest + 1) };
  for (let k = 0; k < nz; k++) for (let j = 0; j < ny; j++) alongLine(out, nx * (j + ny * k), 1, nx, work);
  for (let k = 0; k < nz; k++) for (let i = 0; i < nx; i++) alongLine(out, i + nx * ny * k, nx, ny, work);
  for (let j = 0; j < ny; j++) for (let i = 0; i < nx; i++) alongLine(out, i + nx * j, nx * ny, nz, work);
  return out;
}

interface Work {
  readonly line: Float64Array;
  /** Place of each parabola of the envelope, and from where on it is the lowest. */
  readonly at: Int32Array;
  readonly from: Float64Array;
}

function alongLine(values: Float32Array, start: number, stride: number, n: number, { line, at, from }: Work): void {
  for (let q = 0; q < n; q++) line[q] = values[start + q * stride]!;
  let last = 0;
  at[0] = 0;
  from[0] = Number.NEGATIVE_INFINITY;
  for (let q = 1; q < n; q++) {
    let meets = meeting(line, at[last]!, q);
    while (meets <= from[last]!) {
      last--;
      meets = meeting(line, at[last]!, q);
    }
    last++;
    at[last] = q;
    from[last] = meets;
  }
  from[last + 1] = Number.POSITIVE_INFINITY;
  for (let q = 0, lowest = 0; q < n; q++) {
    while (from[lowest + 1]! < q) lowest++;
    const p = at[lowest]!;
    values[start + q * stride] = (q - p) ** 2 + line[p]!;
  }
}

/** Where the parabola over q begins to be lower than the one over p < q. */
function meeting(line: Float64Array, p: number, q: number): number {
  return (line[q]! + q * q - (line[p]! + p * p)) / (2 * (q - p));
}
