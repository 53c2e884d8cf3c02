import { type Connection, failureOf, readWhole } from './connection.ts';
import { type ArchiveError, BrokenTransfer } from './errors.ts';

const LONGEST_ANSWER_BYTES = 256 * 1024 * 1024;

/**
 * The part of a browser's XMLHttpRequest that dicomweb-client uses, over our own connection. That client is written
 * for browsers; it takes a request object for each call, so nothing global has to be patched, and time-outs, abort,
 * authorization and redirects follow the same rules as everything else that goes to the archive.
 */
export class ArchiveXmlHttpRequest {
  readyState = 0;
  status = 0;
  response: unknown = null;
  responseType = '';
  withCredentials = false;
  onreadystatechange: (() => void) | null = null;
  onloadstart: (() => void) | null = null;
  onloadend: (() => void) | null = null;
  onprogress: ((event: unknown) => void) | null = null;

  /** Why the request failed, which dicomweb-client reduces to 'request failed'; null when it did not. */
  failure: unknown = null;

  readonly #connection: Connection;
  readonly #signal: AbortSignal | undefined;
  readonly #requestHeaders: Record<string, string> = {};
  #responseHeaders: Readonly<Record<string, string | undefined>> = {};
  #method: 'GET' | 'POST' = 'GET';
  #url = '';

  constructor(connection: Connection, signal?: AbortSignal) {
    this.#connection = connection;
    this.#signal = signal;
  }

  open(method: string, url: string): void {
    this.#method = method.toUpperCase() === 'POST' ? 'POST' : 'GET';
    this.#url = url;
  }

  setRequestHeader(name: string, value: string): void {
    this.#requestHeaders[name.toLowerCase()] = value;
  }

  getResponseHeader(name: string): string | null {
    return this.#responseHeaders[name.toLowerCase()] ?? null;
  }

  getAllResponseHeaders(): string {
    return Object.entries(this.#responseHeaders)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('');
  }

  send(body?: ArrayBuffer): void {
    this.#exchange(body).then(
      (failure) => this.#finish(failure),
      (error: unknown) => this.#finish(error),
    );
  }

  async #exchange(body: ArrayBuffer | undefined): Promise<ArchiveError | null> {
    this.onloadstart?.();
    const answer = await this.#connection.send(new URL(this.#url), {
      method: this.#method,
      headers: this.#requestHeaders,
      signal: this.#signal,
      ...(body ? { body: new Uint8Array(body) } : {}),
    });
    const bytes = await readWhole(answer, LONGEST_ANSWER_BYTES);
    // dicomweb-client knows 200, 202, 204 and 206 only.
    this.status = answer.status === 201 ? 200 : answer.status;
    this.#responseHeaders = answer.headers;
    // STOW answers say in JSON what failed, so the body of an error counts too.
    this.response = bytes.length > 0 ? parseJson(bytes) : null;
    const unreadable =
      this.response === undefined && new BrokenTransfer(answer.url, 'it is not DICOM JSON', { transient: false });
    return failureOf(answer) ?? (unreadable || null);
  }

  #finish(failure: unknown): void {
    this.failure = failure;
    if (failure !== null && this.status < 400) this.status = 0;
    this.readyState = 4;
    this.onreadystatechange?.();
    this.onloadend?.();
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
