import { toPatient } from '../../volume/geometry.ts';
import type { CtSeries } from '../../volume/series.ts';
import type { LabelMap, Vec3 } from '../../volume/volume.ts';
import { LIVER_COLOUR, lesionColour, type Rgb } from '../colours.ts';
import { type Area, type Canvas, textHeight } from './canvas.ts';
import { widthOf } from './font.ts';
import { type PlaneImage, samplePlane, toIndex, toPixel } from './plane.ts';
import type { Tile } from './tiles.ts';

/** Room that a picture's caption takes above it. */
export const CAPTION = 26;
/** Width of an outline in pixels. */
const OUTLINE = 2;
const TEXT: Rgb = [236, 238, 240];
const DIM: Rgb = [150, 156, 164];
/** The usual window of abdominal CT. */
const WINDOW_HU = { centre: 50, width: 400 };

/** A colour that is laid over the grey of the CT, and its share of the mixture, 0 to 1. */
export interface Tint {
  readonly colour: Rgb;
  readonly share: number;
}

/** What lies over the CT at a position of the patient, in mm; null where nothing does. */
export type Overlay = (positionMm: Vec3) => Tint | null;

/** Width and height of what a tile shows, in mm. */
export function sizeMm({ view, window }: Tile, { spacingMm }: CtSeries['volume']['grid']): [number, number] {
  return [
    (window.right[1] - window.right[0] + 1) * spacingMm[view.right.axis],
    (window.down[1] - window.down[0] + 1) * spacingMm[view.down.axis],
  ];
}

/**
 * Draws one picture into an area of the canvas, its caption above: the CT with the outlines and numbers of its lesions,
 * the long axes of those that were measured on it, the patient's directions and a scale.
 * @param mmPerPixel a picture that is too high for its area at this scale is shown smaller
 */
export function drawTile(
  canvas: Canvas,
  area: Area,
  tile: Tile,
  series: CtSeries,
  segments: LabelMap<Uint16Array>,
  mmPerPixel: number,
  overlay?: Overlay,
): void {
  const { volume } = series;
  const fitted = samplePlane(volume, segments, tile.view, tile.at, tile.window, mmPerPixel);
  // A picture higher than its tile (coronal, of a long liver) is shown smaller.
  const shrink = Math.max(1, fitted.height / area.height);
  const scale = mmPerPixel * shrink;
  const image = shrink > 1 ? samplePlane(volume, segments, tile.view, tile.at, tile.window, scale) : fitted;
  const left = area.x + Math.floor((area.width - image.width) / 2);
  const top = area.y + Math.floor((area.height - image.height) / 2);

  canvas.fill(area, [0, 0, 0]);
  drawImage(canvas, left, top, image);
  if (overlay) tintImage(canvas, left, top, image, (x, y) => overlay(positionOf(x, y, tile, series, scale)));
  drawOutlines(canvas, left, top, image);
  for (const lesion of tile.measured) {
    const ends = lesion.longAxisEndsMm.map((point) => {
      const [x, y] = pixelOf(point, tile, series, scale);
      return [left + x, top + y] as const;
    });
    canvas.line(ends[0]!, ends[1]!, [255, 255, 255]);
  }
  numberLesions(canvas, left, top, image);

  canvas.text(area.x + 4, area.y - 20, captionWithin(area.width - 8, tile), { colour: TEXT, scale: 2 });
  const middle = area.y + area.height / 2 - textHeight(2) / 2;
  canvas.text(area.x + 5, Math.round(middle), 'R', { colour: DIM, scale: 2 });
  canvas.text(area.x + area.width - 5, Math.round(middle), 'L', { colour: DIM, scale: 2, align: 'right' });
  const head = tile.view.through === 2 ? 'A' : 'H';
  canvas.text(area.x + area.width / 2, area.y + 5, head, { colour: DIM, scale: 2, align: 'centre' });
  drawScaleBar(canvas, area, scale);
}

/** The longest caption that fits; of the shortest as much as does. */
function captionWithin(pixels: number, { caption, shortCaptions }: Tile): string {
  const captions = [caption, ...shortCaptions];
  const fits = (text: string): boolean => 2 * widthOf(text) <= pixels;
  const fitting = captions.find(fits);
  if (fitting !== undefined) return fitting;
  let cut = captions.at(-1)!;
  while (cut !== '' && !fits(`${cut}...`)) cut = cut.slice(0, -1);
  return `${cut}...`;
}

/** Grey values of the CT. */
function drawImage(canvas: Canvas, left: number, top: number, { width, height, hu }: PlaneImage): void {
  const { rgb } = canvas;
  const low = WINDOW_HU.centre - WINDOW_HU.width / 2;
  const [first, last] = [Math.max(0, -left), Math.min(width, canvas.width - left)];
  for (let y = Math.max(0, -top); y < Math.min(height, canvas.height - top); y++) {
    let to = 3 * ((top + y) * canvas.width + left + first);
    for (let pixel = y * width + first; pixel < y * width + last; pixel++) {
      const unclipped = Math.round(((hu[pixel]! - low) / WINDOW_HU.width) * 255);
      const grey = unclipped < 0 ? 0 : unclipped > 255 ? 255 : unclipped;
      // Spelled out, for the pictures of a result have ten million pixels.
      rgb[to++] = grey;
      rgb[to++] = grey;
      rgb[to++] = grey;
    }
  }
}

