import type { Provider } from '../inference/segmentation.ts';
import type { Provenance } from './provenance.ts';

/** What a report of ours in an archive says of its run. */
export interface ArchivedRun extends Provenance {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  /** SOP Instance UIDs of the slices that were segmented. */
  readonly instances: readonly string[];
  readonly model: { readonly id: string; readonly version: string; readonly digest: string };
  readonly engine: { readonly provider: Provider; readonly device: string };
  readonly createdAt: Date;
  /** Of the lesions, by tracking UID. */
  readonly confidences: Readonly<Record<string, number>>;
}
