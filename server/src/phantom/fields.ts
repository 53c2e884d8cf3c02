import type { Random } from './random.ts';

/** A smooth random function of a point in mm, repeated every 32 cells; mean 0, standard deviation near 1. */
export type Texture = (x: number, y: number, z: number) => number;

const CELLS = 32;
const WRAP = CELLS - 1;

/** Value noise: normal values on a lattice with `cellMm` between its points, joined by smoothstep weights. */
export function makeTexture(random: Random, cellMm: number): Texture {
  const lattice = new Float32Array(CELLS ** 3).map(() => random.normal(0, 1.8));
  const scale = 1 / cellMm;
  return (x, y, z) => {
    const u = x * scale;
    const v = y * scale;
    const w = z * scale;
    const fu = Math.floor(u);
    const fv = Math.floor(v);
    const fw = Math.floor(w);
    const tu = smooth(u - fu);
    const tv = smooth(v - fv);
    const tw = smooth(w - fw);
    const i0 = fu & WRAP;
    const i1 = (fu + 1) & WRAP;
    const j0 = (fv & WRAP) * CELLS;
    const j1 = ((fv + 1) & WRAP) * CELLS;
    const k0 = (fw & WRAP) * CELLS * CELLS;
    const k1 = ((fw + 1) & WRAP) * CELLS * CELLS;
    const near = mix(
      mix(lattice[k0 + j0 + i0]!, lattice[k0 + j0 + i1]!, tu),
      mix(lattice[k0 + j1 + i0]!, lattice[k0 + j1 + i1]!, tu),
      tv,
    );
    const far = mix(
      mix(lattice[k1 + j0 + i0]!, lattice[k1 + j0 + i1]!, tu),
      mix(lattice[k1 + j1 + i0]!, lattice[k1 + j1 + i1]!, tu),
      tv,
    );
    return mix(near, far, tw);
  };
}

const smooth = (t: number) => t * t * (3 - 2 * t);
const mix = (a: number, b: number, t: number) => a + (b - a) * t;

/** A displacement of points that makes straight shapes look grown. */
export interface Warp {
  /** Writes the displacement at (x, y, z) into `out` as [dx, dy, dz], in mm. */
  displace(x: number, y: number, z: number, out: Float64Array): void;
}

const WARP_STEP_MM = 10;
const WARP_SHAPE = [64, 56, 96] as const;

/**
 * Octaves of displacement, tabulated every 10 mm around the origin and joined linearly; beyond the table its edge goes on.
 * Extremes are cut off at 10 mm, so that no organ is torn.
 */
export function makeWarp(random: Random, amplitudesMm: readonly { cellMm: number; amplitudeMm: number }[]): Warp {
  const [nx, ny, nz] = WARP_SHAPE;
  const table = new Float32Array(3 * nx * ny * nz);
  for (const { cellMm, amplitudeMm } of amplitudesMm) {
    for (let axis = 0; axis < 3; axis++) {
      const texture = makeTexture(random, cellMm);
      for (let k = 0, at = axis; k < nz; k++) {
        for (let j = 0; j < ny; j++) {
          for (let i = 0; i < nx; i++, at += 3) {
            table[at]! += amplitudeMm * texture(i * WARP_STEP_MM, j * WARP_STEP_MM, k * WARP_STEP_MM);
          }
        }
      }
    }
  }

  for (let at = 0; at < table.length; at++) table[at] = Math.min(Math.max(table[at]!, -10), 10);

  const cell = (position: number, size: number) => {
    const inTable = position / WARP_STEP_MM + (size - 1) / 2;
    return Math.min(Math.max(inTable, 0), size - 1.000001);
  };
  return {
    displace(x, y, z, out) {
      const u = cell(x, nx);
      const v = cell(y, ny);
      const w = cell(z, nz);
      const i = Math.floor(u);
      const j = Math.floor(v);
      const k = Math.floor(w);
      const tu = u - i;
      const tv = v - j;
      const tw = w - k;
      const base = 3 * (i + nx * (j + ny * k));
      for (let axis = 0; axis < 3; axis++) {
        const at = base + axis;
        const down = 3 * nx;
        const up = 3 * nx * ny;
        const near = mix(mix(table[at]!, table[at + 3]!, tu), mix(table[at + down]!, table[at + down + 3]!, tu), tv);
        const far = mix(
          mix(table[at + up]!, table[at + up + 3]!, tu),
          mix(table[at + up + down]!, table[at + up + down + 3]!, tu),
          tv,
        );
        out[axis] = mix(near, far, tw);
      }
    },
  };
}
