import type { Dataset } from '../dicom/dataset.ts';

/** A segmentation that may be an earlier result of the patient. */
export interface Candidate {
  readonly sopInstanceUid: string;
  /** The DICOM file. */
  readonly seg: Uint8Array;
  /** Headers of the first and the last of the given images of its source, as far as they are at hand. */
  sourceImages(source: { seriesInstanceUid: string; sopInstanceUids: readonly string[] }): Promise<readonly Dataset[]>;
}

/** Where a candidate lies in an archive: enough to take the same one again. */
export interface CandidateAddress {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
}
