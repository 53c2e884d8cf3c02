import { z } from 'zod';
import { PROVIDERS } from '../inference/segmentation.ts';
import { priorsSchema } from './priors.ts';

/**
 * findings.json: the result of a run, over HTTP and in the command's output folder.
 * Positions are in the DICOM patient system (LPS, mm). `liver.volumeMl` includes the lesions, `parenchymaMl` does not.
 */
/** Segment Algorithm Type (PS3.3 section C.8.20.4): who drew a segment: the model, a person on what was there, a person. */
export const ALGORITHM_TYPES = ['automatic', 'semiautomatic', 'manual'] as const;
const algorithmType = z.enum(ALGORITHM_TYPES).default('automatic');
const positionMm = z.tuple([z.number(), z.number(), z.number()]);
const milliseconds = z.number().nonnegative();
/** A DICOM object of the result; null where it was not made. */
const storedObject = z.strictObject({ seriesInstanceUID: z.string(), sopInstanceUID: z.string() });

export const lesionSchema = z.strictObject({
  /** 1 is the largest by volume. */
  number: z.int().positive(),
  segmentNumber: z.int().min(2),
  trackingUid: z.string(),
  volumeMl: z.number().positive(),
  /** Longest diameter within one slice of the series, between the centres of the outermost voxels' far edges. */
  longAxisMm: z.number().positive(),
  longAxisEndsMm: z.tuple([positionMm, positionMm]),
  /** Longest extent perpendicular to the long axis in the same slice. */
  shortAxisMm: z.number().positive(),
  meanHu: z.number(),
  huSd: z.number().nonnegative(),
  /** Mean lesion probability over the lesion's voxels; null for a lesion that a person drew or changed. */
  confidence: z.number().min(0).max(1).nullable(),
  centroidMm: positionMm,
  /** SOP Instance UID of the slice that the diameters were measured on. */
  sliceUid: z.string(),
  /** Its frame, from 1, where that instance is a multi-frame one. */
  sliceFrame: z.int().positive().nullable().default(null),
  algorithmType,
});

export const warningSchema = z.strictObject({ code: z.string(), message: z.string() });

/** What the model made, and what a person made of it. */
export const RESULT_KINDS = ['segmentation', 'correction'] as const;

export const findingsSchema = z.strictObject({
  run: z.string(),
  kind: z.enum(RESULT_KINDS).default('segmentation'),
  /** Of a correction, the run whose result was corrected. */
  corrects: z.string().nullable().default(null),
  /** Of a correction, who made it; null where nobody had to sign in. */
  reviewer: z.string().nullable().default(null),
  supersedes: z.string().nullable(),
  model: z.strictObject({ id: z.string(), version: z.string(), digest: z.string() }),
  engine: z.strictObject({
    provider: z.enum(PROVIDERS),
    device: z.string(),
    timingsMs: z.strictObject({
      retrieve: milliseconds,
      assemble: milliseconds,
      segment: milliseconds,
      measure: milliseconds,
      report: milliseconds,
      /** null when nothing was stored. */
      store: milliseconds.nullable(),
    }),
  }),
  series: z.strictObject({
    studyInstanceUID: z.string(),
    seriesInstanceUID: z.string(),
    slices: z.int().positive(),
    columns: z.int().positive().nullable().default(null),
    rows: z.int().positive().nullable().default(null),
    spacingMm: positionMm,
  }),
  objects: z.strictObject({
    seg: storedObject.nullable(),
    sr: storedObject.nullable(),
    secondaryCapture: storedObject.nullable(),
  }),
  liver: z.strictObject({ volumeMl: z.number().nonnegative(), parenchymaMl: z.number().nonnegative(), algorithmType }),
  lesionBurdenMl: z.number().nonnegative(),
  lesions: z.array(lesionSchema),
  /** This scan read against an earlier one of the patient; null where none was looked for. */
  priors: priorsSchema.nullable().default(null),
  warnings: z.array(warningSchema),
  notice: z.string(),
});

export type AlgorithmType = (typeof ALGORITHM_TYPES)[number];
export type Lesion = z.infer<typeof lesionSchema>;
export type FindingsDocument = z.infer<typeof findingsSchema>;

/** Said in every result. */
export const NOTICE = 'Research use only. Not a medical device; not for diagnosis or treatment.';
