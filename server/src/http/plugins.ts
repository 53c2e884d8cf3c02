import { createHash } from 'node:crypto';
import type { RequestHandler } from 'express';
import { HttpError } from './errors.ts';

/** Texts of the viewer's modules by file name. */
export type Modules = ReadonlyMap<string, Uint8Array>;

/**
 * Serves our OHIF extension and mode as ES modules. They are built when they are first asked for, so that what is served
 * is what lies in `extension/`. Viewers of allowed origins may load them too (CORS: see requireKnownOrigin).
 */
export function servePlugins(build: () => Promise<Modules>): RequestHandler {
  let built: Promise<Modules> | undefined;
  return async (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new HttpError(405, 'read-only', 'Modules can only be read.');
    }
    built ??= build();
    const modules = await built.catch((error: unknown) => {
      built = undefined;
      throw error;
    });
    const module = modules.get(request.path.slice(1));
    if (!module) throw new HttpError(404, 'no-such-module', 'There is no such module.');
    response.set({
      'Cache-Control': 'no-cache',
      'Content-Type': 'text/javascript; charset=utf-8',
      'Cross-Origin-Resource-Policy': 'cross-origin',
      ETag: `"${createHash('sha256').update(module).digest('hex').slice(0, 32)}"`,
    });
    response.send(Buffer.from(module));
  };
}

/** Builds them from the sources beside the server. */
export async function buildFromSource(): Promise<Modules> {
  const { buildModules } = await import('../../../extension/build.ts');
  return buildModules();
}
