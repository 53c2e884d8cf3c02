import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Request, RequestHandler, Response } from 'express';
import type { ArchiveOptions } from '../dicomweb/archive.ts';
import { Connection, failureOf, type HttpAnswer } from '../dicomweb/connection.ts';
import { HttpError } from './errors.ts';
import { withWholeFrames } from './odd-frames.ts';

/** What a viewer reads: QIDO-RS and WADO-RS of PS3.18 section 10. An archive has more under the same root. */
const RESOURCES = /^\/(studies|series|instances)(\/[A-Za-z0-9][\w.,:-]*)*\/?$/;
const ONE_INSTANCE = /^\/studies\/[\d.]+\/series\/[\d.]+\/instances\/[\d.]+\/?$/;
const FORWARDED = ['accept', 'range', 'if-none-match', 'if-modified-since', 'if-range'];
const RETURNED = [
  'content-type',
  'content-length',
  'content-range',
  'content-location',
  'accept-ranges',
  'etag',
  'last-modified',
  'warning',
];
const IDLE_TIMEOUT_MS = 60_000;

export interface ArchiveProxy {
  /** Mounted at /dicom-web. */
  readonly dicomWeb: RequestHandler;
  /** Mounted at /wado: WADO-URI, PS3.18 section 9. */
  readonly wado: RequestHandler;
  close(): void;
}

/**
 * Lets the viewer read the archive through this server, which knows the archive's credentials; the browser never sees
 * them. Reading only. Bodies pass at the browser's pace, and end when it goes.
 */
export function createArchiveProxy(archive: ArchiveOptions): ArchiveProxy {
  const connection = new Connection(archive, archive.idleTimeoutMs ?? IDLE_TIMEOUT_MS);
  const wadoRoot = new URL('../wado', `${connection.root}/`).href;
  const read = (root: string, isInstance: (path: string) => boolean, mayRead: (path: string) => boolean) =>
    (async (request, response) => {
      if (request.method !== 'GET') {
        response.set('Allow', 'GET');
        throw new HttpError(405, 'read-only', 'The archive can only be read through this server.');
      }
      const { path } = request;
      if (!mayRead(path)) throw new HttpError(404, 'no-such-route', 'The archive cannot be asked for this.');
      const search = URL.parse(request.originalUrl, root)?.search ?? '';
      const url = new URL(`${root}${path === '/' ? '' : path}${search}`);
      await forward(connection, url, request, response, isInstance(path));
    }) satisfies RequestHandler;
  return {
    dicomWeb: read(
      connection.root,
      (path) => ONE_INSTANCE.test(path),
      (path) => RESOURCES.test(path),
    ),
    wado: read(
      wadoRoot,
      () => true,
      (path) => path === '/',
    ),
    close: () => connection.close(),
  };
}

async function forward(
  connection: Connection,
  url: URL,
  request: Request,
  response: Response,
  isInstance: boolean,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    const answer = await connection.send(url, {
      method: 'GET',
      headers: headersFor(request, url),
      signal: gone.signal,
    });
    if (answer.status === 401 || answer.status === 403) {
      // It is this server that the archive does not let in: a browser that were told 401 would ask its user to log in.
      answer.discard();
      throw failureOf(answer);
    }
    await send(answer, response, isInstance && answer.status === 200);
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  }
}

/**
 * Orthanc makes the addresses in its answers from the Host header: with the browser's own they lead back here. Behind TLS
 * a name may choose between servers, and stays.
 */
function headersFor({ headers }: Request, url: URL): Record<string, string> {
  const forwarded = FORWARDED.flatMap((name) => {
    const value = headers[name];
    return typeof value === 'string' ? [[name, value] as const] : [];
  });
  const host = url.protocol === 'http:' && headers.host ? { host: headers.host } : {};
  return { ...Object.fromEntries(forwarded), ...host };
}

async function send(answer: HttpAnswer, response: Response, isInstance: boolean): Promise<void> {
  const contentType = answer.headers['content-type'] ?? 'application/octet-stream';
  const { status, body: chunks } = answer;
  const body = isInstance && /dicom(?!\+)/.test(contentType) ? await withWholeFrames(contentType, chunks) : null;
  response.status(status);
  for (const name of RETURNED) {
    const value = answer.headers[name];
    if (value !== undefined && !(body?.rewritten && name !== 'content-type')) response.set(name, value);
  }
  if (status === 204 || status === 304) {
    answer.discard();
    response.end();
    return;
  }
  await pipeline(Readable.from(body?.chunks ?? chunks, { objectMode: false }), response);
}
