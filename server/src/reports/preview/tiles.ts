import type { Lesion } from '../../findings/schema.ts';
import type { CtSeries } from '../../volume/series.ts';
import type { Ends, LabelExtent } from './extent.ts';
import { radiologicalViews, type View, type Window2d } from './plane.ts';

/** What one picture of the montage shows. */
export interface Tile {
  readonly view: View;
  readonly window: Window2d;
  /** Grid index of the plane along `view.through`. */
  readonly at: number;
  readonly caption: string;
  /** For pictures that the caption is too long for, from the longer to the shorter. */
  readonly shortCaptions: readonly string[];
  /** Lesions that were measured on this plane. */
  readonly measured: readonly Lesion[];
}

/** Room left around the liver. */
const MARGIN_MM = 35;
const FEW = 8;
const MANY = 12;
/** Pictures through the liver that there are besides those of lesions, whatever their number. */
const LEAST_EVEN = 2;
/** Slices with lesions that are shown; beyond it the largest lesions are. */
const MOST_MEASURED = 60;

/**
 * The montage: the slices on which lesions were measured, largest lesion first; a coronal overview; and slices spread
 * evenly through the liver from the head down, until there are 8 pictures (12 with more than 4 lesions, and more where
 * the lesions need them).
 */
export function chooseTiles(series: CtSeries, lesions: readonly Lesion[], extent: LabelExtent): Tile[] {
  const { shape, axes } = series.volume.grid;
  const views = radiologicalViews(axes);
  const box = extent.box ?? shape.map((size): Ends => [0, size - 1]);
  const wide = (axis: 0 | 1 | 2): Ends => {
    const margin = Math.ceil(MARGIN_MM / series.volume.grid.spacingMm[axis]);
    return [Math.max(0, box[axis]![0] - margin), Math.min(shape[axis] - 1, box[axis]![1] + margin)];
  };
  const windowOf = (view: View): Window2d => ({ right: wide(view.right.axis), down: wide(view.down.axis) });
  const axial = (at: number, captions: readonly string[], measured: readonly Lesion[]): Tile => ({
    view: views.axial,
    window: windowOf(views.axial),
    at,
    caption: captions[0]!,
    shortCaptions: captions.slice(1),
    measured,
  });

  const total = lesions.length > 4 ? MANY : FEW;
  const bySlice = new Map<number, Lesion[]>();
  for (const lesion of [...lesions].sort((a, b) => b.volumeMl - a.volumeMl)) {
    const slice = series.slices.findIndex(({ sopInstanceUid }) => sopInstanceUid === lesion.sliceUid);
    const k = slice >= 0 && series.slices[slice]!.frameNumber === null ? slice : nearestSlice(series, lesion);
    bySlice.set(k, [...(bySlice.get(k) ?? []), lesion]);
  }
  const measured = [...bySlice].slice(0, MOST_MEASURED).map(([k, here]) => axial(k, lesionCaptions(here), here));
  const middle = views.coronal.through;
  const overview: Tile = {
    view: views.coronal,
    window: windowOf(views.coronal),
    at: extent.counts[middle].indexOf(Math.max(...extent.counts[middle])),
    caption: 'Coronal overview',
    shortCaptions: [],
    measured: [],
  };
  const even = spread(box[2]!, Math.max(LEAST_EVEN, total - measured.length - 1), axes[2][2] > 0).map((k) =>
    axial(k, [`Z ${series.slices[k]!.positionMm[2].toFixed(1)} mm`], []),
  );
  return [...measured, overview, ...even];
}

/** The slice that the lesion's long axis lies on. */
function nearestSlice(series: CtSeries, lesion: Lesion): number {
  const { originMm, axes, spacingMm, shape } = series.volume.grid;
  const [point] = lesion.longAxisEndsMm;
  const depth = axes[2].reduce((sum, part, n) => sum + part * (point[n]! - originMm[n]!), 0);
  return Math.min(shape[2] - 1, Math.max(0, Math.round(depth / spacingMm[2])));
}

/** Numbers and sizes, then shorter: sizes without blanks, numbers alone. */
function lesionCaptions(lesions: readonly Lesion[]): string[] {
  const sizes = (times: string): string[] =>
    lesions.map(
      ({ number, longAxisMm, shortAxisMm }) => `${number}: ${longAxisMm.toFixed(0)}${times}${shortAxisMm.toFixed(0)}`,
    );
  const [first] = lesions;
  if (lesions.length === 1) return [`Lesion ${sizes(' x ')} mm, ${first!.volumeMl.toFixed(1)} ml`];
  const numbers = `Lesions ${lesions.map(({ number }) => number).join(', ')}`;
  return [`${sizes(' x ').join(', ')} mm`, `${sizes('x').join(', ')} mm`, numbers];
}

/** `count` indices spread over [first, last] without its ends, from the head down. */
function spread([first, last]: Ends, count: number, upwards: boolean): number[] {
  const fromHead = Array.from({ length: count }, (_, n) => Math.round(((n + 0.5) / count) * (last - first)));
  return [...new Set(fromHead)].map((steps) => (upwards ? last - steps : first + steps));
}
