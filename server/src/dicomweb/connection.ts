import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { type ArchiveError, ArchiveRefused, ArchiveUnreachable, BrokenTransfer, NotFound } from './errors.ts';

/** Where an archive is and how to be let in. */
export interface ArchiveAddress {
  /** Base address of its DICOMweb services; may hold `user:password@`. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** A bearer token (RFC 6750); goes before user name and password. */
  readonly bearer?: string;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal | undefined;
}

/** An answer whose body is read by whoever iterates over it; ending the iteration early closes the connection. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** After redirects. */
  readonly url: URL;
  readonly body: AsyncIterable<Uint8Array>;
  /** For a body that nobody is going to read: closes the connection. */
  discard(): void;
}

const MOST_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** TLS and address failures that no retry mends. */
const LASTING = /^(ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_INVALID|EPROTO|ERR_SSL|ENOTFOUND$)/;

/**
 * HTTP to one archive: keeps connections open, adds the authorization, and gives up after `idleTimeoutMs` without a byte
 * in either direction. Built on node:http because its bodies stop the socket as soon as nobody reads.
 */
export class Connection {
  /** Base address without credentials and without a slash at its end. */
  readonly root: string;
  readonly #origin: string;
  readonly #authorization: string | undefined;
  readonly #idleTimeoutMs: number;
  readonly #agents = {
    'http:': new HttpAgent({ keepAlive: true }),
    'https:': new HttpsAgent({ keepAlive: true }),
  };

  /** @throws ArchiveUnreachable when the address is not http or https */
  constructor(address: ArchiveAddress, idleTimeoutMs: number) {
    const base = URL.parse(address.url);
    if (!base || !isWeb(base)) {
      throw new ArchiveUnreachable(address.url, 'the address must begin with http:// or https://', {
        transient: false,
      });
    }
    this.#authorization = authorizationOf(address, base);
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#origin = base.origin;
    this.root = base.origin + base.pathname.replace(/\/+$/, '');
  }

  /** Closes the connections that are kept open; the connection can be used again. */
  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }

  /**
   * Sends one request and resolves as soon as the answer's head is there, whatever its status. GET follows redirects;
   * the authorization goes to the archive's own origin only.
   * @throws ArchiveUnreachable, or the signal's reason when it aborts
   */
  async send(url: URL, request: HttpRequest): Promise<HttpAnswer> {
    for (let target = url, hop = 0; ; hop += 1) {
      const message = await this.#sendOnce(target, request);
      const status = message.statusCode ?? 0;
      const location = message.headers.location;
      if (request.method === 'GET' && REDIRECTS.has(status) && location) {
        message.destroy();
        const next = URL.parse(location, target.href);
        if (!next || !isWeb(next) || (target.protocol === 'https:' && next.protocol === 'http:')) {
          throw new ArchiveUnreachable(target, 'it redirects to an address that is not safe', { transient: false });
        }
        if (hop === MOST_REDIRECTS) throw new ArchiveUnreachable(url, 'it redirects in circles', { transient: false });
        next.username = next.password = '';
        target = next;
        continue;
      }
      return {
        status,
        headers: message.headers as Record<string, string | undefined>,
        url: target,
        body: this.#bodyOf(message, target, request.signal),
        discard: () => message.destroy(),
      };
    }
  }

  #sendOnce(url: URL, { method, headers, body, signal }: HttpRequest): Promise<IncomingMessage> {
    signal?.throwIfAborted();
    const https = url.protocol === 'https:';
    const ours = url.origin === this.#origin ? this.#authorization : undefined;
    return new Promise((resolve, reject) => {
      const request = (https ? requestHttps : requestHttp)(url, {
        method,
        agent: this.#agents[https ? 'https:' : 'http:'],
        timeout: this.#idleTimeoutMs,
        ...(signal ? { signal } : {}),
        headers: {
          ...headers,
          'accept-encoding': 'identity',
          ...(ours ? { authorization: ours } : {}),
          ...(body ? { 'content-length': body.byteLength } : {}),
        },
      });
      request.once('response', (message) => {
        // From here on silence is measured only while somebody reads: a slow reader is no fault of the archive.
        request.setTimeout(0);
        resolve(message);
      });
      request.once('timeout', () => {
        request.destroy(new ArchiveUnreachable(url, silence(this.#idleTimeoutMs), { transient: true }));
      });
      request.on('error', (error: NodeJS.ErrnoException) => {
        if (signal?.aborted) reject(signal.reason);
        else if (error instanceof ArchiveUnreachable) reject(error);
        else
          reject(
            new ArchiveUnreachable(url, reasonOf(error), { transient: !LASTING.test(error.code ?? ''), cause: error }),
          );
      });
      request.end(body);
    });
  }

  /** The body's chunks; silence for longer than the idle time-out and a cut-off are a BrokenTransfer. */
  async *#bodyOf(message: IncomingMessage, url: URL, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    const chunks = message[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const idle = () => message.destroy(new BrokenTransfer(url, silence(this.#idleTimeoutMs)));
    try {
      for (;;) {
        const timer = setTimeout(idle, this.#idleTimeoutMs);
        const { done, value } = await chunks.next().finally(() => clearTimeout(timer));
        if (done) return;
        yield value;
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof BrokenTransfer) throw error;
      throw new BrokenTransfer(url, reasonOf(error as NodeJS.ErrnoException), { cause: error });
    } finally {
      message.destroy();
    }
  }
}

/** @returns the whole body, at most `maxBytes` of it; for answers that are small by nature */
export async function readWhole(answer: HttpAnswer, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body) {
    length += chunk.length;
    if (length > maxBytes) throw new BrokenTransfer(answer.url, `more than ${maxBytes} bytes`, { transient: false });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The error that an answer stands for; null for 2xx. */
export function failureOf(answer: Pick<HttpAnswer, 'status' | 'headers' | 'url'>): ArchiveError | null {
  const { status, url, headers } = answer;
  if (status >= 200 && status < 300) return null;
  if (status === 404 || status === 410) return new NotFound(url);
  const seconds = Number(headers['retry-after'] ?? Number.NaN);
  return new ArchiveRefused(url, status, Number.isFinite(seconds) ? seconds * 1000 : null);
}

function authorizationOf(address: ArchiveAddress, base: URL): string | undefined {
  if (address.bearer) return `Bearer ${address.bearer}`;
  const username = address.username ?? decodeURIComponent(base.username);
  const password = address.password ?? decodeURIComponent(base.password);
  return username ? `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` : undefined;
}

function isWeb(url: URL): boolean {
  return url.protocol === 'http:' || url.protocol === 'https:';
}

function silence(ms: number): string {
  return `no byte for ${ms / 1000} s`;
}

function reasonOf(error: NodeJS.ErrnoException): string {
  const known: Record<string, string> = {
    ECONNREFUSED: 'connection refused',
    ECONNRESET: 'connection closed by the other side',
    EPIPE: 'connection closed by the other side',
    ENOTFOUND: 'unknown host',
    EAI_AGAIN: 'host name not resolved',
    ERR_STREAM_PREMATURE_CLOSE: 'connection closed by the other side',
    ETIMEDOUT: 'connection timed out',
    EHOSTUNREACH: 'no route to the host',
    ENETUNREACH: 'no route to the network',
  };
  return known[error.code ?? ''] ?? error.code ?? error.message;
}
