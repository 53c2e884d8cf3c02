import type { Dataset } from '../dicom/dataset.ts';
import { parseInstance } from '../dicom/parse.ts';
import { type Provenance, provenanceOf } from '../reports/provenance.ts';

/** What tells results from one another, without reading their voxels. */
export interface AboutSegmentation {
  readonly dataset: Dataset;
  readonly provenance: Provenance;
  /** The CT series that was segmented; null when it is not said. */
  readonly sourceSeriesUid: string | null;
  /** Whether a person drew or changed any of its segments. */
  readonly isCorrected: boolean;
  /** Content Date and Time, as they are written. */
  readonly created: string;
}

/** @returns null for what is no segmentation of ours that says what is where: probabilities, others' objects, damaged files */
export function aboutSegmentation(file: Uint8Array): AboutSegmentation | null {
  const dataset = headerOf(file);
  const provenance = dataset && provenanceOf(dataset);
  if (!dataset || !provenance || dataset.text('00620001') === 'FRACTIONAL') return null;
  return {
    dataset,
    provenance,
    sourceSeriesUid: dataset.items('00081115')[0]?.text('0020000e') ?? null,
    isCorrected: dataset.items('00620002').some((segment) => segment.text('00620008') !== 'AUTOMATIC'),
    created: `${dataset.text('00080023') ?? ''}${dataset.text('00080033') ?? ''}`,
  };
}

/** null for what is damaged: whose it is cannot be told. */
export function headerOf(file: Uint8Array): Dataset | null {
  try {
    return parseInstance(file).dataset;
  } catch {
    return null;
  }
}
