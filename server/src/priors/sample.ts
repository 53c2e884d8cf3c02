import type { Vec3 } from '../volume/volume.ts';
import type { LiverShape } from './shape.ts';

/** Signed distance to a liver's surface at a position, mm: trilinear; beyond the grid, that of the grid's edge. */
export function sampleDistance(shape: LiverShape, positionMm: Vec3): number {
  return sample(shape, positionMm, null);
}

/** The same, with its gradient. */
export function sampleWithGradient(shape: LiverShape, positionMm: Vec3, gradient: [number, number, number]): number {
  return sample(shape, positionMm, gradient);
}

/** The grid lies along the patient's axes with one spacing, so that indices are differences. */
function sample({ grid, distanceMm: d }: LiverShape, p: Vec3, gradient: [number, number, number] | null): number {
  const [nx, ny, nz] = grid.shape;
  const step = grid.spacingMm[0];
  const x = within((p[0] - grid.originMm[0]) / step, nx);
  const y = within((p[1] - grid.originMm[1]) / step, ny);
  const z = within((p[2] - grid.originMm[2]) / step, nz);
  const [i, j, k] = [Math.floor(x), Math.floor(y), Math.floor(z)];
  const [fx, fy, fz] = [x - i, y - j, z - k];
  const at = i + nx * (j + ny * k);
  const [right, down, next] = [1, nx, nx * ny];
  const a = d[at]!;
  const b = d[at + right]!;
  const c = d[at + down]!;
  const e = d[at + down + right]!;
  const f = d[at + next]!;
  const g = d[at + next + right]!;
  const h = d[at + next + down]!;
  const l = d[at + next + down + right]!;
  const ab = a + fx * (b - a);
  const ce = c + fx * (e - c);
  const fg = f + fx * (g - f);
  const hl = h + fx * (l - h);
  const near = ab + fy * (ce - ab);
  const far = fg + fy * (hl - fg);
  if (gradient !== null) {
    const alongX =
      (b - a) * (1 - fy) * (1 - fz) + (e - c) * fy * (1 - fz) + (g - f) * (1 - fy) * fz + (l - h) * fy * fz;
    gradient[0] = alongX / step;
    gradient[1] = ((ce - ab) * (1 - fz) + (hl - fg) * fz) / step;
    gradient[2] = (far - near) / step;
  }
  return near + fz * (far - near);
}

const within = (index: number, n: number) => Math.min(Math.max(index, 0), n - 1.000001);
