import type { Request, Response } from 'express';
import type { Run } from '../jobs/run.ts';
import { runIdSchema } from './contract.ts';
import { HttpError } from './errors.ts';

/** @returns the run of this id; null when there is none */
export type FindRun = (id: string) => Promise<Run | null>;

/** @throws HttpError 404 */
export async function knownRun(findRun: FindRun, request: Request): Promise<Run> {
  const id = runIdSchema.safeParse(request.params.id);
  const run = id.success ? await findRun(id.data) : null;
  if (!run) throw new HttpError(404, 'unknown-run', 'There is no such run.');
  return run;
}

/** @throws HttpError 404, or 409 when it has no result */
export async function finishedRun(findRun: FindRun, request: Request): Promise<Run> {
  const run = await knownRun(findRun, request);
  if (run.state !== 'done') {
    throw new HttpError(409, 'not-done', `The run is ${run.state}: there is a result only when it is done.`);
  }
  return run;
}

/** Who signed in; null where nobody has to. */
export function reviewerOf(response: Response): string | null {
  return typeof response.locals.user === 'string' ? response.locals.user : null;
}
