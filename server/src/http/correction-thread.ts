/** Reads one correction, away from the event loop, and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { type Corrected, CorrectionRejected, readCorrection } from '../correction/gate.ts';

export interface CorrectionThreadData {
  readonly json: Uint8Array;
  readonly corrected: Corrected;
}

export type CorrectionThreadAnswer =
  | { readonly kind: 'read'; readonly digest: string; readonly payload: Uint8Array }
  | { readonly kind: 'rejected'; readonly code: string; readonly message: string };

const { json, corrected } = workerData as CorrectionThreadData;
parentPort!.postMessage(answer());

function answer(): CorrectionThreadAnswer {
  try {
    const { digest, text } = readCorrection(json, corrected);
    return { kind: 'read', digest, payload: gzipSync(text) };
  } catch (error) {
    if (!(error instanceof CorrectionRejected)) throw error;
    return { kind: 'rejected', code: error.code, message: error.message };
  }
}
