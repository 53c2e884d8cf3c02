import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { unpackOddFrames } from '../dicom/unpack-bits.ts';
import { boundaryOf, readMultipart } from '../dicomweb/multipart.ts';

/** Segmentation Storage; File Meta Information has it near the beginning of a file. */
const SEGMENTATION = '1.2.840.10008.5.1.4.1.1.66.4';
const BEGINNING_BYTES = 2048;
const LARGEST_SEGMENTATION_BYTES = 2 ** 30;

/** The body of an answer, and its Content-Type. */
export interface Body {
  readonly contentType: string;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Whether it is another one than the archive's, so that its length is too. */
  readonly rewritten: boolean;
}

/**
 * The answer to RetrieveInstance (PS3.18 section 10.4) in a form that the viewer reads: segmentations whose frames do not
 * end at whole bytes get one byte a pixel. All else passes through as it comes.
 */
export async function withWholeFrames(contentType: string, chunks: AsyncIterable<Uint8Array>): Promise<Body> {
  const iterator = chunks[Symbol.asyncIterator]();
  const beginning: Uint8Array[] = [];
  let length = 0;
  while (length < BEGINNING_BYTES) {
    const { done, value } = await iterator.next();
    if (done) break;
    beginning.push(value);
    length += value.length;
  }
  const whole = resumed(beginning, iterator);
  const head = Buffer.concat(beginning).subarray(0, BEGINNING_BYTES).toString('latin1');
  if (!head.includes(SEGMENTATION)) return { contentType, chunks: whole, rewritten: false };

  const boundary = boundaryOf(contentType);
  const parts: Uint8Array[] = [];
  if (boundary === null) {
    const file = await buffer(Readable.from(whole, { objectMode: false }));
    parts.push(unpackOddFrames(file) ?? file);
  } else {
    for await (const { content } of readMultipart(whole, boundary, { maxPartBytes: LARGEST_SEGMENTATION_BYTES })) {
      const part = Buffer.from('\r\nContent-Type: application/dicom\r\n\r\n');
      parts.push(Buffer.from(`--${boundary}`), part, unpackOddFrames(content) ?? content, Buffer.from('\r\n'));
    }
    parts.push(Buffer.from(`--${boundary}--\r\n`));
  }
  return { contentType, chunks: asyncly(parts), rewritten: true };
}

async function* resumed(
  beginning: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* beginning;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

async function* asyncly(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* parts;
}
