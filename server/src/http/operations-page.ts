import type { OperationsView } from './contract.ts';

/** A worker that is silent for longer than this is shown as such. */
const SILENT_AFTER_SECONDS = 20;

/** Loaded by the page: has its inner part made anew by the server, every two seconds. */
export const SCRIPT = `const main = document.querySelector('main');
const state = document.querySelector('#state');
setInterval(async () => {
  try {
    const answer = await fetch('/operations?part=main');
    if (!answer.ok) throw new Error(String(answer.status));
    main.innerHTML = await answer.text();
    state.textContent = '';
  } catch {
    state.textContent = 'The server does not answer: these figures are old.';
  }
}, 2000);
`;

/** The operations page. It works without its script as well, and then shows what was when it was opened. */
export function operationsPage(view: OperationsView): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Hepar: operations</title>
<link rel="icon" href="data:,">
<style>
  body { background: #050615; color: #e6edf7; font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1rem; }
  h1 { font-size: 1.3rem; } h2 { color: #9db0cf; font-size: 0.95rem; font-weight: 600; margin: 1.6rem 0 0.4rem; }
  ul.tiles { display: flex; flex-wrap: wrap; gap: 0.6rem; list-style: none; margin: 0; padding: 0; }
  .tiles li { background: #0b1230; border-radius: 6px; min-width: 6.5rem; padding: 0.5rem 0.9rem; }
  .tiles b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
  .bad b, td.bad { color: #ffb4a8; } .good b { color: #9fe0b4; }
  table { border-collapse: collapse; width: 100%; } th { color: #9db0cf; font-weight: 500; text-align: left; }
  td, th { border-bottom: 1px solid #1c2748; padding: 0.3rem 0.8rem 0.3rem 0; vertical-align: top; }
  td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
  code { font-size: 0.9em; } small, footer { color: #9db0cf; } #state { color: #ffb4a8; min-height: 1.5em; }
</style>
<h1>Hepar: operations</h1>
<p id="state" role="status"></p>
<main>${operationsMain(view)}</main>
<footer><small>Version ${escaped(view.version)}. Research use only. Not a medical device.</small></footer>
<script src="/operations/script.js" defer></script>
</html>
`;
}

/** What changes on the page. */
export function operationsMain({
  runs,
  waiting,
  speed,
  refused,
  failed,
  workers,
  feeds,
  reruns,
}: OperationsView): string {
  const tile = (name: string, figure: string | number, kind = '') =>
    `<li class="${kind}"><b>${escaped(figure)}</b>${escaped(name)}</li>`;
  return `
<ul class="tiles">
  ${tile('running', runs.running)}
  ${tile('waiting', runs.queued)}
  ${tile('done', runs.done, 'good')}
  ${tile('refused', runs.refused)}
  ${tile('failed', runs.failed, runs.failed > 0 ? 'bad' : '')}
  ${tile('cancelled', runs.cancelled)}
  ${tile('done in the last hour', speed.doneLastHour)}
  ${tile('median of a run', duration(speed.medianSeconds))}
  ${tile('median, asked to done', duration(speed.medianTotalSeconds))}
</ul>
<p><small>Of those that wait ${waiting.byOrigin.click} were asked for by a person and ${waiting.byOrigin.automation} by a rule;
${waiting.afterFailure} wait for their next attempt after a failure. The first has waited for ${duration(waiting.oldestSeconds)}.</small></p>
<h2>Workers</h2>
${table(
  ['name', 'kind', 'runs on', 'version', 'at work on', 'done', 'last word'],
  workers.map((worker) => [
    worker.name,
    worker.kind,
    worker.device === null ? 'known after its first run' : `${worker.device} (${worker.provider})`,
    worker.version,
    worker.runId ?? '–',
    worker.runsDone,
    worker.silentSeconds > SILENT_AFTER_SECONDS
      ? { bad: `${duration(worker.silentSeconds)} ago` }
      : `${duration(worker.silentSeconds)} ago`,
  ]),
  'None: runs wait until one is started.',
)}
<h2>The archive’s news</h2>
${table(
  ['archive', 'read up to change', 'last read', 'to be looked at', 'lag'],
  feeds.map((feed) => [
    feed.source,
    feed.position,
    feed.readSecondsAgo === null ? 'never' : `${duration(feed.readSecondsAgo)} ago`,
    `${feed.watched}, ${feed.due} of them due`,
    duration(feed.lagSeconds),
  ]),
  'Not followed: no rules are set.',
)}
<h2>Refused, by reason</h2>
${table(['reason', 'runs'], Object.entries(refused), 'None.')}
<h2>Failed, by reason</h2>
${table(['reason', 'runs'], Object.entries(failed), 'None.')}
${runs.failed > 0 ? '<p><small><code>hepar runs failed</code> lists them, <code>hepar runs retry --all</code> queues them again.</small></p>' : ''}
<h2>Reruns with another model</h2>
${table(
  ['model', 'state', 'an hour', 'queued so far', 'left'],
  reruns.map((rerun) => [
    `${rerun.model.id} ${rerun.model.version}`,
    rerun.state,
    rerun.perHour,
    rerun.queued,
    rerun.left,
  ]),
  'None.',
)}
`;
}

type Cell = string | number | { readonly bad: string };

function table(head: readonly string[], rows: readonly (readonly Cell[])[], none: string): string {
  if (rows.length === 0) return `<p><small>${escaped(none)}</small></p>`;
  const cell = (content: Cell) =>
    typeof content === 'object' ? `<td class="bad">${escaped(content.bad)}</td>` : `<td>${escaped(content)}</td>`;
  const body = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n');
  return `<table><tr>${head.map((name) => `<th>${escaped(name)}</th>`).join('')}</tr>\n${body}</table>`;
}

/** A time for people: 12 s, 3 min, 2 h, 4 d; a dash when there is none. */
export function duration(seconds: number | null): string {
  if (seconds === null) return '–';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}

function escaped(text: string | number): string {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
