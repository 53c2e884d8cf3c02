/** A colour in sRGB, each part 0..255. */
export type Rgb = readonly [number, number, number];

/** The liver's colour: a brown that stands back behind the lesions'. */
export const LIVER_COLOUR: Rgb = [196, 129, 92];

/** Bright against CT's greys, and each unlike the others and the liver. */
const LESION_COLOURS: readonly Rgb[] = [
  [255, 225, 25],
  [0, 200, 255],
  [255, 60, 172],
  [60, 230, 80],
  [255, 120, 30],
  [150, 105, 255],
  [0, 240, 200],
  [255, 45, 60],
  [195, 255, 60],
  [60, 105, 255],
  [255, 180, 225],
  [255, 205, 140],
];

/** The colour of lesion `number` (from 1); after twelve they come again paler, then darker. */
export function lesionColour(number: number): Rgb {
  const colour = LESION_COLOURS[(number - 1) % LESION_COLOURS.length]!;
  const turn = Math.floor((number - 1) / LESION_COLOURS.length) % 3;
  const [towards, share] = [
    [0, 0],
    [255, 0.45],
    [0, 0.35],
  ][turn] as [number, number];
  return colour.map((part) => Math.round(part + share * (towards - part))) as unknown as Rgb;
}

/**
 * Recommended Display CIELab Value: L*, a*, b* as 16-bit integers, L* 0..100 on 0..65535 and a*, b* -128..127 on
 * 0..65535 (PS3.3 section C.10.7.1.1). The white point is D50, as in the ICC profile connection space.
 */
export function dicomCieLab(colour: Rgb): [number, number, number] {
  const [r, g, b] = colour.map((part) => {
    const c = part / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  // sRGB to XYZ, adapted from D65 to D50 (Bradford): ICC sRGB profile, IEC 61966-2-1.
  const x = 0.4360747 * r + 0.3850649 * g + 0.1430804 * b;
  const y = 0.2225045 * r + 0.7168786 * g + 0.0606169 * b;
  const z = 0.0139322 * r + 0.0971045 * g + 0.7141733 * b;
  const f = (t: number): number => (t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116);
  const [fx, fy, fz] = [f(x / 0.96422), f(y), f(z / 0.82521)];
  const scaled = (value: number, low: number, high: number): number =>
    Math.max(0, Math.min(65535, Math.round(((value - low) / (high - low)) * 65535)));
  return [scaled(116 * fy - 16, 0, 100), scaled(500 * (fx - fy), -128, 127), scaled(200 * (fy - fz), -128, 127)];
}
