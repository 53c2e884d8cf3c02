import type { Field } from '../volume/field.ts';
import type { Warning } from '../volume/series.ts';
import type { Box, LabelMap, Vec3 } from '../volume/volume.ts';

/** Values of a segmentation's label map. */
export const BACKGROUND = 0;
export const LIVER = 1;
export const LESION = 2;

/** What the cascade found, on the scanner's own grid. */
export interface Segmentation {
  /** BACKGROUND, LIVER (without its lesions) or LESION for each voxel of the volume. */
  readonly labelMap: LabelMap<Uint8Array>;
  /** Lesion probability in 1/255, for the voxels of `box` only, i fastest; outside the box it is zero, and nothing is labelled. */
  readonly lesionProbability: { readonly box: Box; readonly values: Uint8Array };
  /** Null when the model has no such output. */
  readonly heatMap: HeatMap | null;
  /** Median HU of the liver that the locating stage found. */
  readonly liverMedianHu: number;
  readonly engine: EngineInfo;
  /** What went otherwise than configured while it was computed. */
  readonly warnings?: readonly Warning[];
}

/** How probable it is that a patch of the scan holds lesion: the answer of a head of its own, beside the mask. */
export interface HeatMap {
  /** Probability 0 to 1 on a patient-aligned grid whose voxels are half a patch along each axis. */
  readonly field: Field;
  readonly patchMm: Vec3;
}

/** What ONNX Runtime can compute on, as it is named everywhere. */
export const PROVIDERS = ['cuda', 'directml', 'coreml', 'webgpu', 'cpu'] as const;
export type Provider = (typeof PROVIDERS)[number];

/** What computed a result. */
export interface EngineInfo {
  readonly provider: Provider;
  /** e.g. 'CPU, 2 threads' or the GPU's name. */
  readonly device: string;
}
