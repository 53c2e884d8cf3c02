import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import express, { type RequestHandler } from 'express';
import { webhookSchema } from './contract.ts';
import { HttpError } from './errors.ts';

const LARGEST_BODY = '4kb';
const ACCEPTED = JSON.stringify({ status: 'accepted' });
/** A signed message that is older, or newer, than this is none of ours: it may have been recorded. */
const SIGNED_WITHIN_MS = 300_000;
const FORGED_EVERY_MS = 60_000;

/**
 * POST /webhooks/orthanc: the archive says that something has arrived. It is a wake-up and nothing more: what has arrived is
 * read from the archive itself, so that a lost message costs a little time and a forged one, or five thousand, nothing.
 * The sender knows the secret: either it sends it (X-Hepar-Secret), or it signs the time stamp and the body with it
 * (X-Hepar-Timestamp: seconds since 1970; X-Hepar-Signature: HMAC-SHA256 of `<timestamp>.<body>`, hexadecimal).
 *
 * @param secret undefined: there are no webhooks here
 * @param wake undefined: there is nobody to wake
 * @param onForged hears, once a minute at most, how many messages did not know the secret
 */
export function receiveWebhook(
  secret: string | undefined,
  wake: (() => void) | undefined,
  { now = Date.now, onForged = () => {} }: { now?: () => number; onForged?: (count: number) => void } = {},
): RequestHandler[] {
  if (secret === undefined || wake === undefined) {
    const missing = wake ? 'HEPAR_WEBHOOK_SECRET' : 'HEPAR_RULES';
    return [
      () => {
        throw new HttpError(404, 'webhook-off', `There is no webhook here: ${missing} is not set.`);
      },
    ];
  }
  const forged = atMostEvery(FORGED_EVERY_MS, onForged);
  return [
    // Orthanc's Lua sends what it likes as the media type.
    express.raw({ type: () => true, limit: LARGEST_BODY, inflate: false }),
    ({ headers, body }, response) => {
      const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
      const one = (name: string) => (typeof headers[name] === 'string' ? headers[name] : undefined);
      const signature = one('x-hepar-signature');
      try {
        if (signature === undefined) requireSecret(secret, one('x-hepar-secret'));
        else requireSignature(secret, { signature, timestamp: one('x-hepar-timestamp'), body: bytes, now: now() });
      } catch (error) {
        forged();
        throw error;
      }
      if (!webhookSchema.safeParse(parseJson(bytes)).success) {
        throw new HttpError(422, 'malformed', 'The body is not what the scripts in orthanc/ send.');
      }
      // Who sends it may be waiting, and with it the whole archive: the answer goes first.
      response.writeHead(202, { 'content-type': 'application/json' }).end(ACCEPTED);
      wake();
    },
  ];
}

function requireSecret(secret: string, sent: string | undefined): void {
  if (sent === undefined || !isEqual(sent, secret)) {
    throw new HttpError(401, 'unauthorized', 'The webhook’s secret is missing or wrong.');
  }
}

function requireSignature(
  secret: string,
  sent: { signature: string; timestamp: string | undefined; body: Buffer; now: number },
): void {
  const { signature, timestamp = '', body, now } = sent;
  const right = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex');
  if (!isEqual(signature.toLowerCase(), right)) {
    throw new HttpError(401, 'unauthorized', 'The webhook’s signature is wrong.');
  }
  const age = /^\d{1,12}$/.test(timestamp) ? Math.abs(now - Number(timestamp) * 1000) : Number.POSITIVE_INFINITY;
  if (age > SIGNED_WITHIN_MS) {
    throw new HttpError(401, 'stale', 'The webhook’s time stamp is not of now: compare the clocks of both machines.');
  }
}

/** Digests have one length, and take one time to compare, whatever was sent. */
function isEqual(a: string, b: string): boolean {
  const [one, other] = [a, b].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(one!, other!);
}

/** Counts calls, and tells how many they were at the first one and then after each interval that had some. */
function atMostEvery(intervalMs: number, tell: (count: number) => void): () => void {
  let toldAt = Number.NEGATIVE_INFINITY;
  let count = 0;
  return () => {
    count++;
    if (performance.now() - toldAt < intervalMs) return;
    toldAt = performance.now();
    tell(count);
    count = 0;
  };
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
