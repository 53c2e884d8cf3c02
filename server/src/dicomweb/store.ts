import type { Ask } from './client.ts';
import { BrokenTransfer, StoreFailed } from './errors.ts';
import { sopInstanceUidOf } from './part10.ts';
import { readStoreAnswer, type StoreOutcome, type StoreWarning } from './store-answer.ts';

export interface StoreReceipt {
  /** SOP Instance UIDs, in the order in which the archive confirmed them. */
  readonly stored: readonly string[];
  readonly warnings: readonly StoreWarning[];
}

/** A request to store holds one object, or more up to this size: proxies limit bodies, and a retry sends all of it again. */
const REQUEST_BYTES = 32 * 1024 ** 2;

/**
 * Stores DICOM files in their order (STOW-RS, PS3.18 section 10.5), and resolves when the archive has confirmed each one.
 * @throws StoreFailed when it did not take every object; the requests before are stored
 */
export async function storeFiles(
  ask: Ask,
  root: string,
  studyUid: string,
  files: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<StoreReceipt> {
  const stored: string[] = [];
  const warnings: StoreWarning[] = [];
  for await (const batch of inBatches(files)) {
    const outcome = await storeTogether(ask, root, studyUid, batch, signal);
    stored.push(...outcome.stored);
    warnings.push(...outcome.warnings);
  }
  return { stored, warnings };
}

function storeTogether(
  ask: Ask,
  root: string,
  studyUid: string,
  files: readonly Uint8Array[],
  signal: AbortSignal | undefined,
): Promise<StoreOutcome> {
  const url = `${root}/studies/${studyUid}`;
  const sent = files.map((file) => {
    const uid = sopInstanceUidOf(file);
    if (uid === null) throw new TypeError('Only DICOM files with their File Meta Information can be stored.');
    return uid;
  });
  return ask(
    (client, request) => client.storeInstances({ datasets: files, studyInstanceUID: studyUid, request }),
    ({ failure, response }) => {
      const outcome = readStoreAnswer(response, sent);
      if (outcome && outcome.failures.length > 0) throw new StoreFailed(url, outcome.failures);
      // Also under an error's status: 409 is right when all was there already.
      if (outcome) return outcome;
      if (failure !== null) throw failure;
      throw new BrokenTransfer(url, 'the archive did not say what it stored', { transient: false });
    },
    signal,
  );
}

async function* inBatches(
  files: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly Uint8Array[]> {
  let batch: Uint8Array[] = [];
  let bytes = 0;
  for await (const file of files) {
    if (batch.length > 0 && bytes + file.length > REQUEST_BYTES) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(file);
    bytes += file.length;
  }
  if (batch.length > 0) yield batch;
}
