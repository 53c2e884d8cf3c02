import type { Random } from './random.ts';
import { FAR } from './row.ts';
import { clamp, length2, ramp, type Structure } from './shapes.ts';
import type { Trunk } from './trunk.ts';

const MUSCLE_HU = 58;
const FAT_HU = -102;

/** Skin, fat and muscles of the trunk, and the fat that fills it until organs are painted in. */
export function trunkWall(trunk: Trunk, random: Random): Structure[] {
  const { spineY, vertebra, front } = trunk;
  const marbling = random.between(10, 25);
  const strands = random.between(40, 90);

  const column = (x: number, y: number, radiusX: number, radiusY: number, z: (z: number) => number, fat: number) => {
    const structure: Structure = {
      bounds: { low: [-x - radiusX, y - radiusY, -FAR], high: [x + radiusX, y + radiusY, FAR] },
      distance: (row, i) => {
        const u = (Math.abs(row.tx[i]!) - x) / radiusX;
        const v = (row.ty[i]! - y) / radiusY;
        const across = (length2(u, v) - 1) * Math.min(radiusX, radiusY);
        return Math.max(across, row.wall[i]! + 1, z(row.tz[i]!));
      },
      hu: (row, i) => MUSCLE_HU + 4 * row.fine[i]! - fat * Math.max(0, row.grain[i]! - 0.9),
      label: null,
    };
    return structure;
  };

  return [
    // Skin over fat; the fat has fine septa.
    {
      bounds: null,
      distance: (row, i) => row.skin[i]!,
      hu: (row, i, d) => (d > -1.8 ? -20 : FAT_HU + 4 * row.coarse[i]! + 30 * clamp(row.grain[i]! - 1.8, 0, 1)),
      label: null,
    },
    // Muscle layers with planes of fat between them.
    {
      bounds: null,
      distance: (row, i) => row.wall[i]! + 1.2 * row.coarse[i]!,
      hu: (row, i) => {
        const depth = row.cavity[i]!;
        const plane = clamp(1.2 - Math.abs(depth - 6.5 - 1.5 * row.coarse[i]!), 0, 1) * ramp(row.coarse[i]!, -1.5, 0.5);
        // Behind the ribs the wall is fat that carries the long muscles of the back.
        const fat = ramp(row.ty[i]!, 0.6 * trunk.back, 0.85 * trunk.back) * ramp(depth, 8, 10);
        return (
          MUSCLE_HU + (FAT_HU - MUSCLE_HU) * Math.max(fat, 0.8 * plane) - marbling * Math.max(0, row.fine[i]! - 0.8)
        );
      },
      label: null,
    },
    // Fat between the wall and the organs, with vessels and strands as texture.
    {
      bounds: null,
      distance: (row, i) => row.cavity[i]!,
      hu: (row, i) => FAT_HU + 5 * row.coarse[i]! + strands * clamp(row.grain[i]! - 1.5, 0, 1.2),
      label: null,
    },
    // The linea alba: fat between the two straight muscles.
    {
      bounds: { low: [-4, -FAR, -FAR], high: [4, 0, FAR] },
      distance: (row, i) =>
        Math.max(Math.abs(row.tx[i]!) - 3, row.ty[i]! + 0.8 * front, -row.cavity[i]! + 1, row.wall[i]! + 1.5),
      hu: FAT_HU + 60,
      label: null,
    },
    // Erector spinae, psoas, quadratus lumborum.
    column(29, spineY + vertebra[1] + 27, 25, 18, () => -FAR, 45),
    column(52, spineY + vertebra[1] + 31, 34, 7, (z) => 20 - z, 20),
    {
      ...column(45, spineY, 30, 34, () => 0, 20),
      distance: (row, i) => {
        const z = row.tz[i]!;
        const low = ramp(-z, -5, 170);
        const u = Math.abs(row.tx[i]!) - (vertebra[0] + 5 + 16 * low);
        const v = row.ty[i]! - (spineY + 4 - 8 * low);
        return Math.max(length2(u, v) - (6 + 17 * low), z - 15);
      },
    },
    column(60, spineY + 22, 17, 8, (z) => z + 22, 30),
  ];
}

/** The diaphragm: a thin sheet, and the two crura that run down beside the aorta. */
export function diaphragm(trunk: Trunk): Structure[] {
  const { spineY, vertebra } = trunk;
  return [
    {
      bounds: { low: [-FAR, -FAR, -90], high: [FAR, FAR, trunk.rightDome + 25] },
      distance: (row, i) => Math.max(Math.abs(row.above[i]! + 1.1) - 1.1, row.cavity[i]!),
      hu: MUSCLE_HU,
      label: null,
    },
    // The sheet's rim lies against the ribs below the lung.
    {
      bounds: { low: [-FAR, -FAR, -160], high: [FAR, FAR, trunk.rightDome + 25] },
      distance: (row, i) => Math.max(Math.abs(row.cavity[i]! + 0.4) - 0.9, row.above[i]!, -row.above[i]! - 45),
      hu: MUSCLE_HU,
      label: null,
    },
    {
      bounds: { low: [-30, 0, -70], high: [38, spineY + 20, trunk.rightDome + 30] },
      distance: (row, i) => {
        const down = ramp(row.tz[i]!, -60, 40);
        const u = (Math.abs(row.tx[i]! - 4) - (15 + 3 * down)) / (4 + 2.5 * down);
        const v = (row.ty[i]! - (spineY - vertebra[1] - 4 - 4 * down)) / (12 + 5 * down);
        return Math.max((length2(u, v) - 1) * 4, -65 - row.tz[i]!, row.above[i]!);
      },
      hu: MUSCLE_HU,
      label: null,
    },
  ];
}

/** The patient table: a thin curved shell under the back. It does not bend with the body. */
export function tableTopDistance(x: number, y: number, trunk: Trunk): number {
  const top = trunk.back + 46 + 0.5 * trunk.sideFat + 7;
  return Math.max(Math.abs(y - (top - 0.0009 * x * x)) - 1.6, Math.abs(x) - 178);
}
