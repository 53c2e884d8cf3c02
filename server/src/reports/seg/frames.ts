import { blankRows } from '../../volume/blank-rows.ts';
import type { LabelMap } from '../../volume/volume.ts';
import { InvalidSegmentation } from './invalid.ts';

/** One frame of a BINARY segmentation: where segment `segment` (1-based) meets slice `slice` (0-based index k). */
export interface SegmentFrame {
  readonly segment: number;
  readonly slice: number;
}

/** The frames that hold at least one voxel, by segment, then by slice, and their pixels. */
export interface PackedFrames {
  readonly frames: readonly SegmentFrame[];
  /**
   * Pixel Data of 1 bit allocated: the frames' bits follow one another without a gap, also where Rows x Columns is
   * no multiple of 8; the first pixel is the least significant bit of the first byte (PS3.5 section 8.1.1 and
   * annex D); padded with zero bits to an even number of bytes.
   */
  readonly pixelData: Uint8Array;
}

/**
 * Turns a label map into the frames of a BINARY segmentation: segment s is where the label is s, 0 is background.
 * Two passes over the map, whatever the number of segments; memory is the packed pixels only.
 *
 * @param segments number of segments; labels run from 0 to it
 * @param range segments that get frames; by default all of them
 * @throws InvalidSegmentation when a label is higher than that, or the map's size is not its grid's
 */
export function packFrames(
  labelMap: LabelMap<Uint16Array>,
  segments: number,
  { first, last }: { readonly first: number; readonly last: number } = { first: 1, last: segments },
): PackedFrames {
  const [columns, rows, slices] = labelMap.grid.shape;
  const { labels } = labelMap;
  const frameSize = columns * rows;
  if (labels.length !== frameSize * slices) {
    throw new InvalidSegmentation(
      `the label map has ${labels.length} voxels, its grid ${columns} x ${rows} x ${slices}`,
    );
  }

  const isBlank = blankRows(labelMap);
  const frames = occupiedFrames(labelMap, segments, { first, last });
  /** Frame of segment s in slice k at (s - 1) * slices + k. */
  const frameAt = new Int32Array(segments * slices);
  for (const [frame, { segment, slice }] of frames.entries()) frameAt[(segment - 1) * slices + slice] = frame;

  const bytes = Math.ceil((frames.length * frameSize) / 8);
  const pixelData = new Uint8Array(bytes + (bytes % 2));
  for (let k = 0; k < slices; k++) {
    const start = k * frameSize;
    let label = 0;
    let firstBit = 0;
    for (let j = 0; j < rows; j++) {
      if (isBlank(k * rows + j)) continue;
      for (let p = j * columns; p < (j + 1) * columns; p++) {
        const here = labels[start + p]!;
        if (here < first || here > last) continue;
        if (here !== label) {
          label = here;
          firstBit = frameAt[(label - 1) * slices + k]! * frameSize;
        }
        // Bit numbers pass 2^31 from 8192 frames of 512 x 512: no 32-bit shifts on them.
        const bit = firstBit + p;
        pixelData[Math.floor(bit / 8)]! |= 1 << (bit % 8);
      }
    }
  }
  return { frames, pixelData };
}

/** The frames that a BINARY segmentation has, in their order. @throws InvalidSegmentation as packFrames does */
export function occupiedFrames(
  labelMap: LabelMap<Uint16Array>,
  segments: number,
  { first, last }: { readonly first: number; readonly last: number },
): SegmentFrame[] {
  const slices = labelMap.grid.shape[2];
  const occupied = occupancy(labelMap, segments);
  const frames: SegmentFrame[] = [];
  for (let at = (first - 1) * slices; at < last * slices; at++) {
    if (occupied[at]) frames.push({ segment: Math.floor(at / slices) + 1, slice: at % slices });
  }
  return frames;
}

/** 1 at (s - 1) * slices + k where segment s has a voxel in slice k. */
function occupancy({ grid, labels }: LabelMap<Uint16Array>, segments: number): Uint8Array {
  const [columns, rows, slices] = grid.shape;
  const isBlank = blankRows({ grid, labels });
  const occupied = new Uint8Array(segments * slices);
  for (let row = 0; row < slices * rows; row++) {
    if (isBlank(row)) continue;
    const k = Math.floor(row / rows);
    let label = 0;
    for (let at = row * columns; at < (row + 1) * columns; at++) {
      const here = labels[at]!;
      if (here === label || here === 0) continue;
      if (here > segments) {
        throw new InvalidSegmentation(`label ${here} in slice ${k + 1}, and only ${segments} segments`);
      }
      label = here;
      occupied[(label - 1) * slices + k] = 1;
    }
  }
  return occupied;
}
