import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import express, { type Request, type RequestHandler, Router } from 'express';
import helmet from 'helmet';
import { viewerConfiguration } from './viewer-configuration.ts';

/** Paths that are never a page of the viewer. */
const OURS = /^\/(api|dicom-web|wado|plugins|webhooks|healthz|readyz|metrics|openapi\.json)(\/|$)/;
/** Bundles carry the hash of their content in their name. */
const NAMED_BY_CONTENT = /[./][0-9a-f]{16}\.(js|wasm|woff2)$/;
const INLINE_SCRIPT = /<script>([\s\S]*?)<\/script>/g;

/**
 * Serves the prebuilt OHIF viewer in `dir`, with our configuration in place of its own. It holds nothing of any patient:
 * what it shows it asks for, and then it must be let in.
 * @returns null when there is no viewer in `dir`
 */
export async function openViewer(dir: string): Promise<Router | null> {
  const index = await readFile(join(dir, 'index.html'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (index === null) return null;
  const secured = securityHeaders(index);
  const router = Router();
  router.get('/app-config.js', secured, (_request, response) => {
    response.set('Cache-Control', 'no-cache').type('js').send(viewerConfiguration());
  });
  router.use(
    whenReading(secured),
    express.static(dir, { index: false, redirect: false, cacheControl: false, setHeaders: cacheByName }),
  );
  // Its router works in the browser: each address that a person opens is the same page.
  router.use((request, response, next) => {
    if (!isPage(request)) return next();
    response.set('Cache-Control', 'no-cache').type('html').send(index);
  });
  return router;
}

/**
 * The Content Security Policy that OHIF can work under, and no wider: decoders are WebAssembly that makes functions from
 * text ('unsafe-eval') and run in workers, of which some are made from blobs. Nothing may be fetched from elsewhere.
 */
function securityHeaders(index: string): RequestHandler {
  const inline = Array.from(index.matchAll(INLINE_SCRIPT), ([, script]) => `'sha256-${sha256(script!)}'`);
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'", "'unsafe-eval'", ...inline],
        workerSrc: ["'self'", 'blob:'],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:', 'blob:'],
        fontSrc: ["'self'", 'data:'],
        connectSrc: ["'self'", 'data:', 'blob:'],
        objectSrc: ["'none'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'self'"],
      },
    },
  });
}

/** The page's own headers belong on its files only, not on what the rest of the server answers. */
function whenReading(handler: RequestHandler): RequestHandler {
  return (request, response, next) => {
    if (OURS.test(request.path) || (request.method !== 'GET' && request.method !== 'HEAD')) return next('router');
    return handler(request, response, next);
  };
}

/** Whether a person opens an address of the viewer. */
export function isPage({ method, path, headers }: Pick<Request, 'method' | 'path' | 'headers'>): boolean {
  return (method === 'GET' || method === 'HEAD') && !OURS.test(path) && (headers.accept ?? '').includes('text/html');
}

function cacheByName(response: { setHeader(name: string, value: string): unknown }, path: string): void {
  const lasting = NAMED_BY_CONTENT.test(path);
  response.setHeader('Cache-Control', lasting ? 'public, max-age=31536000, immutable' : 'no-cache');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
