import type { RequestHandler } from 'express';
import { type Review, ReviewNotStored } from '../jobs/reviews.ts';
import type { Segmentations } from '../jobs/segmentations.ts';
import { type ReviewView, reviewRequestSchema } from './contract.ts';
import { HttpError } from './errors.ts';
import { parse } from './parse.ts';
import { type FindRun, finishedRun, knownRun, reviewerOf } from './runs.ts';

/** POST and GET /api/segmentations/:id/reviews. */
export function reviewRoutes(options: {
  readonly segmentations: Pick<Segmentations, 'reviews'>;
  readonly findRun: FindRun;
}): { review: RequestHandler; reviews: RequestHandler } {
  const { segmentations, findRun } = options;
  return {
    review: async (request, response) => {
      const run = await finishedRun(findRun, request);
      const { verdict, comment } = parse(reviewRequestSchema, request.body);
      const said = { reviewer: reviewerOf(response), verdict, comment: comment ?? null };
      const { review, isNew } = await segmentations.reviews.add(run, said).catch((error) => {
        if (error instanceof ReviewNotStored) throw new HttpError(502, 'archive-unavailable', error.message);
        throw error;
      });
      response.status(isNew ? 201 : 200).json(viewOf(review));
    },

    reviews: async (request, response) => {
      const { id } = await knownRun(findRun, request);
      response.json((await segmentations.reviews.list(id)).map(viewOf));
    },
  };
}

function viewOf({ runId, verdict, comment, reviewer, createdAt, object }: Review): ReviewView {
  return { run: runId, verdict, comment, reviewer, createdAt: createdAt.toISOString(), object };
}
