/** A part of a multipart body: its header fields (names in lower case) and its whole content. */
export interface Part {
  readonly headers: ReadonlyMap<string, string>;
  readonly content: Uint8Array;
}

/** The body ended early, breaks the rules of RFC 2046, or has a part above the limit. */
export class MultipartError extends Error {
  override readonly name = 'MultipartError';
  /** Whether another try may do better: a part that is too large will be so again. */
  readonly transient: boolean;

  constructor(message: string, transient = true) {
    super(message);
    this.transient = transient;
  }
}

const CRLF = Buffer.from('\r\n');
const END_OF_HEADERS = Buffer.from('\r\n\r\n');
const LONGEST_HEADER_BYTES = 16 * 1024;
const FIRST_ALLOCATION_BYTES = 1024 * 1024;

/**
 * The boundary parameter of a multipart media type (RFC 2046 section 5.1.1), quoted or not;
 * null when the type is not multipart or has none.
 */
export function boundaryOf(contentType: string | undefined): string | null {
  if (!contentType || !/^\s*multipart\//i.test(contentType)) return null;
  const match = /;\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i.exec(contentType);
  const boundary = match?.[1]?.replace(/\\(.)/g, '$1') ?? match?.[2];
  return boundary ? boundary : null;
}

/**
 * Splits a multipart body (RFC 2046 section 5.1) into its parts as its bytes arrive. Bytes are taken from `body` only when
 * the next part is asked for, and no more is held than one part and one chunk. A part's Content-Length is believed
 * when a delimiter follows it; without one, the delimiter is searched for. How the body is cut into chunks does not matter.
 * @throws MultipartError when the closing delimiter is missing, so that a cut-off part is never given as whole
 */
export async function* readMultipart(
  body: AsyncIterable<Uint8Array>,
  boundary: string,
  options: { readonly maxPartBytes: number },
): AsyncGenerator<Part, void, undefined> {
  const chunks = body[Symbol.asyncIterator]();
  const input = new Input(chunks);
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  try {
    await skipPreamble(input, delimiter);
    while (!(await isLastDelimiter(input))) {
      const headers = parseHeaders(await input.upTo(END_OF_HEADERS, LONGEST_HEADER_BYTES, 'header of a part'));
      const length = contentLengthOf(headers);
      if (length !== null && length > options.maxPartBytes) throw tooLarge(options.maxPartBytes);
      const content =
        length === null
          ? await input.upTo(delimiter, options.maxPartBytes, 'part')
          : await input.exactly(length, delimiter);
      yield { headers, content };
    }
  } finally {
    await chunks.return?.();
  }
}

/** Text before the first delimiter is to be ignored; the first delimiter may stand at the very start, without CRLF. */
async function skipPreamble(input: Input, delimiter: Buffer): Promise<void> {
  const first = delimiter.subarray(CRLF.length);
  if (await input.startsWith(first)) input.skip(first.length);
  else await input.upTo(delimiter, LONGEST_HEADER_BYTES, 'preamble');
}

/** After a delimiter: '--' closes the body; else blanks and CRLF lead to the next part (its header may be empty). */
async function isLastDelimiter(input: Input): Promise<boolean> {
  if (await input.startsWith(Buffer.from('--'))) return true;
  while ((await input.startsWith(Buffer.from(' '))) || (await input.startsWith(Buffer.from('\t')))) input.skip(1);
  if (!(await input.startsWith(CRLF))) throw new MultipartError('a delimiter is not followed by a line end');
  return false;
}

function parseHeaders(bytes: Uint8Array): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  for (const line of text.split('\r\n').filter(Boolean)) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new MultipartError('a part has a malformed header line');
    headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return headers;
}

function contentLengthOf(headers: ReadonlyMap<string, string>): number | null {
  const text = headers.get('content-length');
  if (text === undefined) return null;
  const length = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(length)) throw new MultipartError('a part has a malformed Content-Length');
  return length;
}

function tooLarge(maxBytes: number): MultipartError {
  return new MultipartError(`a part is larger than ${maxBytes} bytes`, false);
}

/** The bytes that have arrived and are not used yet, and how to get more. */
class Input {
  #pending: Buffer = Buffer.alloc(0);
  readonly #chunks: AsyncIterator<Uint8Array>;

  constructor(chunks: AsyncIterator<Uint8Array>) {
    this.#chunks = chunks;
  }

  async startsWith(token: Buffer): Promise<boolean> {
    while (this.#pending.length < token.length) {
      const chunk = await this.#next('delimiter');
      this.#pending = this.#pending.length > 0 ? Buffer.concat([this.#pending, chunk]) : chunk;
    }
    return this.#pending.subarray(0, token.length).equals(token);
  }

  skip(bytes: number): void {
    this.#pending = this.#pending.subarray(bytes);
  }

  /** The next `length` bytes, which `delimiter` must follow; both are used up. Copied once, into memory of their own. */
  async exactly(length: number, delimiter: Buffer): Promise<Uint8Array> {
    const content = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      if (this.#pending.length === 0) this.#pending = await this.#next('part');
      const copied = this.#pending.copy(content, filled);
      filled += copied;
      this.skip(copied);
    }
    if (!(await this.startsWith(delimiter))) throw new MultipartError('a part does not end where its length says');
    this.skip(delimiter.length);
    return content;
  }

  /** The bytes before the next `token`; both are used up. */
  async upTo(token: Buffer, maxBytes: number, what: string): Promise<Uint8Array> {
    let content = Buffer.alloc(0);
    let filled = 0;
    const append = (bytes: Buffer): void => {
      if (filled + bytes.length > maxBytes) throw tooLarge(maxBytes);
      if (filled + bytes.length > content.length) {
        const grown = Buffer.allocUnsafeSlow(
          Math.max(
            filled + bytes.length,
            Math.min(2 * content.length, maxBytes),
            Math.min(FIRST_ALLOCATION_BYTES, maxBytes),
          ),
        );
        content.copy(grown, 0, 0, filled);
        content = grown;
      }
      filled += bytes.copy(content, filled);
    };
    for (;;) {
      const at = this.#pending.indexOf(token);
      if (at >= 0) {
        append(this.#pending.subarray(0, at));
        this.skip(at + token.length);
        // A copy, as a view would keep the spare memory alive for as long as the part.
        return filled === content.length ? content : new Uint8Array(content.subarray(0, filled));
      }
      // The last bytes may be the beginning of the token.
      const kept = Math.min(token.length - 1, this.#pending.length);
      append(this.#pending.subarray(0, this.#pending.length - kept));
      const rest = this.#pending.subarray(this.#pending.length - kept);
      this.#pending = Buffer.concat([rest, await this.#next(what)]);
    }
  }

  async #next(what: string): Promise<Buffer> {
    for (;;) {
      const { done, value } = await this.#chunks.next();
      if (done) throw new MultipartError(`the body ends in the middle of a ${what}`);
      if (value.length > 0) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
  }
}
