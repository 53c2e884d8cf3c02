import type { LabelMap, Vec3, Volume } from '../../volume/volume.ts';

/** A grid axis as the picture uses it: which one, and whether it runs against the picture's direction. */
export interface ScreenAxis {
  readonly axis: 0 | 1 | 2;
  readonly reversed: boolean;
}

/** A plane of the grid as it is shown: `right` and `down` run along the picture, `through` is held at one index. */
export interface View {
  readonly right: ScreenAxis;
  readonly down: ScreenAxis;
  readonly through: 0 | 1 | 2;
}

/**
 * How a grid is shown the radiologist's way, whatever its storage order: the patient's right on the picture's left;
 * anterior (axial) or the head (coronal) at the top.
 */
export function radiologicalViews(axes: readonly [Vec3, Vec3, Vec3]): { axial: View; coronal: View } {
  // Of the two in-plane axes, the one nearer to the patient's left-right line goes across.
  const across = Math.abs(axes[0][0]) >= Math.abs(axes[1][0]) ? 0 : 1;
  const other = across === 0 ? 1 : 0;
  const right: ScreenAxis = { axis: across, reversed: axes[across][0] < 0 };
  return {
    axial: { right, down: { axis: other, reversed: axes[other][1] < 0 }, through: 2 },
    coronal: { right, down: { axis: 2, reversed: axes[2][2] > 0 }, through: other },
  };
}

/** The part of a plane that is shown: indices along the view's two axes, in grid order, both ends included. */
export interface Window2d {
  readonly right: readonly [number, number];
  readonly down: readonly [number, number];
}

/** A plane resampled to square pixels: [height, width]. */
export interface PlaneImage {
  readonly width: number;
  readonly height: number;
  readonly hu: Float32Array;
  /** 1 where liver or lesion. */
  readonly liver: Uint16Array;
  /** The lesion's label, else 0. */
  readonly lesion: Uint16Array;
}

/** Pixel of the picture (fractional) of a grid index (fractional) along one axis, at `mm` per pixel. */
export function toPixel(
  index: number,
  ends: readonly [number, number],
  reversed: boolean,
  spacing: number,
  mm: number,
) {
  const from = reversed ? ends[1] - index : index - ends[0];
  return ((from + 0.5) * spacing) / mm - 0.5;
}

/** Grid index (fractional) along one axis of a pixel's centre: the inverse of `toPixel`. */
export function toIndex(
  pixel: number,
  ends: readonly [number, number],
  reversed: boolean,
  spacing: number,
  mm: number,
) {
  const from = ((pixel + 0.5) * mm) / spacing - 0.5;
  return reversed ? ends[1] - from : ends[0] + from;
}

/**
 * Samples one plane at `mmPerPixel`: HU linearly; labels as well, each pixel taking a label that holds at least half
 * of its weight, so that outlines are smooth.
 */
export function samplePlane(
  volume: Volume,
  segments: LabelMap<Uint16Array>,
  view: View,
  at: number,
  window: Window2d,
  mmPerPixel: number,
): PlaneImage {
  const { shape, spacingMm } = volume.grid;
  const strides = [1, shape[0], shape[0] * shape[1]];
  const x = samples(window.right, view.right, spacingMm[view.right.axis], shape[view.right.axis], mmPerPixel);
  const y = samples(window.down, view.down, spacingMm[view.down.axis], shape[view.down.axis], mmPerPixel);
  const [strideX, strideY] = [strides[view.right.axis]!, strides[view.down.axis]!];
  const plane = at * strides[view.through]!;
  const width = x.low.length;
  const height = y.low.length;
  const hu = new Float32Array(width * height);
  const liver = new Uint16Array(width * height);
  const lesion = new Uint16Array(width * height);

  const { labels } = segments;
  for (let row = 0; row < height; row++) {
    const low = plane + y.low[row]! * strideY;
    const high = plane + y.high[row]! * strideY;
    const ty = y.share[row]!;
    for (let column = 0; column < width; column++) {
      const left = x.low[column]! * strideX;
      const right = x.high[column]! * strideX;
      const tx = x.share[column]!;
      const pixel = row * width + column;
      const a = low + left;
      const b = low + right;
      const c = high + left;
      const d = high + right;
      const wa = (1 - tx) * (1 - ty);
      const wb = tx * (1 - ty);
      const wc = (1 - tx) * ty;
      const wd = tx * ty;
      hu[pixel] = wa * volume.hu[a]! + wb * volume.hu[b]! + wc * volume.hu[c]! + wd * volume.hu[d]!;
      const la = labels[a]!;
      const lb = labels[b]!;
      const lc = labels[c]!;
      const ld = labels[d]!;
      if (la === lb && la === lc && la === ld) {
        if (la > 0) liver[pixel] = 1;
        if (la > 1) lesion[pixel] = la;
        continue;
      }
      const inside = (la && wa) + (lb && wb) + (lc && wc) + (ld && wd);
      if (inside >= 0.5) liver[pixel] = 1;
      for (const label of [la, lb, lc, ld]) {
        if (label < 2) continue;
        const weight =
          (la === label ? wa : 0) + (lb === label ? wb : 0) + (lc === label ? wc : 0) + (ld === label ? wd : 0);
        if (weight >= 0.5) lesion[pixel] = label;
      }
    }
  }
  return { width, height, hu, liver, lesion };
}

/** For each pixel along an axis: the two grid indices it lies between, and the share of the second. */
interface Samples {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly share: Float64Array;
}

function samples(
  ends: readonly [number, number],
  { reversed }: ScreenAxis,
  spacing: number,
  size: number,
  mmPerPixel: number,
): Samples {
  const count = Math.max(1, Math.round(((ends[1] - ends[0] + 1) * spacing) / mmPerPixel));
  const low = new Int32Array(count);
  const high = new Int32Array(count);
  const share = new Float64Array(count);
  for (let pixel = 0; pixel < count; pixel++) {
    const index = Math.min(size - 1, Math.max(0, toIndex(pixel, ends, reversed, spacing, mmPerPixel)));
    low[pixel] = Math.floor(index);
    high[pixel] = Math.min(size - 1, low[pixel]! + 1);
    share[pixel] = index - low[pixel]!;
  }
  return { low, high, share };
}
