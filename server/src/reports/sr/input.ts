import type { Findings } from '../../findings/measure.ts';
import type { Comparison } from '../../findings/priors.ts';
import type { Algorithm } from '../seg/segments.ts';
import type { SegInput } from '../seg.ts';

/** What a report is made from. */
export interface SrInput extends Omit<SegInput, 'segments' | 'lesions'>, Algorithm {
  readonly findings: Findings;
  /** This scan read against an earlier one; null or left out where it was not. */
  readonly comparison?: Comparison | null;
  /** The objects that hold the voxels of the lesions and of the liver without them; null where no object does. */
  readonly segmentations: { readonly lesions: SegmentationObject | null; readonly liver: SegmentationObject | null };
}

export interface SegmentationObject {
  readonly seriesInstanceUid: string;
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
}
