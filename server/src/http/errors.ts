import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { Logger } from 'pino';
import { ArchiveError } from '../dicomweb/errors.ts';
import { isDatabaseLost } from '../jobs/errors.ts';
import type { ErrorView } from './contract.ts';

/** An answer other than the one that was hoped for. The message is one line for the person who asked. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  /** Stable, for machines. */
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const noSuchRoute: RequestHandler = (request) => {
  throw new HttpError(404, 'no-such-route', `There is no ${request.method} ${request.path}.`);
};

/** Answers every error in the one form that there is; what is not meant for others goes to the log. */
export function answerErrors(logger: Logger): ErrorRequestHandler {
  return (error, request, response, _next) => {
    const answer = httpErrorFor(error);
    if (answer.status >= 500)
      logger.error({ err: error, method: request.method, path: request.path }, 'request failed');
    // Half an answer cannot be taken back; the closed connection says that it is one.
    if (response.headersSent) return void response.destroy();
    const body: ErrorView = { error: { code: answer.code, message: answer.message } };
    response.status(answer.status).json(body);
  };
}

function httpErrorFor(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof ArchiveError) return new HttpError(502, 'archive-unavailable', error.withoutAddress);
  if (isDatabaseLost(error)) {
    return new HttpError(503, 'queue-unavailable', 'The queue’s database does not answer: try again in a moment.');
  }
  // What Express and its body parser throw: they carry a status, and a type or a message that may repeat the input.
  const { status, type } = (error ?? {}) as { status?: unknown; type?: unknown };
  if (type === 'entity.parse.failed') return new HttpError(422, 'malformed', 'The body is not valid JSON.');
  if (type === 'entity.too.large') return new HttpError(413, 'too-large', 'The body is too large.');
  if (type === 'encoding.unsupported' || type === 'charset.unsupported') {
    return new HttpError(415, 'unsupported-encoding', 'The body must be JSON in UTF-8.');
  }
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new HttpError(status, 'bad-request', 'The request cannot be read.');
  }
  return new HttpError(500, 'internal', 'The server failed; its log says why.');
}
