import type { SegmentationView } from '../http/contract.ts';
import { columns, findCompanion } from './companion.ts';
import { parseOrExplain, UsageError } from './failure.ts';

const USAGE = `usage: hepar runs failed             list the runs that failed, newest first, with their reason
       hepar runs retry ID...        queue these once more
       hepar runs retry --all        queue all that failed once more

of the companion server at HEPAR_URL (default: the one on this machine). HEPAR_TOKEN is its token.
`;

/** `hepar runs`: the runs that failed, and a way to have them tried again. */
export async function runsCommand(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args);
  const [what, ...ids] = positionals;
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const companion = findCompanion();
  if (what === 'failed' && ids.length === 0 && !values.all) {
    const failed = await companion.ask<SegmentationView[]>('GET', '/api/segmentations?state=failed');
    process.stdout.write(columns(failed.map(rowOf)));
    return 0;
  }
  if (what !== 'retry' || (ids.length === 0) === !values.all) throw new UsageError(USAGE.trimEnd());
  if (values.all) {
    const { retried } = await companion.ask<{ retried: number }>('POST', '/api/retries');
    process.stdout.write(`${retried} queued\n`);
    return 0;
  }
  let problems = 0;
  for (const id of ids) {
    try {
      await companion.ask('POST', `/api/segmentations/${encodeURIComponent(id)}/retry`);
      process.stdout.write(`${id} queued\n`);
    } catch (error) {
      problems++;
      process.stderr.write(`${id}: ${(error as Error).message}\n`);
    }
  }
  return problems > 0 ? 1 : 0;
}

function rowOf({ id, seriesInstanceUID, finishedAt, attempt, failure }: SegmentationView): (string | number)[] {
  return [id, finishedAt ?? '', seriesInstanceUID, `${attempt} tried`, failure?.code ?? '', failure?.message ?? ''];
}

function readArguments(args: string[]) {
  const options = { all: { type: 'boolean' }, help: { type: 'boolean' } } as const;
  return parseOrExplain(USAGE, { args, allowPositionals: true, options });
}
