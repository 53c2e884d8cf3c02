import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import type { Metrics } from './metrics.ts';

/** Logs every answer and counts it. The query is left out: it names studies. */
export function logRequests(logger: Logger, metrics: Metrics): RequestHandler {
  return (request, response, next) => {
    const began = performance.now();
    response.once('close', () => {
      const { method } = request;
      const status = response.statusCode;
      const milliseconds = performance.now() - began;
      const route: string = request.route?.path ?? (request.baseUrl || 'none');
      const isStream = route.endsWith('/events');
      if (!isStream) metrics.requestEnded(method, route, status, milliseconds / 1000);
      const runId = request.params.id;
      // The archive's messages come in floods when somebody wants it so.
      const isQuiet = route.startsWith('/webhooks');
      const isTold = !isQuiet && (route.startsWith('/api') || status >= 400);
      const level = status >= 500 ? 'error' : isTold ? 'info' : 'debug';
      logger[level](
        { method, route, runId, status, ms: Math.round(milliseconds), user: response.locals.user },
        'request',
      );
    });
    next();
  };
}
