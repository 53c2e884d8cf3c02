import type { HeatMap } from '../inference/segmentation.ts';
import { toVoxel } from '../volume/geometry.ts';
import type { Vec3 } from '../volume/volume.ts';
import type { Rgb } from './colours.ts';
import type { Canvas } from './preview/canvas.ts';
import { mixed, type Overlay, type Tint } from './preview/picture.ts';
import { encodePng } from './preview/png.ts';
import { drawMontage, HEADING_Y, type Plan, type PreviewInput } from './preview.ts';

/** Colours by probability, from the least that is shown: dark to bright, so that they read without seeing red and green apart. */
const RAMP: readonly (readonly [probability: number, colour: Rgb])[] = [
  [0, [40, 60, 190]],
  [0.35, [150, 40, 170]],
  [0.7, [240, 90, 50]],
  [1, [255, 225, 70]],
];
/** Below this nothing is shown, so that the CT stays clear where the head finds nothing. */
const LEAST_SHOWN = 0.05;
const LEAST_SHARE = 0.2;
const LARGEST_SHARE = 0.6;
/** Grey that the legend's colours lie over: that of liver in the picture's window. */
const LEGEND_GREY = 150;
const LEGEND = { width: 180, height: 18 };
/** From the right edge to the legend's right end: room for the last label and for the name. */
const LEGEND_RIGHT = 170;
const TEXT: Rgb = [236, 238, 240];

/**
 * The montage of the preview with the probability that a patch holds lesion laid over the CT, as PNG. The outlines are the
 * mask's, so that one sees where head and mask disagree.
 */
export function renderHeatMap(input: PreviewInput, heatMap: HeatMap, plan?: Plan): Uint8Array {
  const { canvas } = drawMontage(input, overlayOf(heatMap), plan);
  drawLegend(canvas, heatMap.patchMm);
  return encodePng(canvas.rgb, canvas.width, canvas.height);
}

/** Probability at a position of the patient: trilinear; null outside what the model has looked at. */
export function probabilityAt({ field: { grid, values } }: HeatMap, positionMm: Vec3): number | null {
  const [nx, ny, nz] = grid.shape;
  const at = toVoxel(grid, positionMm);
  for (const axis of [0, 1, 2] as const) if (at[axis] < -0.5 || at[axis] > grid.shape[axis] - 0.5) return null;
  const between = (index: number, size: number): readonly [number, number, number] => {
    const inside = Math.min(size - 1, Math.max(0, index));
    const low = Math.floor(inside);
    return [low, Math.min(size - 1, low + 1), inside - low];
  };
  const [x0, x1, fx] = between(at[0], nx);
  const [y0, y1, fy] = between(at[1], ny);
  const [z0, z1, fz] = between(at[2], nz);
  const row = (y: number, z: number): number => {
    const first = nx * (y + ny * z);
    return values[first + x0]! * (1 - fx) + values[first + x1]! * fx;
  };
  const slice = (z: number): number => row(y0, z) * (1 - fy) + row(y1, z) * fy;
  return slice(z0) * (1 - fz) + slice(z1) * fz;
}

function overlayOf(heatMap: HeatMap): Overlay {
  return (positionMm) => {
    const probability = probabilityAt(heatMap, positionMm);
    return probability === null ? null : tintOf(probability);
  };
}

/** The more probable, the brighter and the less transparent. */
export function tintOf(probability: number): Tint | null {
  if (probability < LEAST_SHOWN) return null;
  const upper = RAMP.findIndex(([limit]) => probability <= limit);
  const [high, bright] = RAMP.at(upper)!;
  const [low, dark] = RAMP[Math.max(0, upper < 0 ? RAMP.length - 1 : upper - 1)]!;
  const share = high > low ? Math.min(1, (probability - low) / (high - low)) : 1;
  const part = (n: 0 | 1 | 2) => Math.round(dark[n] + share * (bright[n] - dark[n]));
  return {
    colour: [part(0), part(1), part(2)],
    share: LEAST_SHARE + (LARGEST_SHARE - LEAST_SHARE) * Math.min(1, probability),
  };
}

/** In the upper band: what the colours mean, from 0 to 100 percent. */
function drawLegend(canvas: Canvas, patchMm: Vec3): void {
  const left = canvas.width - LEGEND_RIGHT - LEGEND.width;
  const top = HEADING_Y - 2;
  canvas.fill({ x: left - 1, y: top - 1, width: LEGEND.width + 2, height: LEGEND.height + 2 }, TEXT);
  for (let x = 0; x < LEGEND.width; x++) {
    const tint = tintOf(x / (LEGEND.width - 1));
    const colour: Rgb = tint ? mixed(LEGEND_GREY, tint) : [LEGEND_GREY, LEGEND_GREY, LEGEND_GREY];
    canvas.fill({ x: left + x, y: top, width: 1, height: LEGEND.height }, colour);
  }
  const size = [...new Set(patchMm)].map((mm) => mm.toFixed(0)).join(' x ');
  canvas.text(left - 10, HEADING_Y, `Chance of lesion, patches of ${size} mm: 0%`, {
    colour: TEXT,
    scale: 2,
    align: 'right',
  });
  canvas.text(left + LEGEND.width + 10, HEADING_Y, '100%', { colour: TEXT, scale: 2 });
}
