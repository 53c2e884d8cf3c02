/** Stores one review, away from the event loop, and ends: to make a DICOM object takes modules that take a while to load. */
import { parentPort, workerData } from 'node:worker_threads';
import { ArchiveError } from '../dicomweb/errors.ts';
import { type ReviewOrder, storeReview } from '../review.ts';

export type ReviewAnswer =
  | { readonly kind: 'stored' }
  | { readonly kind: 'archive-failed'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string; readonly stack: string | undefined };

const ARCHIVE_ANSWERS_WITHIN_MS = 20_000;

parentPort!.postMessage(await answer(workerData as ReviewOrder));

async function answer(order: ReviewOrder): Promise<ReviewAnswer> {
  const signal = AbortSignal.timeout(ARCHIVE_ANSWERS_WITHIN_MS);
  try {
    await storeReview(order, signal);
    return { kind: 'stored' };
  } catch (error) {
    if (signal.aborted) return { kind: 'archive-failed', message: 'The archive does not answer in time.' };
    if (error instanceof ArchiveError) return { kind: 'archive-failed', message: error.withoutAddress };
    const { message, stack } = error as Error;
    return { kind: 'failed', message, stack };
  }
}
