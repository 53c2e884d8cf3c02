import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Archive, type ArchiveOptions, createArchive } from '../../../server/src/dicomweb/archive.ts';
import { smallDicomFile } from '../../support/small-dicom.ts';
import { collect } from './collect.ts';
import { type Answer, type FakeArchive, MULTIPART, multipart, startFakeArchive } from './fake-archive.ts';

const UIDS = ['2.25.101', '2.25.102', '2.25.103', '2.25.104'];
const FILES = UIDS.map((sopInstanceUid, n) =>
  smallDicomFile({ sopInstanceUid, pixels: new Uint8Array(20_000).fill(n) }),
);
const FAST = { firstDelayMs: 1, longestDelayMs: 5 };

describe('retrieving a series', () => {
  let fake: FakeArchive;
  let archive: Archive;
  const start = async (answer: Answer, options: Partial<ArchiveOptions> = {}): Promise<void> => {
    fake = await startFakeArchive(answer);
    archive = createArchive({
      url: `${fake.url}/dicom-web/`,
      username: 'reader',
      password: 'secret',
      retry: FAST,
      ...options,
    });
  };
  const retrieve = (options: { instances?: string[]; signal?: AbortSignal } = {}) =>
    collect(archive.retrieveSeries('2.25.1', '2.25.2', options));
  afterEach(async () => {
    archive.close();
    await fake.stop();
  });

  it('asks for the objects as they are stored, uncompressed by HTTP, with the password', async () => {
    let accept: unknown;
    await start((response, request) => {
      accept = [request.headers.accept, request.headers['accept-encoding']];
      response.writeHead(200, MULTIPART).end(multipart(FILES));
    });
    assert.deepEqual(
      await retrieve(),
      FILES.map((file) => Buffer.from(file)),
    );
    assert.deepEqual(accept, ['multipart/related; type="application/dicom"; transfer-syntax=*', 'identity']);
    assert.equal(fake.requests[0]?.path, '/dicom-web/studies/2.25.1/series/2.25.2');
    assert.equal(fake.requests[0]?.authorization, `Basic ${Buffer.from('reader:secret').toString('base64')}`);
  });

  it('fetches only what is missing after a connection that broke half-way', async () => {
    const whole = multipart(FILES);
    await start((response, request) => {
      const uid = /instances\/(.*)$/.exec(request.url ?? '')?.[1];
      if (uid) response.writeHead(200, MULTIPART).end(multipart([FILES[UIDS.indexOf(uid)] as Uint8Array]));
      // Two and a half instances, then the connection breaks.
      else response.writeHead(200, MULTIPART).write(whole.subarray(0, 50_500), () => response.destroy());
    });
    assert.deepEqual(
      await retrieve({ instances: UIDS }),
      FILES.map((file) => Buffer.from(file)),
    );
    assert.deepEqual(
      fake.requests.map((request) => request.path.replace('/dicom-web/studies/2.25.1/series/2.25.2', '')),
      ['', '/instances/2.25.103', '/instances/2.25.104'],
    );
  });

  it('delivers no instance twice when the whole series must be asked for again', async () => {
    const whole = multipart(FILES);
    await start((response, _request, count) => {
      response.writeHead(200, { ...MULTIPART, connection: 'close' });
      // Ends in order as HTTP goes, but without the closing delimiter: only the reader can see that it is cut off.
      if (count === 1) response.end(whole.subarray(0, 50_500));
      else response.end(whole);
    });
    assert.deepEqual(
      await retrieve(),
      FILES.map((file) => Buffer.from(file)),
    );
    assert.equal(fake.requests.length, 2);
  });

  it('does not take an incomplete series for a whole one', async () => {
    await start((response, request) => {
      if (request.url?.includes('/instances/')) response.writeHead(404).end();
      else response.writeHead(200, MULTIPART).end(multipart(FILES.slice(0, 3)));
    });
    await assert.rejects(retrieve({ instances: UIDS }), { name: 'NotFound', message: /instances\/2\.25\.104/ });
  });

  it('leaves out instances that came after the list was made', async () => {
    await start((response) => response.writeHead(200, MULTIPART).end(multipart(FILES)));
    assert.equal((await retrieve({ instances: UIDS.slice(0, 2) })).length, 2);
  });

  it('tries again what may pass, and gives up after its tries', async () => {
    await start((response, _request, count) => {
      if (count <= 2) response.writeHead(503, { 'retry-after': '0' }).end();
      else response.writeHead(200, MULTIPART).end(multipart(FILES));
    });
    assert.equal((await retrieve()).length, FILES.length);
    assert.equal(fake.requests.length, 3);
    archive.close();
    await fake.stop();
    await start((response) => response.writeHead(502).end(), { retry: { ...FAST, tries: 3 } });
    await assert.rejects(retrieve(), { name: 'ArchiveRefused', status: 502 });
    assert.equal(fake.requests.length, 3);
  });

  for (const status of [400, 401, 403, 404, 406]) {
    it(`does not repeat a request that was answered ${status}`, async () => {
      await start((response) => response.writeHead(status).end('why'));
      await assert.rejects(retrieve(), status === 404 ? { name: 'NotFound' } : { name: 'ArchiveRefused', status });
      assert.equal(fake.requests.length, 1);
    });
  }

  it('says so when a web page comes instead of images', async () => {
    await start((response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>'));
    await assert.rejects(retrieve(), { name: 'BrokenTransfer', message: /it is text\/html, not multipart\/related/ });
  });

  it('gives up on an archive that falls silent, not on a slow reader', async () => {
    const whole = multipart(FILES);
    await start((response) => response.writeHead(200, MULTIPART).write(whole.subarray(0, 30_000)), {
      idleTimeoutMs: 150,
      retry: { ...FAST, tries: 1 },
    });
    await assert.rejects(retrieve(), { name: 'BrokenTransfer', message: /no byte for 0\.15 s/ });
    archive.close();
    await fake.stop();
    await start((response) => response.writeHead(200, MULTIPART).end(whole), { idleTimeoutMs: 150 });
    let count = 0;
    for await (const _ of archive.retrieveSeries('2.25.1', '2.25.2')) {
      await sleep(200);
      count += 1;
    }
    assert.equal(count, FILES.length);
    archive.close();
    await fake.stop();
    await start(() => {}, { idleTimeoutMs: 150, retry: { ...FAST, tries: 1 } });
    await assert.rejects(retrieve(), { name: 'ArchiveUnreachable', message: /no byte for 0\.15 s/ });
  });

  it('stops the sender while the reader works', async () => {
    const file = smallDicomFile({ sopInstanceUid: '2.25.105', pixels: new Uint8Array(1_000_000) });
    let sent = 0;
    let sending = true;
    await start(async (response) => {
      response.writeHead(200, MULTIPART);
      for (let n = 0; n < 200 && sending; n += 1) {
        const part = multipart([file]).subarray(0, -`\r\n--b0undary--\r\n`.length);
        if (!response.write(part))
          await Promise.race([new Promise((resolve) => response.once('drain', resolve)), sleep(1000)]);
        sent += part.length;
      }
      response.destroy();
    });
    const files = archive.retrieveSeries('2.25.1', '2.25.2')[Symbol.asyncIterator]();
    await files.next();
    await sleep(300);
    sending = false;
    assert.ok(sent < 20_000_000, `${sent} bytes were sent to a reader that took one instance`);
    await files.return?.();
  });

  it('lets go of the connection at once when it is cancelled or no longer read', async () => {
    const whole = multipart(FILES);
    await start((response) => response.writeHead(200, MULTIPART).write(whole.subarray(0, 30_000)));
    for (const when of ['while waiting for bytes', 'between instances', 'by leaving the loop']) {
      const controller = new AbortController();
      const reason = new Error('the user cancelled');
      const read = async (): Promise<void> => {
        for await (const _ of archive.retrieveSeries('2.25.1', '2.25.2', { signal: controller.signal })) {
          if (when === 'by leaving the loop') break;
          if (when === 'between instances') controller.abort(reason);
          else setTimeout(() => controller.abort(reason), 50);
        }
      };
      const begun = performance.now();
      if (when === 'by leaving the loop') await read();
      else await assert.rejects(read(), (error) => error === reason);
      assert.ok(performance.now() - begun < 500, `${when}: took ${performance.now() - begun} ms`);
      await sleep(50);
      assert.equal(fake.openSockets(), 0, when);
    }
    await assert.rejects(retrieve({ signal: AbortSignal.abort(new Error('before it began')) }), /before it began/);
  });

  it('sends the password to the archive only, also when it redirects', async () => {
    const elsewhere = await startFakeArchive((response) => response.writeHead(200, MULTIPART).end(multipart(FILES)));
    try {
      await start((response, request) => {
        if (request.url?.startsWith('/moved'))
          response.writeHead(302, { location: `${elsewhere.url}/bucket?signature=x` }).end();
        else response.writeHead(307, { location: '/moved' }).end();
      });
      assert.equal((await retrieve()).length, FILES.length);
      assert.deepEqual(
        fake.requests.map((request) => request.path),
        ['/dicom-web/studies/2.25.1/series/2.25.2', '/moved'],
      );
      assert.ok(fake.requests.every((request) => request.authorization !== undefined));
      assert.equal(elsewhere.requests[0]?.path, '/bucket?signature=x');
      assert.equal(elsewhere.requests[0]?.authorization, undefined);
    } finally {
      await elsewhere.stop();
    }
  });

  it('refuses an instance that would fill the memory', async () => {
    await start((response) => response.writeHead(200, MULTIPART).end(multipart(FILES)), { maxInstanceBytes: 10_000 });
    await assert.rejects(retrieve(), { name: 'BrokenTransfer', message: /larger than 10000 bytes/ });
    assert.equal(fake.requests.length, 1);
  });

  it('does not let a UID reach another path of the archive', async () => {
    await start((response) => response.writeHead(200, MULTIPART).end(multipart(FILES)));
    for (const uid of ['../../admin', '1.2/3', '..', '1.2?x', '']) {
      await assert.rejects(collect(archive.retrieveSeries('2.25.1', uid)), { name: 'NotFound' });
      assert.deepEqual(await archive.findSeries(uid), []);
      assert.deepEqual(await archive.findInstances(uid, '1.2'), []);
      await assert.rejects(archive.store([], uid), { name: 'NotFound' });
    }
    assert.equal(fake.requests.length, 0);
  });
});

describe('an archive that is not there', () => {
  it('is named in one line without the password', async () => {
    const gone = await startFakeArchive(() => {});
    await gone.stop();
    const address = gone.url.replace('http://', 'http://reader:secret@');
    const archive = createArchive({ url: `${address}/dicom-web`, retry: { ...FAST, tries: 2 } });
    await assert.rejects(archive.ping(), (error: Error) => {
      assert.equal(error.name, 'ArchiveUnreachable');
      assert.equal(
        error.message,
        `The archive at ${gone.url}/dicom-web/studies cannot be reached: connection refused.`,
      );
      return true;
    });
    assert.throws(() => createArchive({ url: 'ftp://host/' }), {
      name: 'ArchiveUnreachable',
      message: /http:\/\/ or https/,
    });
    assert.throws(() => createArchive({ url: 'no address' }), { name: 'ArchiveUnreachable' });
  });
});
