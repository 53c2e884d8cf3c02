import type { Random } from './random.ts';
import { FAR } from './row.ts';
import { type Bounds, length2, type Structure } from './shapes.ts';
import type { Trunk } from './trunk.ts';

const CORTEX_HU = 480;
const PITCH_MM = 32;
const DISC_MM = 6;

/** Phase within a vertebra, from 0 to the pitch; the disc comes first. */
const phase = (z: number) => z - PITCH_MM * Math.floor(z / PITCH_MM);

export function spine(trunk: Trunk, random: Random): Structure[] {
  const { spineY, vertebra } = trunk;
  const [rx, ry] = vertebra;
  const marrow = random.between(150, 190);
  const canalY = spineY + ry + 9;
  const body = (x: number, y: number) => {
    const u = Math.abs(x) / rx;
    // The back of the body is hollowed towards the canal.
    const v = (y - spineY + 1.5 * Math.max(0, 1 - u)) / ry;
    return (length2(u, v) - 1) * ry;
  };
  const oval = (x: number, y: number, radiusX: number, radiusY: number) =>
    (length2(x / radiusX, y / radiusY) - 1) * Math.min(radiusX, radiusY);
  const spongy = (fine: number, grain: number, d: number) => (d > -2 ? CORTEX_HU : marrow + 35 * fine + 30 * grain);

  const column = (halfWidth: number, from: number, to: number): Bounds => ({
    low: [-halfWidth, from, -FAR],
    high: [halfWidth, to, FAR],
  });

  return [
    {
      bounds: column(rx + 2, spineY - ry - 2, spineY + ry + 3),
      distance: (row, i) => {
        // Discs bulge a little; bodies have a waist.
        const t = phase(row.tz[i]!) / PITCH_MM;
        return body(row.tx[i]!, row.ty[i]!) + 6 * t * (1 - t) - 1;
      },
      hu: (row, i, d) => {
        const t = phase(row.tz[i]!);
        if (t < DISC_MM) return 85 + 6 * row.fine[i]!;
        if (t < DISC_MM + 1.6 || t > PITCH_MM - 1.6) return CORTEX_HU - 80;
        return spongy(row.fine[i]!, row.grain[i]!, d);
      },
      label: null,
    },
    // The arch around the canal: bone over most of the height, ligament between.
    {
      bounds: column(16, canalY - 14, canalY + 14),
      distance: (row, i) => {
        const ring = oval(row.tx[i]!, row.ty[i]! - canalY, 15.5, 13.5);
        return Math.max(ring, -body(row.tx[i]!, row.ty[i]!) - 1);
      },
      hu: (row, i, d) => {
        const t = phase(row.tz[i]!);
        return t > 11 ? spongy(row.fine[i]!, row.grain[i]!, d) : 55;
      },
      label: null,
    },
    // Spinous and transverse processes.
    {
      bounds: column(4, canalY + 10, canalY + 38),
      distance: (row, i) => {
        const t = phase(row.tz[i]!);
        const across = Math.max(Math.abs(row.tx[i]!) - 3.6, Math.abs(row.ty[i]! - canalY - 24) - 13);
        return Math.max(across, 9 - t, t - 28);
      },
      hu: (_row, _i, d) => (d > -1.2 ? CORTEX_HU - 100 : marrow + 60),
      label: null,
    },
    {
      bounds: column(37, canalY - 8, canalY + 14),
      distance: (row, i) => {
        const t = phase(row.tz[i]!);
        const x = Math.abs(row.tx[i]!);
        const across = Math.max(Math.abs(row.ty[i]! - canalY - 1 - 0.25 * (x - 12)) - 4.2, x - 36, 10 - x);
        return Math.max(across, 13 - t, t - 24);
      },
      hu: (_row, _i, d) => (d > -1.3 ? CORTEX_HU - 60 : marrow + 40),
      label: null,
    },
    // The canal with its cord.
    {
      bounds: column(11, canalY - 9, canalY + 9),
      distance: (row, i) => oval(row.tx[i]!, row.ty[i]! - canalY, 10.5, 8.5),
      hu: (row, i) => 12 + 28 * (oval(row.tx[i]!, row.ty[i]! - canalY, 6, 5) < 0 ? 1 : 0),
      label: null,
    },
  ];
}

/** Ribs as slanting bands within the wall, cartilage and breastbone in front. */
export function ribs(trunk: Trunk, random: Random): Structure[] {
  const { back, front } = trunk;
  const spacing = random.between(29, 33);
  const offset = random.between(0, spacing);
  const marrow = random.between(170, 230);
  const middle = 6.5;
  return [
    {
      bounds: { low: [-FAR, -FAR, -80], high: [FAR, FAR, FAR] },
      distance: (row, i) => {
        if (row.cavity[i]! < 2 || row.cavity[i]! > 11) return FAR;
        const y = row.ty[i]!;
        const side = Math.abs(row.tx[i]!);
        const slant = row.tz[i]! + 0.62 * (back - y) - 0.15 * side + offset;
        const along = slant - spacing * Math.floor(slant / spacing) - spacing / 2;
        const thickness = Math.abs(row.cavity[i]! - middle) / 3.4;
        const band = (length2(thickness, along / 6) - 1) * 3.4;
        // The costal margin rises to the front; the head of a rib ends at the spine.
        const margin = -78 + Math.max(0, 25 - y);
        return Math.max(band, margin - row.tz[i]!, 30 - side);
      },
      hu: (row, i, d) => {
        if (row.ty[i]! < -0.62 * front) return d > -1 ? 170 : 95;
        return d > -1.5 ? 620 : marrow;
      },
      label: null,
    },
    {
      bounds: { low: [-16, -FAR, 50], high: [16, 0, FAR] },
      distance: (row, i) => {
        const across = Math.max(Math.abs(row.cavity[i]! - 4.5) - 4.5, Math.abs(row.tx[i]!) - 15);
        return Math.max(across, row.ty[i]! + 0.5 * front, 52 - row.tz[i]!);
      },
      hu: (_row, _i, d) => (d > -1.5 ? 380 : 150),
      label: null,
    },
  ];
}
