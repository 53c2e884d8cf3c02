import type { RequestHandler } from 'express';
import type { Decision } from '../intake/decide.ts';
import type { Intake } from '../intake/intake.ts';
import { type RuleTest, rulesTestRequestSchema } from './contract.ts';
import { HttpError } from './errors.ts';

const ARCHIVE_ANSWERS_WITHIN_MS = 20_000;

/** POST /api/rules/test: which series of a study the rules would have segmented, and why not each other one. */
export function testRules(intake: Pick<Intake, 'test'> | null): RequestHandler {
  return async (request, response) => {
    if (!intake) throw new HttpError(409, 'no-rules', 'There are no rules: HEPAR_RULES is not set.');
    const body = rulesTestRequestSchema.safeParse(request.body);
    if (!body.success) throw new HttpError(422, 'malformed', 'The body must be {"studyInstanceUID": a DICOM UID}.');
    const signal = AbortSignal.timeout(ARCHIVE_ANSWERS_WITHIN_MS);
    const decisions = await intake.test(body.data.studyInstanceUID, signal).catch((error) => {
      if (!signal.aborted) throw error;
      throw new HttpError(502, 'archive-unavailable', 'The archive does not answer in time.');
    });
    if (decisions.length === 0) throw new HttpError(404, 'unknown-study', 'The archive has no such study.');
    response.json(decisions.map(viewOf));
  };
}

function viewOf({ series, verdict, rule, score, why }: Decision): RuleTest[number] {
  return {
    seriesInstanceUID: series.seriesInstanceUid,
    seriesNumber: series.seriesNumber,
    description: series.description,
    verdict,
    rule: rule?.name ?? null,
    score,
    why,
  };
}
