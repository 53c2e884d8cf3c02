import { z } from 'zod';

/**
 * A person's correction of a result, as the viewer sends it: the whole label map as edited, run-length coded on the source
 * images.
 */
const uid = z
  .string()
  .max(64)
  .regex(/^\d+(\.\d+)*$/, 'not a DICOM UID');

export const SEGMENT_KINDS = ['liver', 'lesion'] as const;

/** Segment Number is an unsigned 16-bit number (PS3.3 section C.8.20.4). */
const segmentIndex = z.int().min(1).max(65_535);

export const editedSegmentSchema = z.strictObject({
  segment: segmentIndex.meta({ description: 'What the runs call it; gaps do no harm, the result is numbered anew' }),
  kind: z.enum(SEGMENT_KINDS),
  trackingUid: uid
    .nullable()
    .default(null)
    .meta({ description: 'Of the lesion of the corrected result that this is; null for a new one, and for the liver' }),
});

export const editedSliceSchema = z.strictObject({
  sopInstanceUID: uid.meta({ description: 'The source image' }),
  frame: z.int().positive().nullable().default(null).meta({ description: 'Of a multi-frame image, from 1' }),
  runs: z.array(z.int().nonnegative()).meta({
    description:
      'Segment, first pixel, number of pixels; and again. A pixel is numbered column + columns * row, from 0. Runs may ' +
      'overlap, as the layers of a viewer do: lesion goes before liver, and of two lesions the later run counts.',
  }),
});

export const correctionSchema = z.strictObject({
  columns: z.int().positive().max(65_535),
  rows: z.int().positive().max(65_535),
  segments: z.array(editedSegmentSchema).min(1).max(65_535),
  slices: z
    .array(editedSliceSchema)
    .min(1)
    .max(100_000)
    .meta({ description: 'Every slice of the result, once; an empty one has no runs' }),
});

export type Correction = z.infer<typeof correctionSchema>;
export type EditedSegment = z.infer<typeof editedSegmentSchema>;
export type EditedSlice = z.infer<typeof editedSliceSchema>;
