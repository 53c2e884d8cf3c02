import type { Grid, LabelMap } from '../../server/src/volume/volume.ts';

/** A canvas, RGBA, row by row. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
}

/** CT is grey: a pixel whose channels differ by more is drawn over it. The liver is hardly more than tinted. */
const LEAST_SATURATION = 8;
/** How much of the viewport a slice fills when it is opened, in stacks and in volumes. */
const INSETS = [1, 1.1];

/** Number of pixels on which something coloured is drawn. */
export function colouredPixels({ rgba }: Picture): number {
  let count = 0;
  for (let at = 0; at < rgba.length; at += 4) if (isColoured(rgba, at)) count += 1;
  return count;
}

/**
 * How what is drawn in colour over an axial slice, whole and centred in its viewport, agrees with slice k of the truth:
 * the Dice coefficient of liver and lesions together, and the share of the truth's lesion that is drawn in another colour
 * than most of the liver. Nothing of the viewer is asked: only its pixels count.
 */
export function compareWithTruth(
  picture: Picture,
  truth: LabelMap<Uint8Array>,
  k: number,
): { dice: number; lesions: number; inset: number } {
  return INSETS.map((inset) => compare(picture, truth, k, inset)).reduce((best, each) =>
    each.dice > best.dice ? each : best,
  );
}

/** Where the middle of pixel (i, j) of a slice lies in its viewport, from the left and the top. */
export function placeOf(
  { width, height }: { readonly width: number; readonly height: number },
  { shape, spacingMm }: Grid,
  i: number,
  j: number,
  inset: number,
): [x: number, y: number] {
  const [columns, rows] = shape;
  const [columnMm, rowMm] = spacingMm;
  const pixelsPerMm = Math.min(width / (columns * columnMm), height / (rows * rowMm)) / inset;
  return [
    width / 2 + (i + 0.5 - columns / 2) * columnMm * pixelsPerMm,
    height / 2 + (j + 0.5 - rows / 2) * rowMm * pixelsPerMm,
  ];
}

function compare({ width, height, rgba }: Picture, { grid, labels }: LabelMap<Uint8Array>, k: number, inset: number) {
  const [columns, rows] = grid.shape;
  const hues: (number | null)[] = [];
  const true_: number[] = [];
  for (let j = 0; j < rows; j++) {
    for (let i = 0; i < columns; i++) {
      const [x, y] = placeOf({ width, height }, grid, i, j, inset).map((at) => Math.round(at - 0.5)) as [
        number,
        number,
      ];
      const isInside = x >= 0 && x < width && y >= 0 && y < height;
      const at = 4 * (y * width + x);
      hues.push(isInside && isColoured(rgba, at) ? hue(rgba, at) : null);
      true_.push(labels[(k * rows + j) * columns + i]!);
    }
  }
  const drawn = hues.filter((each) => each !== null).length;
  const liver = true_.filter((label) => label > 0).length;
  const both = hues.filter((each, pixel) => each !== null && true_[pixel]! > 0).length;
  const liverHue = median(hues.filter((each, pixel) => each !== null && true_[pixel] === 1) as number[]);
  const lesion = true_.flatMap((label, pixel) => (label > 1 ? [hues[pixel] ?? null] : []));
  const found = lesion.filter((each) => each !== null && hueDistance(each, liverHue) > 20).length;
  return { dice: (2 * both) / (drawn + liver), lesions: found / lesion.length, inset };
}

function isColoured(rgba: Uint8Array, at: number): boolean {
  const channels = [rgba[at]!, rgba[at + 1]!, rgba[at + 2]!];
  return Math.max(...channels) - Math.min(...channels) > LEAST_SATURATION;
}

/** Degrees on the colour circle. */
function hue(rgba: Uint8Array, at: number): number {
  const [r, g, b] = [rgba[at]!, rgba[at + 1]!, rgba[at + 2]!];
  const degrees = (Math.atan2(Math.sqrt(3) * (g - b), 2 * r - g - b) * 180) / Math.PI;
  return (degrees + 360) % 360;
}

function hueDistance(a: number, b: number): number {
  return Math.abs(((a - b + 540) % 360) - 180);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
