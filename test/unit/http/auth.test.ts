import assert from 'node:assert/strict';
import { request as requestHttp, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { pino } from 'pino';
import { type Config, ConfigError, readConfig } from '../../../server/src/config.ts';
import {
  refuseOpenAddress,
  requireKnownHost,
  requireKnownOrigin,
  requireToken,
} from '../../../server/src/http/auth.ts';
import { answerErrors } from '../../../server/src/http/errors.ts';

const SECRET = 'a-secret-of-enough-length';

describe('who may use the server', () => {
  const servers: Server[] = [];

  after(() => {
    for (const server of servers) server.close();
  });

  /** @returns the status of a request with the given headers; fetch would not let us set Host and Origin */
  async function statusOf(
    environment: Record<string, string>,
    headers: Record<string, string>,
    method = 'GET',
  ): Promise<number> {
    const config: Config = readConfig(environment);
    const app = express();
    app.use(requireKnownHost(config), requireKnownOrigin(config), requireToken(config.auth));
    app.all('/', (_request, response) => void response.json({}));
    app.use(answerErrors(pino({ level: 'silent' })));
    const server = app.listen(0, '127.0.0.1');
    servers.push(server);
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const own = { host: `127.0.0.1:${port}` };
    return new Promise((resolve, reject) => {
      requestHttp({ port, method, headers: { ...own, ...headers } }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      })
        .on('error', reject)
        .end();
    });
  }

  it('refuses to listen for other machines without a token', () => {
    for (const HEPAR_HOST of ['0.0.0.0', '::', '192.168.1.5', 'example.org']) {
      assert.throws(() => refuseOpenAddress(readConfig({ HEPAR_HOST })), ConfigError);
      refuseOpenAddress(readConfig({ HEPAR_HOST, HEPAR_AUTH: `token:${SECRET}` }));
    }
    for (const HEPAR_HOST of ['127.0.0.1', '127.1.2.3', '::1', 'localhost'])
      refuseOpenAddress(readConfig({ HEPAR_HOST }));
  });

  it('lets in a token and nothing else', async () => {
    const environment = { HEPAR_AUTH: `token:${SECRET},clinic=another-secret-entirely==` };
    const status = (authorization: string) => statusOf(environment, { authorization });
    assert.equal(await statusOf(environment, {}), 401);
    assert.equal(await status(`Bearer ${SECRET}`), 200);
    assert.equal(await status(`bearer ${SECRET}`), 200);
    assert.equal(await status('Bearer another-secret-entirely=='), 200);
    assert.equal(await status('Bearer clinic=another-secret-entirely=='), 401);
    assert.equal(await status(`Bearer ${SECRET}x`), 401);
    assert.equal(await status(`Bearer ${SECRET.slice(0, -1)}`), 401);
    assert.equal(await status('Bearer '), 401);
    assert.equal(await status(`Basic ${Buffer.from(`x:${SECRET}`).toString('base64')}`), 401);
  });

  it('is not found under a name that a foreign page made up for it (DNS rebinding)', async () => {
    assert.equal(await statusOf({}, { host: 'evil.example' }), 403);
    assert.equal(await statusOf({}, { host: 'evil.example:8700' }), 403);
    assert.equal(await statusOf({}, { host: '127.0.0.1.evil.example' }), 403);
    assert.equal(await statusOf({}, { host: 'localhost:8700' }), 200);
    assert.equal(await statusOf({}, { host: '[::1]:8700' }), 200);
    const environment = { HEPAR_ALLOWED_HOSTS: 'pacs.clinic.example, Other.example' };
    assert.equal(await statusOf(environment, { host: 'PACS.clinic.example' }), 200);
    assert.equal(await statusOf(environment, { host: 'other.example:443' }), 200);
  });

  it('changes nothing for a page of another site', async () => {
    const post = (headers: Record<string, string>, environment = {}) => statusOf(environment, headers, 'POST');
    assert.equal(await post({}), 200, 'curl');
    assert.equal(await post({ host: 'localhost:8700', origin: 'http://localhost:8700' }), 200);
    assert.equal(await post({ host: 'localhost:8700', origin: 'http://localhost:3000' }), 403);
    assert.equal(await post({ origin: 'https://evil.example' }), 403);
    assert.equal(await post({ origin: 'null' }), 403);
    assert.equal(await post({ 'sec-fetch-site': 'cross-site' }), 403);
    assert.equal(await post({ 'sec-fetch-site': 'same-site' }), 403);
    assert.equal(await post({ 'sec-fetch-site': 'same-origin' }), 200);
    assert.equal(await statusOf({}, { origin: 'https://evil.example' }, 'DELETE'), 403);
    const viewer = { HEPAR_ALLOWED_ORIGINS: 'https://viewer.example' };
    assert.equal(await post({ origin: 'https://viewer.example', 'sec-fetch-site': 'cross-site' }, viewer), 200);
    assert.equal(await post({ origin: 'https://viewer.example.evil.example' }, viewer), 403);
    assert.equal(await post({ origin: 'http://viewer.example' }, viewer), 403);
  });

  it('answers the question that a browser asks before a page of an allowed origin may use it', async () => {
    const viewer = { HEPAR_ALLOWED_ORIGINS: 'https://viewer.example', HEPAR_AUTH: `token:${SECRET}` };
    assert.equal(await statusOf(viewer, { origin: 'https://viewer.example' }, 'OPTIONS'), 204);
    assert.equal(await statusOf(viewer, { origin: 'https://evil.example' }, 'OPTIONS'), 401);
  });
});
