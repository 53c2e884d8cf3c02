import { z } from 'zod';
import { PROVIDERS } from './segmentation.ts';

/**
 * The manifest of a model: everything the server must know to run a network on a CT series.
 *
 * Axes. A stage's input is a float32 tensor of shape [1, 1, Z, Y, X] on a grid aligned with the patient:
 * X grows to the patient's Left, Y to Posterior, Z to Superior (the DICOM patient system, LPS), X fastest in memory.
 * All triples in the manifest are [x, y, z]. The output is [1, C, Z, Y, X], one channel for each of `channels`.
 */
const triple = <T extends z.ZodType>(item: T) => z.tuple([item, item, item]);
const code = z.strictObject({
  value: z.string().min(1),
  scheme: z.string().min(1),
  meaning: z.string().min(1).max(64),
});
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const plainFileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*\.onnx$/, 'a plain file name ending in .onnx');
/** Text that goes into DICOM attributes is ASCII, so that it is valid under every Specific Character Set. */
const dicomText = (longest: number) =>
  z
    .string()
    .min(1)
    .max(longest)
    .regex(/^[\x20-\x5b\x5d-\x7e]+$/, 'printable ASCII without backslash');

/** How HU become network input. */
const intensity = z.discriminatedUnion('kind', [
  /** (clip(HU, lowHu, highHu) - centreHu) / scaleHu */
  z.strictObject({
    kind: z.literal('window'),
    lowHu: z.number(),
    highHu: z.number(),
    centreHu: z.number(),
    scaleHu: z.number().positive(),
  }),
  /** clip(HU - m, -clipHu, +clipHu) / scaleHu, where m is the median HU of the liver that the locating stage found. */
  z.strictObject({
    kind: z.literal('liver-median'),
    clipHu: z.number().positive(),
    scaleHu: z.number().positive(),
  }),
  /** (HU - mean) / standard deviation, of all voxels of the scan. For a network that sees the whole scan. */
  z.strictObject({ kind: z.literal('scan-zscore') }),
  /** (HU - lowest) / (highest - lowest), of all voxels of the scan. For a network that sees the whole scan. */
  z.strictObject({ kind: z.literal('scan-range') }),
]);

/** What a channel of the output stands for; channels are mutually exclusive (softmax). */
const channel = z.enum(['background', 'liver', 'lesion', 'other']);

const network = { file: plainFileName, sha256 };

/** Another form of a network, of the same weights, for the providers that run it better. */
const variant = z.strictObject({ providers: z.array(z.enum(PROVIDERS)).min(1), ...network });

/**
 * What the network answers to a made-up window: value n of the input, x fastest, is 2 sin(0.37 n) cos(0.0113 n), and
 * value i of `values` is number floor((i + 1/2) n / values) of the n values of the output. A provider that is further from it is wrong.
 */
const reference = z.strictObject({
  /** Root mean square of the difference, as a share of the values' standard deviation. */
  tolerance: z.number().positive().max(0.5),
  values: z.array(z.number()).min(16).max(4096),
});

const stage = z.strictObject({
  /** The network that runs on each provider for which no variant is named. */
  ...network,
  variants: z.array(variant).min(1).optional(),
  /** Tensor names in the ONNX graph. */
  input: z.string().default('x'),
  output: z.string().default('y'),
  activation: z.enum(['logits', 'probabilities']).default('logits'),
  channels: z.array(channel).min(2),
  spacingMm: triple(z.number().positive()),
  windowVoxels: triple(z.int().positive().multipleOf(2)),
  /** Share of a window that the next one overlaps, along each axis. */
  overlap: z.number().min(0).max(0.75),
  intensity,
  reference: reference.optional(),
});

/**
 * Windows of the segmenting network may be larger, by multiples of `stepVoxels` along each axis, up to `mostVoxels` in all:
 * its graph leaves depth, height and width open. The box around a liver is then covered by as few voxels as can be.
 */
const largerWindows = z.strictObject({
  stepVoxels: z.int().positive().multipleOf(2),
  mostVoxels: z.int().positive(),
});

/**
 * A second output of the segmenting network: [1, 1, Z / pz, Y / py, X / px], for each patch of [px, py, pz] voxels of the
 * window whether it holds lesion.
 */
const presence = z.strictObject({
  output: z.string().default('presence'),
  activation: z.enum(['logits', 'probabilities']).default('logits'),
  patchVoxels: triple(z.int().positive()),
});

const kernel = z.enum(['nearest', 'linear', 'cubic']);
/**
 * How a grid is read. `coarseAxis`: when one axis is coarser than another by more than `ratio`, on the grid that is left
 * or else on the one that is reached, the coarsest axis is read with a kernel of its own, after all slices across it.
 * Left out: never.
 */
const resampling = <Kernels extends z.ZodType>(kernels: Kernels) =>
  z.strictObject({
    kernel: kernels,
    coarseAxis: z.strictObject({ ratio: z.number().nonnegative(), kernel: kernels }).optional(),
  });

