import { deepEqual, equal, ok } from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { pino } from 'pino';
import { answerErrors } from '../../../server/src/http/errors.ts';
import { receiveWebhook } from '../../../server/src/http/webhook.ts';

const SECRET = 'a-secret-of-the-webhook';
const MESSAGE = JSON.stringify({ event: 'stable-series', resource: `${'0123abcd-'.repeat(4)}0123abcd` });

describe('the webhook', () => {
  let server: Server;
  let url: string;
  let wakes = 0;
  let now = Date.now();

  before(async () => {
    const app = express();
    app.post(
      '/on',
      receiveWebhook(SECRET, () => wakes++, { now: () => now }),
    );
    app.post(
      '/no-secret',
      receiveWebhook(undefined, () => wakes++),
    );
    app.post('/no-rules', receiveWebhook(SECRET, undefined));
    app.use(answerErrors(pino({ level: 'silent' })));
    server = app.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());

  async function post(headers: Record<string, string>, body: string | Uint8Array<ArrayBuffer> = MESSAGE, path = '/on') {
    const before = wakes;
    const answer = await fetch(url + path, { method: 'POST', headers, body });
    await answer.arrayBuffer();
    return [answer.status, wakes - before];
  }
  const signed = (body: string, { secret = SECRET, at = now, over = body } = {}) => {
    const timestamp = String(Math.floor(at / 1000));
    const signature = createHmac('sha256', secret).update(`${timestamp}.${over}`).digest('hex');
    return { 'x-hepar-timestamp': timestamp, 'x-hepar-signature': signature };
  };

  it('wakes for who sends the secret, or signs with it', async () => {
    deepEqual(await post({ 'x-hepar-secret': SECRET }), [202, 1]);
    deepEqual(await post({ 'x-hepar-secret': SECRET, 'content-type': 'application/x-www-form-urlencoded' }), [202, 1]);
    deepEqual(await post(signed(MESSAGE)), [202, 1]);
  });

  for (const [what, headers] of [
    ['no secret', () => ({})],
    ['an empty secret', () => ({ 'x-hepar-secret': '' })],
    ['a wrong secret', () => ({ 'x-hepar-secret': `${SECRET}x` })],
    ['a wrong key', () => signed(MESSAGE, { secret: 'another-secret-of-it' })],
    ['another body under the signature', () => signed(MESSAGE, { over: `${MESSAGE} ` })],
    [
      'another time stamp than was signed',
      () => ({ ...signed(MESSAGE), 'x-hepar-timestamp': String(Math.floor(now / 1000) + 1) }),
    ],
    ['a message that was recorded six minutes ago', () => signed(MESSAGE, { at: now - 360_000 })],
    ['a time stamp of an hour ahead', () => signed(MESSAGE, { at: now + 3_600_000 })],
    [
      'a wrong signature beside the right secret',
      () => ({ ...signed(MESSAGE, { secret: 'x' }), 'x-hepar-secret': SECRET }),
    ],
  ] as const) {
    it(`answers ${what} with 401, and wakes nobody`, async () => {
      deepEqual(await post(headers() as Record<string, string>), [401, 0]);
    });
  }

  it('takes a signature that is a little old, as clocks differ', async () => {
    now = Date.now();
    deepEqual(await post(signed(MESSAGE, { at: now - 240_000 })), [202, 1]);
  });

  for (const [what, body, status] of [
    ['no JSON', 'x', 422],
    ['nothing', '', 422],
    ['a list', '[]', 422],
    ['another event', MESSAGE.replace('stable-series', 'deleted'), 422],
    ['a resource that is none of Orthanc’s', '{"event": "stable-series", "resource": "../../x"}', 422],
    ['a field too much', MESSAGE.replace('{', '{"patient": "x", '), 422],
    ['a body of 5 kB', JSON.stringify({ event: 'x'.repeat(5_000) }), 413],
  ] as const) {
    it(`answers ${what} with ${status} when the secret is right`, async () => {
      deepEqual(await post({ 'x-hepar-secret': SECRET }, body), [status, 0]);
    });
  }

  it('is not there without a secret, or without rules', async () => {
    deepEqual(await post({ 'x-hepar-secret': '' }, MESSAGE, '/no-secret'), [404, 0]);
    deepEqual(await post({ 'x-hepar-secret': SECRET }, MESSAGE, '/no-rules'), [404, 0]);
    const answer = await fetch(`${url}/no-secret`, { method: 'POST', body: MESSAGE });
    const { error } = (await answer.json()) as { error: { message: string } };
    ok(error.message.includes('HEPAR_WEBHOOK_SECRET'));
    equal(answer.status, 404);
  });
});
