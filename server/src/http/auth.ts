import { createHash, timingSafeEqual } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import type { Request, RequestHandler } from 'express';
import { type Config, ConfigError, type Token } from '../config.ts';
import { HttpError } from './errors.ts';

/** Who may use the server: its address, tokens, host names against DNS rebinding, and origins against other sites' pages. */

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
const EVERY_ADDRESS = ['0.0.0.0', '::'];
const CHANGING: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** @throws ConfigError when others than this machine could reach a server that asks for no token */
export function refuseOpenAddress({ host, auth }: Pick<Config, 'host' | 'auth'>): void {
  if (auth || isLoopback(host)) return;
  throw new ConfigError([
    `HEPAR_HOST ${host} can be reached from other machines: set HEPAR_AUTH=token:SECRET as well, or use 127.0.0.1.`,
  ]);
}

function isLoopback(host: string): boolean {
  const family = isIP(host);
  return family === 0 ? host === 'localhost' : LOOPBACK.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

/** Holds the token of a person who signed in with a browser. */
export const SESSION_COOKIE = 'hepar_token';

/** Whose token it is; null when it is nobody's. */
export function userOf(tokens: readonly Token[], secret: string | undefined): string | null {
  const digest = sha256(secret ?? '');
  // All are compared, and digests of one length, so that the time taken says nothing about any of them.
  return tokens.reduce<string | null>(
    (found, token) => (timingSafeEqual(sha256(token.secret), digest) ? token.name : found),
    null,
  );
}

/** The token in the cookie of one who signed in. */
export function sessionOf({ headers }: Request): string | undefined {
  const [, value] = new RegExp(`(?:^|; *)${SESSION_COOKIE}=([^;]*)`).exec(headers.cookie ?? '') ?? [];
  try {
    return value && decodeURIComponent(value);
  } catch {
    return undefined;
  }
}

/**
 * Lets in who sends a token in the Authorization header (RFC 6750) or has signed in; everybody when there are none.
 * `response.locals.user` is the token's name.
 */
export function requireToken(tokens: readonly Token[] | null): RequestHandler {
  if (!tokens) return (_request, _response, next) => next();
  return (request, response, next) => {
    const [, header] = /^Bearer +([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '') ?? [];
    const sent = header ?? sessionOf(request);
    const user = userOf(tokens, sent);
    if (sent === undefined || user === null) {
      response.set('WWW-Authenticate', sent === undefined ? 'Bearer' : 'Bearer error="invalid_token"');
      throw new HttpError(401, 'unauthorized', 'This server asks for a token: Authorization: Bearer …');
    }
    response.locals.user = user;
    next();
  };
}

/** A page that has its own name resolve to this machine (DNS rebinding) gives itself away by that name. */
export function requireKnownHost({ host, allowedHosts }: Pick<Config, 'host' | 'allowedHosts'>): RequestHandler {
  const own = EVERY_ADDRESS.includes(host) ? [] : [isIP(host) === 6 ? `[${host}]` : host];
  const known = new Set([...LOOPBACK_NAMES, ...own, ...allowedHosts].map((name) => name.toLowerCase()));
  return (request, _response, next) => {
    if (known.has(hostNameOf(request))) return next();
    throw new HttpError(403, 'host-not-allowed', 'The server is not known under this name; see HEPAR_ALLOWED_HOSTS.');
  };
}

/**
 * A request that changes something and comes from a web page must come from a page of this server or of an allowed origin.
 * Programs other than browsers send neither Origin nor Sec-Fetch-Site, and pass. Pages of allowed origins may also read
 * (CORS).
 */
export function requireKnownOrigin({ allowedOrigins }: Pick<Config, 'allowedOrigins'>): RequestHandler {
  const allowed = new Set(allowedOrigins);
  return (request, response, next) => {
    const { origin } = request.headers;
    const isAllowed = origin !== undefined && allowed.has(origin);
    response.vary('Origin');
    if (isAllowed) response.set('Access-Control-Allow-Origin', origin).set('Access-Control-Expose-Headers', 'Location');
    if (isAllowed && request.method === 'OPTIONS') {
      response.set({
        'Access-Control-Allow-Methods': 'GET, POST, DELETE',
        'Access-Control-Allow-Headers': 'Authorization, Content-Type, Content-Encoding, Last-Event-ID',
        'Access-Control-Max-Age': '600',
      });
      response.status(204).end();
      return;
    }
    if (CHANGING.has(request.method) && !isAllowed && isForeign(request)) {
      throw new HttpError(
        403,
        'origin-not-allowed',
        'Pages of other sites may not do this; see HEPAR_ALLOWED_ORIGINS.',
      );
    }
    next();
  };
}

function isForeign({ headers }: Request): boolean {
  if (headers.origin !== undefined) return URL.parse(headers.origin)?.host !== headers.host?.toLowerCase();
  const site = headers['sec-fetch-site'];
  return site === 'cross-site' || site === 'same-site';
}

/** The Host header's name, without port. */
function hostNameOf({ headers }: Request): string {
  return URL.parse(`http://${headers.host ?? ''}`)?.hostname.toLowerCase() ?? '';
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
