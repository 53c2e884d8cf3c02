import { z } from 'zod';

/** How the segmentation is encoded: one bit a voxel and segment, which every reader takes, or one number a voxel. */
export const SEG_ENCODINGS = ['binary', 'labelmap'] as const;
/**
 * Where the liver's own voxels go: with the lesions; into a segmentation series of its own; nowhere; or `auto`: with the
 * lesions up to 400 frames, beyond which one viewer shows nothing, and else into a series of its own.
 * The lesions keep their segment numbers, and the liver its segment 1, which then has no frame.
 */
export const LIVER_PLACES = ['together', 'own-series', 'left-out', 'auto'] as const;
/** Objects beside SEG and SR. */
export const OPTIONAL_OBJECTS = ['secondary-capture', 'probability', 'mask', 'rtstruct'] as const;
export type OptionalObject = (typeof OPTIONAL_OBJECTS)[number];

/** Which objects a result consists of, and how they are encoded. */
export const resultOptionsSchema = z.strictObject({
  seg: z.enum(SEG_ENCODINGS),
  liver: z.enum(LIVER_PLACES),
  /** Segmentations in the deflated transfer syntax: a hundredth of the size, which not every reader takes. */
  deflated: z.boolean(),
  objects: z.array(z.enum(OPTIONAL_OBJECTS)).readonly(),
});
export type ResultOptions = z.infer<typeof resultOptionsSchema>;

/** What every viewer can read. */
export const DEFAULT_OPTIONS: ResultOptions = {
  seg: 'binary',
  liver: 'together',
  deflated: false,
  objects: ['secondary-capture'],
};

/** The options that differ from the usual ones: a run that has none is named as if there were no options. */
export function unusual(options: ResultOptions): Partial<ResultOptions> {
  const objects = [...new Set(options.objects)].sort();
  return {
    ...(options.seg === DEFAULT_OPTIONS.seg ? {} : { seg: options.seg }),
    ...(options.liver === DEFAULT_OPTIONS.liver ? {} : { liver: options.liver }),
    ...(options.deflated === DEFAULT_OPTIONS.deflated ? {} : { deflated: options.deflated }),
    ...(objects.join() === DEFAULT_OPTIONS.objects.join() ? {} : { objects }),
  };
}

/** Files for software that reads no DICOM: a black-and-white PNG a slice for lesions and liver, and the label map as NIfTI. */
export const PLAIN_FILES = ['masks', 'nifti'] as const;
export type PlainFile = (typeof PLAIN_FILES)[number];
