import { parseInstance } from './dicom/parse.ts';
import { type ArchiveOptions, createArchive } from './dicomweb/archive.ts';
import { buildReview, type ReviewInput } from './reports/review.ts';
import { VERSION } from './version.ts';

/** A review to be put beside the result that it is about. */
export interface ReviewOrder extends Omit<ReviewInput, 'header' | 'softwareVersion'> {
  readonly archive: ArchiveOptions;
  readonly seriesInstanceUid: string;
  /** An image of the source. */
  readonly sopInstanceUid: string;
}

/** A person waits for the answer. */
const RETRY = { tries: 2, firstDelayMs: 200 };

/**
 * Puts a review into the archive. The same order stores the same bytes, so that it may be carried out again.
 * @throws ArchiveError when the archive cannot be reached or does not take it
 */
export async function storeReview(order: ReviewOrder, signal: AbortSignal): Promise<void> {
  const archive = createArchive({ ...order.archive, retry: RETRY });
  try {
    const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = order;
    const image = await archive.retrieveInstance(studyInstanceUid, seriesInstanceUid, sopInstanceUid, { signal });
    const header = parseInstance(image).dataset;
    await archive.store([buildReview({ ...order, header, softwareVersion: VERSION })], studyInstanceUid, { signal });
  } finally {
    archive.close();
  }
}
