import type { RawElement } from '../../dicom/dataset.ts';
import type { LabelMap } from '../../volume/volume.ts';
import { packFrames, type SegmentFrame } from './frames.ts';

/** Segmentation Storage and Label Map Segmentation Storage, PS3.4 table B.5-1. */
export const SEGMENTATION_STORAGE = '1.2.840.10008.5.1.4.1.1.66.4';
export const LABEL_MAP_SEGMENTATION_STORAGE = '1.2.840.10008.5.1.4.1.1.66.7';

/** Which segments get frames; the others are described only. */
export interface SegmentRange {
  readonly first: number;
  readonly last: number;
}

/** A frame of one segment, or with null of all of them. */
export interface Frame {
  readonly segment: number | null;
  readonly slice: number;
}

/** The pixels of a segmentation, and the attributes that say how they are to be read. */
export interface EncodedFrames {
  readonly sopClassUid: string;
  readonly frames: readonly Frame[];
  readonly pixelData: Uint8Array;
  /** VR of Pixel Data: OB, or OW for 16 bits. */
  readonly vr: 'OB' | 'OW';
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Elements that are written as bytes. */
  readonly raw?: readonly RawElement[];
}

/** Pixel Padding Value: 0, which no segment has. Its VR depends on the image, which dcmjs does not decide. */
const BACKGROUND: RawElement = { tag: '00280120', vr: 'US', value: Uint8Array.of(0, 0) };

const bits = (allocated: number): object => ({
  BitsAllocated: allocated,
  BitsStored: allocated,
  HighBit: allocated - 1,
});

/** One bit a voxel, a frame for each slice that a segment meets. @throws InvalidSegmentation */
export function encodeBinary(labelMap: LabelMap<Uint16Array>, segments: number, range: SegmentRange): EncodedFrames {
  const { frames, pixelData }: { frames: readonly SegmentFrame[]; pixelData: Uint8Array } = packFrames(
    labelMap,
    segments,
    range,
  );
  return {
    sopClassUid: SEGMENTATION_STORAGE,
    frames,
    pixelData,
    vr: 'OB',
    attributes: { SegmentationType: 'BINARY', ...bits(1) },
  };
}

/** The number of its segment a voxel, in 8 bits or 16 (PS3.3 section C.8.20.2, LABELMAP): one frame a slice. */
export function encodeLabelMap(
  { grid, labels }: LabelMap<Uint16Array>,
  segments: number,
  { first, last }: SegmentRange,
): EncodedFrames {
  const pixels = grid.shape[0] * grid.shape[1];
  const isIn = (label: number): boolean => label >= first && label <= last;
  const slices = occupiedSlices(labels, pixels, isIn);
  const values = segments <= 0xff ? new Uint8Array(slices.length * pixels) : new Uint16Array(slices.length * pixels);
  for (const [frame, slice] of slices.entries()) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      const label = labels[slice * pixels + pixel]!;
      if (isIn(label)) values[frame * pixels + pixel] = label;
    }
  }
  const is8 = values instanceof Uint8Array;
  return {
    sopClassUid: LABEL_MAP_SEGMENTATION_STORAGE,
    frames: slices.map((slice) => ({ segment: null, slice })),
    pixelData: new Uint8Array(values.buffer),
    vr: is8 ? 'OB' : 'OW',
    attributes: { SegmentationType: 'LABELMAP', ...bits(is8 ? 8 : 16) },
    raw: [BACKGROUND],
  };
}

/** The slices that hold a value which is wanted. */
export function occupiedSlices(
  values: Uint8Array | Uint16Array,
  pixels: number,
  isWanted: (value: number) => boolean,
): number[] {
  const slices: number[] = [];
  for (let k = 0; k * pixels < values.length; k++) {
    let at = k * pixels;
    const end = at + pixels;
    while (at < end && !isWanted(values[at]!)) at++;
    if (at < end) slices.push(k);
  }
  return slices;
}
