import type { z } from 'zod';
import { HttpError } from './errors.ts';

/** @throws HttpError 422 that says which field is wrong, without repeating its value */
export function parse<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '));
  throw new HttpError(422, 'malformed', problems.join('; '));
}
