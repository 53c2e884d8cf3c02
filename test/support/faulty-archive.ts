import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What befalls the requests to an archive: nothing, no answer at all, a wrong password; stores that go unanswered, are
 * answered 500, or are cut off when half of the request has come; whole series that come a byte a second until something else
 * does.
 */
export type Fault =
  | 'none'
  | 'down'
  | 'wrong password'
  | 'store unanswered'
  | 'store refused'
  | 'store cut off'
  | 'series held';

const WHOLE_SERIES = /\/series\/[\d.]+$/;

export interface FaultyArchive {
  readonly url: string;
  fault: Fault;
  close(): Promise<void>;
}

/** An archive with faults on demand, in front of a real one. It stays at its address while that is restarted. */
export async function startFaultyArchive(dicomWebUrl: string): Promise<FaultyArchive> {
  const target = new URL(dicomWebUrl);
  const proxy = createServer((request, response) => {
    const { fault } = archive;
    if (fault === 'down') return void request.socket.destroy();
    const isStore = request.method === 'POST';
    if (fault === 'store refused' && isStore) {
      return void request.resume().once('end', () => response.writeHead(500).end());
    }
    const headers = { ...request.headers };
    if (fault === 'wrong password') headers.authorization = `Basic ${Buffer.from('hepar:wrong').toString('base64')}`;
    const { hostname, port } = target;
    const onward = forward({ hostname, port, path: request.url, method: request.method, headers }, (answer) => {
      // The archive has done its work; the answer is what is lost.
      if (fault === 'store unanswered' && request.method === 'POST') {
        return void answer.resume().once('end', () => request.socket.destroy());
      }
      response.writeHead(answer.statusCode!, answer.headers);
      if (!WHOLE_SERIES.test(request.url!)) return void answer.pipe(response);
      pipeline(
        answer,
        trickle(() => archive.fault === 'series held'),
        response,
      ).catch(() => {});
    });
    onward.once('error', () => request.socket.destroy());
    if (fault === 'store cut off' && isStore) {
      return void request.once('data', (first: Buffer) => {
        onward.write(first.subarray(0, first.length >> 1), () => onward.destroy());
        request.socket.destroy();
      });
    }
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as AddressInfo;
  const archive: FaultyArchive = {
    url: `http://127.0.0.1:${port}${target.pathname}`,
    fault: 'none',
    close: async () => {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
  return archive;
}

/** Passes on a byte a second while it is to be slow: a reader that waits for a byte does not give up. */
function trickle(isSlow: () => boolean) {
  return async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of chunks) {
      let passed = 0;
      while (isSlow() && passed < chunk.length) {
        yield chunk.subarray(passed, ++passed);
        await sleep(1_000);
      }
      yield chunk.subarray(passed);
    }
  };
}