/** Lays colours over the greys that are drawn. */
function tintImage(
  canvas: Canvas,
  left: number,
  top: number,
  { width, height }: PlaneImage,
  tintAt: (x: number, y: number) => Tint | null,
): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const tint = tintAt(x, y);
      if (tint !== null) canvas.pixel(left + x, top + y, mixed(canvas.greyAt(left + x, top + y), tint));
    }
  }
}

/** The outlines of liver and lesions, each inside its region. */
function drawOutlines(canvas: Canvas, left: number, top: number, { width, height, liver, lesion }: PlaneImage): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pixel = y * width + x;
      const label = lesion[pixel]!;
      if (label > 0 && isBorder(lesion, width, height, x, y)) {
        canvas.pixel(left + x, top + y, lesionColour(label - 1));
      } else if (liver[pixel]! > 0 && isBorder(liver, width, height, x, y)) {
        canvas.pixel(left + x, top + y, LIVER_COLOUR);
      }
    }
  }
}

/** A grey with a colour laid over it. */
export function mixed(grey: number, { colour, share }: Tint): Rgb {
  const part = (n: 0 | 1 | 2) => Math.round(grey + share * (colour[n] - grey));
  return [part(0), part(1), part(2)];
}

/** Whether a pixel of another value lies within the width of an outline: beside it, or two pixels off along an axis. */
function isBorder(values: Uint16Array, width: number, height: number, x: number, y: number): boolean {
  const at = y * width + x;
  const value = values[at];
  if (x < OUTLINE || y < OUTLINE || x >= width - OUTLINE || y >= height - OUTLINE) {
    return NEAR.some(([dx, dy]) => {
      const [nx, ny] = [x + dx, y + dy];
      return nx >= 0 && ny >= 0 && nx < width && ny < height && values[ny * width + nx] !== value;
    });
  }
  // Spelled out: this is asked for every pixel of the liver.
  return (
    values[at - 1] !== value ||
    values[at + 1] !== value ||
    values[at - width] !== value ||
    values[at + width] !== value ||
    values[at - width - 1] !== value ||
    values[at - width + 1] !== value ||
    values[at + width - 1] !== value ||
    values[at + width + 1] !== value ||
    values[at - OUTLINE] !== value ||
    values[at + OUTLINE] !== value ||
    values[at - OUTLINE * width] !== value ||
    values[at + OUTLINE * width] !== value
  );
}

const NEAR = [
  ...[-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => [dx, dy] as const)),
  [-OUTLINE, 0],
  [OUTLINE, 0],
  [0, -OUTLINE],
  [0, OUTLINE],
] as const;

/** Writes each lesion's number beside the upper right corner of what the picture shows of it. */
function numberLesions(canvas: Canvas, left: number, top: number, { width, height, lesion }: PlaneImage): void {
  const corners = new Map<number, { right: number; top: number }>();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const label = lesion[y * width + x]!;
      if (label === 0) continue;
      const corner = corners.get(label);
      if (!corner) corners.set(label, { right: x, top: y });
      else if (x > corner.right) corner.right = x;
    }
  }
  for (const [label, corner] of corners) {
    canvas.text(left + corner.right + 4, top + corner.top - textHeight(3) + 4, String(label - 1), {
      colour: lesionColour(label - 1),
      scale: 3,
    });
  }
}

/** Pixel of a patient point in a tile's picture. */
function pixelOf(
  point: readonly [number, number, number],
  { view, window }: Tile,
  series: CtSeries,
  mmPerPixel: number,
): [number, number] {
  const { originMm, axes, spacingMm } = series.volume.grid;
  const index = (axis: 0 | 1 | 2): number =>
    axes[axis].reduce((sum, part, n) => sum + part * (point[n]! - originMm[n]!), 0) / spacingMm[axis];
  const along = ({ axis, reversed }: Tile['view']['right'], ends: readonly [number, number]): number =>
    toPixel(index(axis), ends, reversed, spacingMm[axis], mmPerPixel);
  return [along(view.right, window.right), along(view.down, window.down)];
}

/** Patient position of a pixel of a tile's picture: the inverse of `pixelOf` on the tile's plane. */
function positionOf(x: number, y: number, { view, window, at }: Tile, series: CtSeries, mmPerPixel: number): Vec3 {
  const { grid } = series.volume;
  const index: [number, number, number] = [0, 0, 0];
  const { right, down, through } = view;
  index[right.axis] = toIndex(x, window.right, right.reversed, grid.spacingMm[right.axis], mmPerPixel);
  index[down.axis] = toIndex(y, window.down, down.reversed, grid.spacingMm[down.axis], mmPerPixel);
  index[through] = at;
  return toPatient(grid, index);
}

/** A bar of 5 cm at the lower right. */
function drawScaleBar(canvas: Canvas, area: Area, mmPerPixel: number): void {
  const length = Math.round(50 / mmPerPixel);
  const x = area.x + area.width - 8 - length;
  const y = area.y + area.height - 10;
  canvas.fill({ x: x - 1, y: y - 1, width: length + 2, height: 5 }, [0, 0, 0]);
  canvas.fill({ x, y, width: length, height: 3 }, DIM);
  canvas.text(x + length / 2, y - 14, '5 cm', { colour: DIM, scale: 1, align: 'centre' });
}
