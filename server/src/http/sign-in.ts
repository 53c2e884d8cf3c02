import { type Request, type RequestHandler, Router, urlencoded } from 'express';
import type { Token } from '../config.ts';
import { SESSION_COOKIE, sessionOf, userOf } from './auth.ts';

const PATH = '/sign-in';
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const LASTS_SECONDS = 12 * 3600;

/**
 * A page where a person types a token, for a browser that opens the viewer can send none. It becomes a cookie for a
 * working day that scripts cannot read, and that comes from other sites only with a link that a person follows.
 */
export function signIn(tokens: readonly Token[]): RequestHandler {
  const router = Router();
  router.use(PATH, (_request, response, next) => {
    // Without a referrer a browser sends the form as from nowhere (Origin: null), and it would count as another site's.
    response.set({ 'Content-Security-Policy': POLICY, 'Referrer-Policy': 'same-origin' });
    next();
  });
  router.get(PATH, (request, response) => {
    response.type('html').send(page(destinationOf(request.query.to), ''));
  });
  router.post(PATH, urlencoded({ extended: false, limit: '4kb' }), (request, response) => {
    const { token, to } = (request.body ?? {}) as { token?: unknown; to?: unknown };
    const secret = typeof token === 'string' ? token.trim() : '';
    if (userOf(tokens, secret) === null) {
      response
        .status(401)
        .type('html')
        .send(page(destinationOf(to), 'This is not a token of this server.'));
      return;
    }
    response.cookie(SESSION_COOKIE, secret, {
      httpOnly: true,
      sameSite: 'lax',
      secure: isSecure(request),
      maxAge: LASTS_SECONDS * 1000,
    });
    response.redirect(303, destinationOf(to));
  });
  return router;
}

/** Leads to the sign-in who opens a page without being signed in. */
export function askToSignIn(tokens: readonly Token[], isPage: (request: Request) => boolean): RequestHandler {
  return (request, response, next) => {
    if (!isPage(request) || userOf(tokens, sessionOf(request)) !== null) return next();
    response.redirect(302, `${PATH}?to=${encodeURIComponent(request.originalUrl)}`);
  };
}

/** A path of this server: nobody is sent elsewhere by a link that somebody made up. */
function destinationOf(to: unknown): string {
  const url = typeof to === 'string' ? URL.parse(to, 'http://here') : null;
  return url?.host === 'here' ? url.pathname.replace(/^\/+/, '/') + url.search : '/';
}

/** Also behind a proxy that ends TLS: a header that is made up only makes the cookie stricter. */
function isSecure({ secure, headers }: Request): boolean {
  return secure || headers['x-forwarded-proto'] === 'https';
}

function page(to: string, problem: string): string {
  const value = to.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Hepar: sign in</title>
<link rel="icon" href="data:,">
<style>
  body { background: #050615; color: #e6edf7; font: 16px/1.5 system-ui, sans-serif; margin: 0; }
  form { display: grid; gap: 0.75rem; margin: 18vh auto 0; max-width: 22rem; padding: 0 1rem; }
  h1 { font-size: 1.4rem; margin: 0; }
  input, button { border: 1px solid #3a4f7a; border-radius: 4px; font: inherit; padding: 0.5rem 0.75rem; }
  input { background: #0b1230; color: inherit; }
  button { background: #2f6fd6; color: #fff; cursor: pointer; }
  [role='alert'] { color: #ffb4a8; margin: 0; }
  small { color: #9db0cf; }
</style>
<form method="post" action="${PATH}">
  <h1>Hepar</h1>
  <label for="token">Your token</label>
  <input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
  <input name="to" type="hidden" value="${value}">
  ${problem && `<p role="alert">${problem}</p>`}
  <button>Sign in</button>
  <small>Research use only. Not a medical device.</small>
</form>
</html>
`;
}
