import type { Dataset } from '../dicom/dataset.ts';

/** What may be an earlier result of the patient. */
export interface Candidate {
  /** DICOM files of its segmentations: one, or the lesions' and the liver's own. */
  readonly segs: readonly Uint8Array[];
  /** Headers of the first and the last of the given images of its source, as far as they are at hand. */
  sourceImages(source: { seriesInstanceUid: string; sopInstanceUids: readonly string[] }): Promise<readonly Dataset[]>;
}

/** Where a segmentation lies in an archive: enough to take the same one again. */
export interface CandidateAddress {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
}
