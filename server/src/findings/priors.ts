import { z } from 'zod';

/**
 * `priors` of findings.json: this scan read against an earlier one of the same patient. Positions are in the DICOM
 * patient system (LPS, mm) of this scan unless they are said to be the earlier scan's.
 */
const positionMm = z.tuple([z.number(), z.number(), z.number()]);
const percent = z.number().min(-100);

/**
 * What became of a lesion. `out-of-view`: the other scan does not reach to where it lies, so neither gone nor new.
 */
export const CHANGES = ['new', 'gone', 'grown', 'shrunk', 'stable', 'merged', 'split', 'out-of-view'] as const;

/** A lesion of the earlier result, measured on its segmentation. */
export const priorLesionSchema = z.strictObject({
  segmentNumber: z.int().positive(),
  /** null where the earlier segmentation states none. */
  trackingUid: z.string().nullable(),
  volumeMl: z.number().positive(),
  longAxisMm: z.number().positive(),
  shortAxisMm: z.number().positive(),
  /** In the earlier scan. */
  centroidMm: positionMm,
  /** The same place in this scan. */
  alignedCentroidMm: positionMm,
});

/** Lesions of both scans that are one, or that became one another. */
export const lesionChangeSchema = z.strictObject({
  change: z.enum(CHANGES),
  /** Numbers of lesions of this scan: one, none when gone, several when split. */
  lesions: z.array(z.int().positive()),
  /** One, none when new, several when merged. */
  priors: z.array(priorLesionSchema),
  /** Between the centroids, after alignment; those of a group are the means by volume. null without a counterpart. */
  distanceMm: z.number().nonnegative().nullable(),
  /** Of all lesions of the group together. null without a counterpart. */
  volumeChangeMl: z.number().nullable(),
  volumeChangePercent: percent.nullable(),
  /** Of the long axes; only between one lesion and one lesion. */
  longAxisChangeMm: z.number().nullable(),
  longAxisChangePercent: percent.nullable(),
  /** Days in which the volume doubles at this rate, were it exponential; only for a grown lesion and a known interval. */
  doublingTimeDays: z.number().positive().nullable(),
});

/** The sum of the target lesions' longest diameters by the rules of RECIST 1.1: arithmetic, no assessment of response. */
export const sumOfDiametersSchema = z.strictObject({
  targets: z.array(
    z.strictObject({
      priorSegmentNumber: z.int().positive(),
      priorMm: z.number().positive(),
      /** Numbers of the lesions that it is now. */
      lesions: z.array(z.int().positive()),
      /** 0 when gone; null when this scan does not reach there, or when it is counted with another target. */
      currentMm: z.number().nonnegative().nullable(),
    }),
  ),
  priorMm: z.number().positive(),
  /** null when a target is out of view. */
  currentMm: z.number().nonnegative().nullable(),
  changeMm: z.number().nullable(),
  changePercent: percent.nullable(),
  notice: z.string(),
});

export const alignmentSchema = z.strictObject({
  /** `frame-of-reference`: both scans share their coordinates. `liver`: the earlier liver was laid over this one. */
  method: z.enum(['frame-of-reference', 'liver']),
  /** Takes a position of this scan to the same place in the earlier one: 3 rows of a rotation and a shift in mm. */
  toPrior: z.tuple([z.array(z.number()).length(4), z.array(z.number()).length(4), z.array(z.number()).length(4)]),
  rotationDegrees: z.number().min(0).max(180),
  /** How far the middle of the liver is moved. */
  shiftMm: z.number().nonnegative(),
  /** Overlap of the two livers where both scans show them: twice the common volume over the sum of both. */
  liverDice: z.number().min(0).max(1),
  /** Mean distance between the surfaces of the two livers. */
  surfaceDistanceMm: z.number().nonnegative(),
});

export const comparisonSchema = z.strictObject({
  /** The run that made the earlier result, and the CT series that it is a result of. */
  run: z.string(),
  studyInstanceUID: z.string(),
  seriesInstanceUID: z.string(),
  seg: z.strictObject({ seriesInstanceUID: z.string(), sopInstanceUID: z.string() }),
  /** From the earlier scan to this one; null when one of them is not dated. Whole days where a time of day is missing. */
  intervalDays: z.number().nonnegative().nullable(),
  alignment: alignmentSchema,
  liver: z.strictObject({ priorMl: z.number().positive(), changePercent: percent }),
  lesionBurden: z.strictObject({
    priorMl: z.number().nonnegative(),
    changeMl: z.number(),
    changePercent: percent.nullable(),
  }),
  lesions: z.array(lesionChangeSchema),
  /** null when the earlier scan has no lesion that can be a target. */
  sumOfDiameters: sumOfDiametersSchema.nullable(),
});

export const unusedPriorSchema = z.strictObject({
  /** The segmentation that was not used, as far as it is known. */
  sopInstanceUID: z.string().nullable(),
  code: z.string(),
  /** One line; no name, identifier of a patient, or date. */
  message: z.string(),
  figures: z.record(z.string(), z.number()),
});

export const priorsSchema = z.strictObject({
  /** null when there is no earlier result, or none that could be used. */
  comparison: comparisonSchema.nullable(),
  /** Earlier results that were looked at and not used, in the order in which they were. */
  unused: z.array(unusedPriorSchema),
});

export type Change = (typeof CHANGES)[number];
export type PriorLesion = z.infer<typeof priorLesionSchema>;
export type LesionChange = z.infer<typeof lesionChangeSchema>;
export type SumOfDiameters = z.infer<typeof sumOfDiametersSchema>;
export type Alignment = z.infer<typeof alignmentSchema>;
export type Comparison = z.infer<typeof comparisonSchema>;
export type UnusedPrior = z.infer<typeof unusedPriorSchema>;
export type Priors = z.infer<typeof priorsSchema>;
