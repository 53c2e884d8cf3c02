import type { RerunView } from '../http/contract.ts';
import { findCompanion } from './companion.ts';
import { parseOrExplain, UsageError } from './failure.ts';

const USAGE = `usage: hepar rerun --model ID --per-hour N [--since DATE]
       hepar rerun --model ID --stop
       hepar rerun --list

Has every series that another model has segmented segmented by this one: behind all other runs, at most N an hour, those
with a result since DATE only. It goes on after restarts; asked for again it goes on at the new pace. What a person has
corrected is left alone. Of the companion server at HEPAR_URL (default: the one on this machine); HEPAR_TOKEN is its token.
`;

/** `hepar rerun`: a new model's turn at what was segmented before. */
export async function rerunCommand(args: string[]): Promise<number> {
  const values = readArguments(args);
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const companion = findCompanion();
  if (values.list) {
    for (const rerun of await companion.ask<RerunView[]>('GET', '/api/reruns')) process.stdout.write(lineOf(rerun));
    return 0;
  }
  const { model } = values;
  if (model === undefined) throw new UsageError(`--model ID is missing.\n${USAGE}`);
  if (values.stop) {
    const stopped = await companion.ask<RerunView>('DELETE', `/api/reruns/${encodeURIComponent(model)}`);
    process.stdout.write(lineOf(stopped));
    return 0;
  }
  const perHour = Number(values['per-hour']);
  if (!Number.isInteger(perHour) || perHour < 1) throw new UsageError('--per-hour must be a whole number from 1.');
  const since = values.since === undefined ? {} : { since: dateOf(values.since) };
  process.stdout.write(lineOf(await companion.ask<RerunView>('POST', '/api/reruns', { model, perHour, ...since })));
  return 0;
}

function lineOf({ model, state, queued, left, perHour }: RerunView): string {
  return `${model.id} ${model.version}: ${state}, ${queued} queued so far, ${left} left, at most ${perHour} an hour\n`;
}

function dateOf(text: string): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new UsageError('--since must be a date such as 2026-05-31.');
  return date.toISOString();
}

function readArguments(args: string[]) {
  const options = {
    model: { type: 'string' },
    'per-hour': { type: 'string' },
    since: { type: 'string' },
    stop: { type: 'boolean' },
    list: { type: 'boolean' },
    help: { type: 'boolean' },
  } as const;
  return parseOrExplain(USAGE, { args, options }).values;
}
