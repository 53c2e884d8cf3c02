import { type Lesion, NOTICE } from '../findings/schema.ts';
import type { CtSeries } from '../volume/series.ts';
import type { LabelMap } from '../volume/volume.ts';
import type { Rgb } from './colours.ts';
import { Canvas } from './preview/canvas.ts';
import { labelExtent } from './preview/extent.ts';
import { CAPTION, drawTile, type Overlay, sizeMm } from './preview/picture.ts';
import { encodePng } from './preview/png.ts';
import { chooseTiles, type Tile } from './preview/tiles.ts';

export interface PreviewInput {
  readonly series: CtSeries;
  /** As in the SEG: 0 background, 1 liver without its lesions, 1 + n lesion n. */
  readonly segments: LabelMap<Uint16Array>;
  readonly lesions: readonly Lesion[];
}

const COLUMNS = 4;
const TILE_WIDTH = 400;
/** A page holds one picture, or four where there would be more pages than this. */
const MOST_PAGES = 16;
const PAGE_WIDTH = 880;
const GAP = 6;
const BAND = 40;
const BACKGROUND: Rgb = [16, 18, 22];
/** Where the text of the upper band begins, from the top. */
export const HEADING_Y = 12;
const TEXT: Rgb = [236, 238, 240];
const DIM: Rgb = [150, 156, 164];
const NOTICE_COLOUR: Rgb = [255, 196, 87];

/** A picture or several on one sheet, under what was found and above the notice. */
export interface Sheet {
  readonly canvas: Canvas;
  readonly tiles: readonly Tile[];
}

/** The montage as PNG. */
export function renderPreview(input: PreviewInput): Uint8Array {
  const { rgb, width, height } = drawMontage(input).canvas;
  return encodePng(rgb, width, height);
}

/**
 * All in one: every lesion on the slice it was measured on, a coronal overview, and the liver from top to bottom, with
 * outlines in the SEG's colours. Shown the radiologist's way (patient's right on the left), in the patient's
 * proportions, whatever the grid. Names no patient.
 * @param overlay what lies over the CT, under the outlines
 */
export function drawMontage(input: PreviewInput, overlay?: Overlay, plan: Plan = planPictures(input)): Sheet {
  const { tiles, heading } = plan;
  return drawSheet(input, tiles, heading, COLUMNS, layOut(tiles, input.series, TILE_WIDTH), overlay);
}

/** The lesions' slices and the overview once more, large: one sheet after the other. */
export function* drawPages(
  input: PreviewInput,
  { tiles, heading }: Plan = planPictures(input),
): Generator<Sheet, void, undefined> {
  const shown = tiles.filter(({ measured, view }) => measured.length > 0 || view.through !== 2);
  const [columns, perPage] = shown.length <= MOST_PAGES ? [1, 1] : [2, 4];
  const layout = layOut(tiles, input.series, PAGE_WIDTH / columns);
  for (const group of inGroups(shown, perPage)) yield drawSheet(input, group, heading, columns, layout);
}

/** What the pictures show. */
export interface Plan {
  readonly tiles: readonly Tile[];
  readonly heading: string;
}

/** Looks at every voxel, so that all pictures of a result should share it. */
export function planPictures({ series, segments, lesions }: PreviewInput): Plan {
  const extent = labelExtent(segments);
  const { spacingMm } = series.volume.grid;
  const voxelMl = (spacingMm[0] * spacingMm[1] * spacingMm[2]) / 1000;
  return { tiles: chooseTiles(series, lesions, extent), heading: summary(extent.voxels * voxelMl, lesions) };
}

function inGroups<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size));
}

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly mmPerPixel: number;
}

/** Pictures in rows of `columns`. */
function drawSheet(
  { series, segments }: PreviewInput,
  tiles: readonly Tile[],
  heading: string,
  columns: number,
  { width, height, mmPerPixel }: Layout,
  overlay?: Overlay,
): Sheet {
  const rows = Math.ceil(tiles.length / columns);
  const canvas = framed(GAP + columns * (width + GAP), rows * (height + CAPTION + GAP) + GAP, heading);
  tiles.forEach((tile, index) => {
    const x = GAP + (index % columns) * (width + GAP);
    const y = BAND + Math.floor(index / columns) * (height + CAPTION + GAP) + CAPTION;
    drawTile(canvas, { x, y, width, height }, tile, series, segments, mmPerPixel, overlay);
  });
  return { canvas, tiles };
}

/** One scale for all pictures, so that sizes compare: the widest fills the width; and the height of an axial one. */
function layOut(tiles: readonly Tile[], series: CtSeries, width: number): Layout {
  const { grid } = series.volume;
  const mmPerPixel = Math.max(...tiles.map((tile) => sizeMm(tile, grid)[0])) / width;
  const axial = tiles.find(({ view }) => view.through === 2) ?? tiles[0]!;
  const height = Math.min(2 * width, Math.max(width / 2, Math.round(sizeMm(axial, grid)[1] / mmPerPixel)));
  return { width, height, mmPerPixel };
}

/** A canvas with room for pictures between what was found, above, and the notice, below. */
function framed(width: number, height: number, heading: string): Canvas {
  const canvas = new Canvas(width, height + 2 * BAND, BACKGROUND);
  canvas.text(GAP + 4, HEADING_Y, heading, { colour: TEXT, scale: 2 });
  canvas.text(width - GAP - 4, HEADING_Y, 'Hepar', { colour: DIM, scale: 2, align: 'right' });
  canvas.text(width / 2, canvas.height - 27, NOTICE, {
    colour: NOTICE_COLOUR,
    scale: 2,
    align: 'centre',
  });
  return canvas;
}

function summary(liverMl: number, lesions: readonly Lesion[]): string {
  const liver = `Liver ${liverMl.toFixed(0)} ml`;
  if (lesions.length === 0) return `${liver}. No lesion found`;
  const burden = lesions.reduce((sum, { volumeMl }) => sum + volumeMl, 0);
  return `${liver}. ${lesions.length} lesion${lesions.length === 1 ? '' : 's'}, ${burden.toFixed(1)} ml`;
}
