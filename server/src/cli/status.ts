import type { OperationsView } from '../http/contract.ts';
import { duration } from '../http/operations-page.ts';
import { columns, findCompanion } from './companion.ts';
import { parseOrExplain } from './failure.ts';

const USAGE = `usage: hepar status [--json]

Says how the companion server at HEPAR_URL (default: the one on this machine) is doing. HEPAR_TOKEN is its token.
`;

/** `hepar status`: the figures of the operations page. */
export async function statusCommand(args: string[]): Promise<number> {
  const { values } = readArguments(args);
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const companion = findCompanion();
  const view = await companion.ask<OperationsView>('GET', '/api/operations');
  process.stdout.write(values.json ? `${JSON.stringify(view, null, 2)}\n` : textOf(companion.url, view));
  return 0;
}

function readArguments(args: string[]) {
  return parseOrExplain(USAGE, { args, options: { json: { type: 'boolean' }, help: { type: 'boolean' } } });
}

function textOf(url: string, view: OperationsView): string {
  const { runs, waiting, speed, workers, feeds, reruns } = view;
  const codes = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([code, count]) => `${count} ${code}`)
      .join(', ');
  const rows: [string, string][] = [
    ['server', `${url}, version ${view.version}`],
    ['running', String(runs.running)],
    [
      'waiting',
      `${runs.queued} (${waiting.byOrigin.click} by click, ${waiting.byOrigin.automation} by rule, ` +
        `${waiting.afterFailure} after a failure), the first for ${duration(waiting.oldestSeconds)}`,
    ],
    ['done', `${runs.done}, ${speed.doneLastHour} in the last hour, ${speed.doneLastDay} in the last day`],
    ['speed', `${duration(speed.medianSeconds)} a run, ${duration(speed.medianTotalSeconds)} from asked to done`],
    ['refused', [String(runs.refused), codes(view.refused)].filter(Boolean).join(': ')],
    ['failed', [String(runs.failed), codes(view.failed)].filter(Boolean).join(': ')],
    ['cancelled', String(runs.cancelled)],
    ...feeds.map((feed): [string, string] => [
      'feed',
      `${feed.source} read up to ${feed.position}, ${duration(feed.readSecondsAgo)} ago; ${feed.watched} to look at, ` +
        `lag ${duration(feed.lagSeconds)}`,
    ]),
    ...reruns.map((rerun): [string, string] => [
      'rerun',
      `${rerun.model.id} ${rerun.model.version}: ${rerun.state}, ${rerun.queued} queued, ${rerun.left} left, ${rerun.perHour} an hour`,
    ]),
    ...workers.map((worker): [string, string] => [
      'worker',
      `${worker.name} (${worker.kind}): ${worker.device ?? 'device known after its first run'}, ${worker.runsDone} done, ` +
        `${worker.runId ? `at work on ${worker.runId}` : 'idle'}, last word ${duration(worker.silentSeconds)} ago`,
    ]),
  ];
  return columns(rows);
}