/**
 * How a network that another system has trained is run: over the whole scan, on the scanner's own slices, with that
 * system's preparation, windows and decision. Its tensors are [1, 1, Z, Y, X] like any other's.
 */
const wholeScan = z.strictObject({
  /** Where the network's x, y and z grow to: the patient's Left or Right, Anterior or Posterior, Superior or Inferior. */
  orientation: z.string().regex(/^[LR][AP][SI]$/, 'three letters such as RAS: where x, y and z grow to'),
  /**
   * What the system does of itself.
   * nnunet (Isensee et al., Nat Methods 2021; version 2): a border of zeros is left out; intensities, then resampling;
   * grids share their outer faces; windows in even steps; Gaussian weights about the voxel at window / 2.
   * monai (Cardoso et al., arXiv 2211.02701): resampling, then intensities; grids share the centre of their first voxel;
   * windows at whole steps, the last at the end; Gaussian weights about the window's middle, at least 0.001.
   */
  conventions: z.enum(['nnunet', 'monai']),
  /** How HU get to the network's grid, and what the network says gets back to the scanner's. */
  resampling: z.strictObject({ hu: resampling(kernel), output: resampling(z.enum(['nearest', 'linear'])) }),
  /** What is brought back to the scanner's grid: the network's output, or probabilities made of it before. */
  resampled: z.enum(['output', 'probabilities']).default('output'),
  weights: z.enum(['gaussian', 'constant']).default('gaussian'),
  /** The network's output is the mean over the window mirrored along each set of these axes. */
  mirrorAxes: z
    .array(z.enum(['x', 'y', 'z']))
    .max(3)
    .default([]),
  /**
   * largest: a voxel is what its largest channel says. regions: channels overlap, each with a sigmoid of its own; a voxel
   * is what the last of those over one half says.
   */
  decide: z.enum(['largest', 'regions']).default('largest'),
});

export const manifestSchema = z.strictObject({
  schema: z.literal(1),
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  /** Goes into Segment Algorithm Name (LO). */
  name: dicomText(64),
  version: dicomText(16),
  description: dicomText(1024),
  modality: z.literal('CT'),
  licence: z.string(),
  labels: z.strictObject({
    liver: z.strictObject({ category: code, type: code }),
    lesion: z.strictObject({ category: code, type: code, anatomicRegion: code }),
  }),
  cascade: z.strictObject({
    /** Stage 1: finds the liver in the whole scan, on a coarse grid. Left out where `segment` sees the whole scan. */
    locate: stage.optional(),
    /** Below this volume stage 1's largest component is no liver: the series is refused. */
    leastLiverMl: z.number().nonnegative(),
    /** How far from stage 1's liver stage 2 looks for it: what it finds beyond, and a voxel of stage 1's grid, is none. */
    marginMm: z.number().nonnegative().default(0),
    /**
     * Stage 1's share in whether a voxel is liver, diseased or not: the mean of the two stages' probabilities, in which it weighs so
     * much. Which of that is lesion stage 2 says alone. Left out: stage 2 says all.
     */
    locateShare: z.number().min(0).max(1).optional(),
    /** Stage 2: liver and lesions, in windows that slide over the box. */
    segment: stage.extend({
      presence: presence.optional(),
      wholeScan: wholeScan.optional(),
      largerWindows: largerWindows.optional(),
    }),
  }),
  postprocessing: z.strictObject({
    /** Keep only the largest 26-connected component of liver and lesions together. */
    keepLargestLiver: z.boolean(),
    /** Holes of the liver up to this volume are filled with liver. */
    fillHolesMl: z.number().nonnegative(),
    /** Lesion components smaller than this become liver. */
    leastLesionMl: z.number().nonnegative(),
    /** Lesion components whose mean lesion probability is lower become liver. */
    leastLesionConfidence: z.number().min(0).max(1),
    /** Share of a lesion's surface neighbours that must be liver or lesion, else it becomes background. */
    leastInsideLiver: z.number().min(0).max(1),
  }),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type Stage = Manifest['cascade']['segment'];
export type Locate = Required<Manifest['cascade']>['locate'];
export type WholeScan = z.infer<typeof wholeScan>;
export type Resampling = WholeScan['resampling']['hu'];
export type Kernel = z.infer<typeof kernel>;
export type LargerWindows = z.infer<typeof largerWindows>;
export type Presence = z.infer<typeof presence>;
/** A network's file in the model's folder, and its digest. */
export type NetworkFile = Pick<Stage, 'file' | 'sha256'>;
export type Intensity = z.infer<typeof intensity>;

/** The stages of a model, in the order in which they run. */
export function stagesOf({ cascade: { locate, segment } }: Pick<Manifest, 'cascade'>): readonly NamedStage[] {
  return [...(locate ? [{ name: 'locate', stage: locate } as const] : []), { name: 'segment', stage: segment }];
}

export interface NamedStage {
  readonly name: 'locate' | 'segment';
  readonly stage: Stage;
}
