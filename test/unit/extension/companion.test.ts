import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Companion, CompanionRefused, CompanionUnreachable } from '../../../extension/src/companion/client.ts';
import { eventData } from '../../../extension/src/companion/event-stream.ts';
import { StudyFollower } from '../../../extension/src/companion/follow-study.ts';
import type { SegmentationView } from '../../../server/src/http/contract.ts';
import { run, STUDY } from './support.ts';

const DELAYS = { listEveryMs: 40, retryMs: 10, longestRetryMs: 20 };

describe('following the runs of a study', () => {
  let server: Server;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let companion: Companion;
  let follower: StudyFollower | null = null;

  beforeEach(async () => {
    server = createServer((request, response) => answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    companion = new Companion({
      root: new URL(`http://127.0.0.1:${port}/`),
      authorization: () => ({ Authorization: 'Bearer token' }),
    });
  });
  afterEach(async () => {
    follower?.stop();
    follower = null;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const running = (progress: number) => run('r1', { state: 'running', progress, finishedAt: null });

  /** Listens until `isEnough`, and gives what was told. */
  async function listen(isEnough: (told: Told) => boolean): Promise<Told> {
    const told: Told = { runs: [], troubles: [] };
    await new Promise<void>((resolve) => {
      const look = () => isEnough(told) && resolve();
      follower = new StudyFollower(
        companion,
        STUDY,
        {
          onRuns: (runs) => {
            told.runs.push(...runs);
            look();
          },
          onRun: (each) => {
            told.runs.push(each);
            look();
          },
          onTrouble: (trouble) => {
            if (trouble !== told.troubles.at(-1)) told.troubles.push(trouble);
            look();
          },
        },
        DELAYS,
      );
    });
    return told;
  }

  it('finds a run that was begun elsewhere, and follows it to its end', async () => {
    answer = (request, response) => {
      equal(request.headers.authorization, 'Bearer token');
      if (!request.url!.endsWith('/events')) return json(response, 200, [running(0.1)]);
      equal(request.url, '/api/segmentations/r1/events');
      events(response, running(0.5));
      // The pieces of a stream end where they like.
      const text = `: still here\n\nevent: state\r\ndata: ${JSON.stringify(run('r1', { progress: 1 }))}\r\n\r\n`;
      response.write(text.slice(0, 40));
      setTimeout(() => response.end(text.slice(40)), 10);
    };
    const { runs } = await listen((told) => told.runs.some(({ state }) => state === 'done'));
    deepEqual(
      runs.slice(0, 3).map(({ state, progress }) => [state, progress]),
      [
        ['running', 0.1],
        ['running', 0.5],
        ['done', 1],
      ],
    );
  });

  it('says that the connection is lost, and takes up again by itself when the server is back', async () => {
    let isDown = false;
    let streams = 0;
    answer = (request, response) => {
      if (isDown) return void request.socket.destroy();
      if (!request.url!.endsWith('/events')) return json(response, 200, [running(0.1)]);
      streams += 1;
      if (streams > 1) return events(response, run('r1'));
      events(response, running(0.3));
      setTimeout(() => {
        isDown = true;
        response.destroy();
        setTimeout(() => {
          isDown = false;
        }, 60);
      }, 5);
    };
    const { troubles } = await listen((told) => told.runs.at(-1)?.state === 'done' && told.troubles.at(-1) === null);
    ok(troubles.some((trouble) => trouble?.includes('Connection to the Hepar server lost')));
    equal(troubles.at(-1), null);
  });

  it('does not let a list that was asked for earlier turn back what the stream has told', async () => {
    answer = (request, response) => {
      if (!request.url!.endsWith('/events')) return json(response, 200, [running(0.1)]);
      events(response, running(0.8));
    };
    let lists = 0;
    const { runs } = await listen((told) => told.runs.length > 0 && ++lists > 6);
    equal(runs.at(-1)!.progress, 0.8);
  });

  it('is silent after it was stopped', async () => {
    answer = (_request, response) => json(response, 200, []);
    const told = await listen(({ troubles }) => troubles.length > 0);
    follower!.stop();
    const before = told.troubles.length;
    answer = (request) => void request.socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 80));
    equal(told.troubles.length, before);
  });
});

describe('an answer of the server', () => {
  it('that says no carries its own line; a page of some proxy does not', async () => {
    const answers: [number, string, typeof CompanionRefused | typeof CompanionUnreachable, RegExp][] = [
      [
        404,
        JSON.stringify({ error: { code: 'no-such-series', message: 'No such series.' } }),
        CompanionRefused,
        /^No such series\.$/,
      ],
      [
        502,
        JSON.stringify({ error: { code: 'archive', message: 'The archive is down.' } }),
        CompanionRefused,
        /archive is down/,
      ],
      [502, '<html>Bad gateway</html>', CompanionUnreachable, /cannot be reached \(502\)/],
      [403, '<html>Forbidden</html>', CompanionRefused, /403/],
      [200, '<html>Sign in</html>', CompanionUnreachable, /cannot be read/],
    ];
    for (const [status, body, kind, message] of answers) {
      const server = createServer((_request, response) => response.writeHead(status).end(body));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const root = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      const companion = new Companion({ root, authorization: () => undefined });
      await rejects(companion.runsOf(STUDY), (error: Error) => {
        ok(error instanceof kind, `${status} gives ${error.name}`);
        match(error.message, message);
        return true;
      });
      server.close();
      server.closeAllConnections();
    }
  });
});

describe('a stream of events', () => {
  it('is read whole wherever its pieces are cut', async () => {
    const text = ': hello\n\nevent: state\nid: 1\ndata: {"a":\ndata: "ä"}\n\ndata: 2\r\n\r\ndata: unfinished\n';
    const bytes = new TextEncoder().encode(text);
    for (let size = 1; size < 12; size += 1) {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
          controller.close();
        },
      });
      const read: string[] = [];
      for await (const data of eventData(body)) read.push(data);
      deepEqual(read, ['{"a":\n"ä"}', '2'], `pieces of ${size}`);
    }
  });
});

interface Told {
  runs: SegmentationView[];
  troubles: (string | null)[];
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

function events(response: ServerResponse, ...runs: SegmentationView[]): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  for (const each of runs) response.write(`event: state\ndata: ${JSON.stringify(each)}\n\n`);
}
