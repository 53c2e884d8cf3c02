import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { collect } from './collect.ts';

/** An HTTP server on a loopback port whose answers a test writes itself, to misbehave as no real archive would on demand. */
export interface FakeArchive {
  readonly url: string;
  /** Method, path with query, and authorization of every request so far. */
  readonly requests: readonly { method: string; path: string; authorization: string | undefined; body: Buffer }[];
  openSockets(): number;
  stop(): Promise<void>;
}

export type Answer = (response: ServerResponse, request: IncomingMessage, count: number) => unknown;

export async function startFakeArchive(answer: Answer): Promise<FakeArchive> {
  const requests: { method: string; path: string; authorization: string | undefined; body: Buffer }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await collect(request as AsyncIterable<Buffer>));
    const { method = '', url: path = '', headers } = request;
    requests.push({ method, path, authorization: headers.authorization, body });
    await answer(response, request, requests.length);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    openSockets: () => sockets.size,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

export const BOUNDARY = 'b0undary';
export const MULTIPART = { 'content-type': `multipart/related; type="application/dicom"; boundary="${BOUNDARY}"` };

export function multipart(files: readonly Uint8Array[]): Buffer {
  return Buffer.concat([
    ...files.flatMap((file) => [
      Buffer.from(`\r\n--${BOUNDARY}\r\nContent-Type: application/dicom\r\nContent-Length: ${file.length}\r\n\r\n`),
      file,
    ]),
    Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
  ]);
}
