import type { Random } from './random.ts';
import { FAR, type Row } from './row.ts';
import { ellipsoid, type Structure, smoothMax, smoothMin } from './shapes.ts';
import type { Trunk } from './trunk.ts';
import { landmarks } from './vessels.ts';

/** Label of the liver's parenchyma and vessels. */
export const LIVER_LABEL = 1;

/**
 * The liver: the space under the right dome, cut behind by a right and a left back wall that meet at the vena cava, below by the
 * visceral surface that falls to the right, on the left by a tapering end; the fissure of the round ligament and the
 * fat of the porta are painted out.
 */
export function liver(trunk: Trunk, random: Random, hu: number): Structure[] {
  const { ivc, hilum } = landmarks(trunk);
  const leftEnd = random.between(0.46, 0.66) * trunk.halfWidth;
  const tip = random.between(0.66, 0.82);
  const visceral = random.between(8, 18);
  const low = -108;

  const distance = (row: Row, i: number): number => {
    const x = row.x[i]!;
    const y = row.y[i]!;
    const z = row.z[i]!;
    const room = row.room[i]!;
    if (room > 6) return FAR;
    const rightBack = 0.9 * (x - ivc.x - 2) + 0.436 * (y - ivc.y);
    const leftBack = 0.52 * (x - ivc.x) + 0.854 * (y - ivc.y + 2) - 6;
    const backWall = smoothMin(rightBack, leftBack, 16);
    // Under-surface: steep on the right, flat under the left lobe, lower in front than behind.
    const bend = Math.sqrt((x + 8) * (x + 8) + 400);
    const fall = 0.5 * (x + 8 - bend);
    const tilt = 0.1 + 0.46 * ((x + 60) / (Math.abs(x + 60) + 40));
    const under = visceral + tip * fall + 0.1 * (x + 8) + tilt * (y - 4);
    const visceralWall = (under - z) / Math.sqrt(1 + tip * tip * 0.7 + tilt * tilt);
    const taper = x - leftEnd + 0.3 * Math.abs(z - 32);
    return smoothMax(smoothMax(room, smoothMax(backWall, visceralWall, 18), 16), smoothMax(taper, low - z, 20), 12);
  };
  const portaFat = ellipsoid([hilum[0] + 3, hilum[1] - 3, hilum[2] - 8], [17, 9, 12], [0.5, 0, 1]);
  const teres = { x: random.between(14, 24), front: 0.12 * trunk.front, top: random.between(22, 34) };

  return [
    {
      bounds: {
        low: [-trunk.halfWidth - 5, -trunk.front - 5, low - 5],
        high: [leftEnd + 10, trunk.back + 5, trunk.rightDome + 5],
      },
      distance: (row, i) => {
        const d = distance(row, i);
        row.liver[i] = d;
        return d;
      },
      hu: (row, i) => hu + 1.2 * row.coarse[i]! + 1.5 * row.fine[i]!,
      label: LIVER_LABEL,
    },
    // Fissure of the round ligament: a wedge of fat that opens downwards and forwards.
    {
      bounds: { low: [teres.x - 30, -trunk.front - 5, -80], high: [teres.x + 30, 0, teres.top + 5] },
      distance: (row, i) => {
        const open = 0.8 + 0.06 * Math.max(0, teres.top - row.z[i]!);
        const slab = Math.abs(row.x[i]! - teres.x - 0.2 * (row.y[i]! + 40)) - open;
        return smoothMax(
          smoothMax(slab, row.y[i]! + teres.front, 3),
          Math.max(row.z[i]! - teres.top, row.liver[i]! - 1.5),
          4,
        );
      },
      hu: -85,
      label: 0,
    },
    { bounds: portaFat.bounds, distance: portaFat.distance, hu: (row, i) => -70 + 20 * row.fine[i]!, label: 0 },
  ];
}
