import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { pino } from 'pino';
import { type ArchiveProxy, createArchiveProxy } from '../../../server/src/http/archive-proxy.ts';
import { answerErrors } from '../../../server/src/http/errors.ts';

const addressOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

describe('archive proxy', () => {
  let archive: Server;
  let server: Server;
  let proxy: ArchiveProxy;
  let url: string;
  /** What the archive was asked last. */
  let asked: IncomingMessage;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;

  before(async () => {
    archive = createServer((request, response) => {
      asked = request;
      answer(request, response);
    }).listen(0, '127.0.0.1');
    await once(archive, 'listening');
    proxy = createArchiveProxy({ url: `${addressOf(archive)}/dicom-web`, username: 'hepar', password: 'secret' });
    const app = express().use('/dicom-web', proxy.dicomWeb).use('/wado', proxy.wado);
    server = app.use(answerErrors(pino({ level: 'silent' }))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = addressOf(server);
  });

  beforeEach(() => {
    answer = (_request, response) => response.setHeader('content-type', 'application/dicom+json').end('[]');
  });

  after(async () => {
    proxy.close();
    for (const each of [server, archive]) {
      each.closeAllConnections();
      await new Promise((resolve) => each.close(resolve));
    }
  });

  it('is let in with this server’s credentials, under the name that the browser uses', async () => {
    const headers = { authorization: 'Bearer of-the-browser', cookie: 'session=1', accept: 'application/dicom+json' };
    const found = await fetch(`${url}/dicom-web/studies?PatientID=A%20B&limit=1`, { headers });
    assert.deepEqual([found.status, await found.text()], [200, '[]']);
    assert.equal(asked.url, '/dicom-web/studies?PatientID=A%20B&limit=1');
    assert.equal(asked.headers.authorization, `Basic ${Buffer.from('hepar:secret').toString('base64')}`);
    assert.equal(`http://${asked.headers.host}`, url, 'so that addresses in its answers lead back here');
    assert.equal(asked.headers['accept-encoding'], 'identity');
    assert.equal(asked.headers.accept, 'application/dicom+json');
    assert.equal(asked.headers.cookie, undefined);
  });

  it('finds WADO-URI beside DICOMweb', async () => {
    await fetch(`${url}/wado?requestType=WADO&objectUID=1.2`);
    assert.equal(asked.url, '/wado?requestType=WADO&objectUID=1.2');
  });

  it('reads only: nothing is stored, changed or deleted through it', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const refused = await fetch(`${url}/dicom-web/studies`, { method });
      assert.deepEqual([refused.status, refused.headers.get('allow')], [405, 'GET'], method);
    }
  });

  it('gives no way to what else the archive has', async () => {
    const before = asked;
    const paths = [
      '/servers',
      '/',
      '/studies/../../system',
      '/studies/%2e%2e/%2e%2e/system',
      '/studies//x',
      '/studies/%00',
    ];
    for (const path of paths) {
      // Node's own fetch would tidy the path.
      const [message] = (await once(get({ ...target(url), path: `/dicom-web${path}` }), 'response')) as [
        IncomingMessage,
      ];
      message.resume();
      assert.equal(message.statusCode, 404, path);
    }
    assert.equal(asked, before, 'the archive was not asked');
  });

  it('passes on what an answer is, and nothing about the connection or the archive’s sessions', async () => {
    answer = (_request, response) =>
      response
        .writeHead(206, {
          'content-type': 'image/jpeg',
          'content-range': 'bytes 0-1/4',
          etag: '"1"',
          'set-cookie': 'session=1',
          connection: 'close',
          server: 'Orthanc',
        })
        .end('ab');
    const part = await fetch(`${url}/dicom-web/studies/1/series/2/instances/3/rendered`, {
      headers: { range: 'bytes=0-1' },
    });
    assert.deepEqual([part.status, await part.text()], [206, 'ab']);
    assert.equal(asked.headers.range, 'bytes=0-1');
    assert.equal(part.headers.get('content-range'), 'bytes 0-1/4');
    assert.equal(part.headers.get('etag'), '"1"');
    assert.equal(part.headers.get('set-cookie'), null);
    assert.equal(part.headers.get('server'), null);
  });

  it('says 502 when the archive does not let this server in, for the browser has nothing to log in to', async () => {
    answer = (_request, response) => response.writeHead(401, { 'www-authenticate': 'Basic' }).end();
    const refused = await fetch(`${url}/dicom-web/studies`);
    assert.equal(refused.status, 502);
    assert.equal(refused.headers.get('www-authenticate'), null);
  });

  it('passes on that there is nothing, and that it failed', async () => {
    for (const status of [204, 304, 404, 500, 503]) {
      answer = (_request, response) => response.writeHead(status).end();
      assert.equal((await fetch(`${url}/dicom-web/studies/1/metadata`)).status, status);
    }
  });

  it('takes from the archive no more than the browser takes, and lets go when it leaves', async () => {
    let sent = 0;
    let closed: Promise<unknown> = Promise.resolve();
    answer = (_request, response) => {
      closed = once(response, 'close');
      const more = () => {
        sent += 65_536;
        if (response.write(Buffer.alloc(65_536))) setImmediate(more);
        else response.once('drain', more);
      };
      response.writeHead(200, { 'content-type': 'multipart/related; type="application/octet-stream"; boundary=b' });
      more();
    };
    const request = get({ ...target(url), path: '/dicom-web/studies/1/series/2' });
    const [message] = (await once(request, 'response')) as [IncomingMessage];
    message.pause();
    let before = -1;
    while (sent !== before) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    assert.ok(sent > 0 && sent < 32 * 2 ** 20, `${sent} bytes for a browser that reads none`);
    request.destroy();
    await closed;
  });

  it('breaks off when the archive does, so that half an answer is not taken for a whole one', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': '1000' });
      response.write('half', () => response.destroy());
    };
    const cut = await fetch(`${url}/dicom-web/studies/1/series/2`);
    await assert.rejects(cut.arrayBuffer());
  });
});

function target(url: string): { hostname: string; port: string } {
  const { hostname, port } = new URL(url);
  return { hostname, port };
}
