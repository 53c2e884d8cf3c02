import type { Segmentation } from '../../inference/segmentation.ts';
import type { Grid } from '../../volume/volume.ts';
import { type EncodedFrames, occupiedSlices, SEGMENTATION_STORAGE } from './encode.ts';

/** Highest value of a fraction: it stands for certainty. */
const MOST = 255;

/**
 * Lesion probability as a FRACTIONAL segmentation (PS3.3 section C.8.20.2): one segment, a byte a voxel, one frame a
 * slice that has any.
 */
export function encodeProbability({ box, values }: Segmentation['lesionProbability'], grid: Grid): EncodedFrames {
  const [columns, rows] = grid.shape;
  const [width, height] = box.size;
  const slices = occupiedSlices(values, width * height, (value) => value > 0);
  const pixelData = new Uint8Array(slices.length * columns * rows);
  for (const [frame, slice] of slices.entries()) {
    for (let j = 0; j < height; j++) {
      const from = (slice * height + j) * width;
      const to = (frame * rows + box.start[1] + j) * columns + box.start[0];
      pixelData.set(values.subarray(from, from + width), to);
    }
  }
  return {
    sopClassUid: SEGMENTATION_STORAGE,
    frames: slices.map((slice) => ({ segment: 1, slice: box.start[2] + slice })),
    pixelData,
    vr: 'OB',
    attributes: {
      SegmentationType: 'FRACTIONAL',
      SegmentationFractionalType: 'PROBABILITY',
      MaximumFractionalValue: MOST,
      BitsAllocated: 8,
      BitsStored: 8,
      HighBit: 7,
    },
  };
}
