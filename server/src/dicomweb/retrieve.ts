import { type Connection, failureOf, type HttpAnswer, readWhole } from './connection.ts';
import { BrokenTransfer, NotFound } from './errors.ts';
import { boundaryOf, MultipartError, readMultipart } from './multipart.ts';
import { sopInstanceUidOf } from './part10.ts';
import { beforeNextTry, type RetryOptions } from './retry.ts';

/** The instance as the archive holds it: no transcoding, whatever its transfer syntax (PS3.18 section 8.7.3.5.2). */
const AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*';

export interface RetrieveOptions {
  readonly signal?: AbortSignal | undefined;
  /** The SOP Instance UIDs that are wanted: exactly these are delivered, once each. Without it: whatever the archive sends. */
  readonly instances?: readonly string[] | undefined;
  readonly maxInstanceBytes: number;
  readonly retry: RetryOptions;
}

/**
 * A series' DICOM files as they arrive (WADO-RS, PS3.18 section 10.4), in the archive's order, each SOP instance once.
 * The consumer sets the pace: while it works, the socket stands still. After a transfer that broke, what is still missing is
 * asked for again, one instance at a time when it is known which are missing.
 * @param seriesUrl address of the series, `{root}/studies/{uid}/series/{uid}`
 * @throws NotFound, ArchiveRefused, ArchiveUnreachable, BrokenTransfer; the signal's reason when it aborts
 */
export async function* retrieveSeries(
  connection: Connection,
  seriesUrl: string,
  options: RetrieveOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal, retry } = options;
  const wanted = options.instances && new Set(options.instances);
  const delivered = new Set<string>();
  for (let failed = 0; ; ) {
    try {
      for (const url of whatToAskFor(seriesUrl, wanted, delivered)) {
        for await (const file of retrieveFiles(connection, new URL(url), options)) {
          const uid = sopInstanceUidOf(file);
          if (uid === null) throw new BrokenTransfer(url, 'a part is no DICOM file', { transient: false });
          if (delivered.has(uid) || (wanted && !wanted.has(uid))) continue;
          delivered.add(uid);
          failed = 0;
          yield file;
          signal?.throwIfAborted();
        }
      }
      if (!wanted) return;
      const missing = missingOf(wanted, delivered).length;
      if (missing === 0) return;
      throw new BrokenTransfer(seriesUrl, `${missing} of ${wanted.size} instances did not come`);
    } catch (error) {
      failed += 1;
      await beforeNextTry(error, failed, retry, signal);
    }
  }
}

function whatToAskFor(
  seriesUrl: string,
  wanted: ReadonlySet<string> | undefined,
  delivered: ReadonlySet<string>,
): readonly string[] {
  if (!wanted || delivered.size === 0) return [seriesUrl];
  return missingOf(wanted, delivered).map((uid) => `${seriesUrl}/instances/${uid}`);
}

function missingOf(wanted: ReadonlySet<string>, delivered: ReadonlySet<string>): readonly string[] {
  return [...wanted].filter((uid) => !delivered.has(uid));
}

/** The files of one answer. */
async function* retrieveFiles(
  connection: Connection,
  url: URL,
  { signal, maxInstanceBytes }: RetrieveOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const answer = await connection.send(url, { method: 'GET', headers: { accept: AS_STORED }, signal });
  const failure = answer.status === 204 ? new NotFound(url) : failureOf(answer);
  const form = failure ? null : formOf(answer);
  if (failure || form instanceof BrokenTransfer) {
    answer.discard();
    throw failure ?? form;
  }
  if (form === null) {
    yield await readWhole(answer, maxInstanceBytes);
    return;
  }
  try {
    for await (const part of readMultipart(answer.body, form.boundary, { maxPartBytes: maxInstanceBytes })) {
      yield part.content;
    }
  } catch (error) {
    if (!(error instanceof MultipartError)) throw error;
    throw new BrokenTransfer(url, error.message, { transient: error.transient, cause: error });
  }
}

/** How the files are wrapped: multipart with its boundary; null for one file as such. */
function formOf({ headers, url }: HttpAnswer): { boundary: string } | BrokenTransfer | null {
  const type = headers['content-type'];
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') {
    return new BrokenTransfer(url, `it came as ${encoding}, which was not asked for`, { transient: false });
  }
  const boundary = boundaryOf(type);
  if (boundary !== null) return { boundary };
  const plain = type?.split(';')[0]?.trim().toLowerCase();
  if (plain === 'application/dicom') return null;
  return new BrokenTransfer(url, `it is ${plain || 'of no stated type'}, not multipart/related`, { transient: false });
}
