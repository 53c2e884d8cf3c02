/**
 * From a study that Orthanc calls stable to its queued run; the webhook's answers in a flood, as its senders see them and as
 * the companion counts them itself; and what following costs Orthanc's own answers. The companion is a process of its own,
 * without an engine at work. Prints Markdown tables; fails when a target is missed.
 */
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, WEBHOOK_SCRIPT } from '../../server/src/cli/orthanc.ts';
import { type CompanionProcess, eventually, provideAutomation, SECRET, smallSeries, tell } from '../support/intake.ts';
import { startKeptOrthanc } from '../support/kept-orthanc.ts';

const TARGETS = { withWebhookMs: 2_000, webhookP99Ms: 50, orthancRatio: 1.5 };
const POLL_SECONDS = 5;
const STUDIES = 8;
const MESSAGES = 5_000;
const AT_ONCE = 4;
const TURNS = 20;
const ASKS = 50;

const row = (...cells: unknown[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
const ms = (value: number) => value.toFixed(value < 10 ? 1 : 0);
const at = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
const load = () => `${loadavg()[0]!.toFixed(1)} on ${availableParallelism()} cores`;
const missed: string[] = [];

await using stack = new AsyncDisposableStack();
const port = await freePort();
const orthanc = await startKeptOrthanc({
  StableAge: 1,
  LuaScripts: [WEBHOOK_SCRIPT],
  HttpTimeout: 1,
  Hepar: { Url: `http://127.0.0.1:${port}/webhooks/orthanc`, Secret: SECRET },
});
stack.defer(() => orthanc.stop());
const automation = await provideAutomation(orthanc);
stack.defer(() => automation.stop());
const follow = (environment: Record<string, string>) =>
  automation.startProcess({ HEPAR_LOG_LEVEL: 'warn', ...environment });
let sent = 0;

row('from stable to queued', 'studies', 'median, ms', 'longest, ms', 'at most, ms', 'load of the machine');
row('---', '---', '---', '---', '---', '---');
const webhook = await follow({ HEPAR_PORT: String(port), HEPAR_INTAKE_SECONDS: '3600' });
await timeStudies('with the webhook', webhook, TARGETS.withWebhookMs);
const seen = await webhookAnswers(webhook);
const counted = await webhookCounts(webhook);
await webhook.end('SIGTERM');
const polling = await follow({ HEPAR_INTAKE_SECONDS: String(POLL_SECONDS) });
await timeStudies(`without, asking every ${POLL_SECONDS} s`, polling, POLL_SECONDS * 1_000 + TARGETS.withWebhookMs);
await polling.end('SIGTERM');

process.stdout.write('\n');
row('webhook, half of the messages forged', 'messages', 'median, ms', '99th percentile, ms', 'at most, ms', 'load');
row('---', '---', '---', '---', '---', '---');
row(`${AT_ONCE} senders, from asking to the answer's end`, MESSAGES, ms(at(seen, 0.5)), ms(at(seen, 0.99)), '', load());
row('in the companion, from the head of the request', counted.messages, ...counted.shown, TARGETS.webhookP99Ms, '');
if (counted.shareInTime < 0.99) missed.push('the webhook’s answers');

process.stdout.write('\n');
await timeOrthanc();
if (missed.length > 0) {
  process.stderr.write(`Targets missed: ${missed.join(', ')}.\n`);
  process.exitCode = 1;
}

/** Sends studies one after the other, each as soon as the one before is queued. */
async function timeStudies(what: string, companion: CompanionProcess, target: number): Promise<void> {
  // What is read at the start is not to be measured.
  await sleep(3_000);
  const latencies: number[] = [];
  for (let index = 0; index < STUDIES; index++) {
    const study = `2.25.${++sent}`;
    const { Last } = await orthanc.get<{ Last: number }>('/changes?last');
    await automation.archive.store(smallSeries(study, `${study}.1`), study);
    // Of this study: the one before becomes stable once more, with its result.
    const resource = await resourceOf(study);
    const stable = async () => {
      const page = await orthanc.get<{ Changes: { ChangeType: string; ID: string }[] }>(
        `/changes?since=${Last}&limit=100`,
      );
      return page.Changes.some(({ ChangeType, ID }) => ChangeType === 'StableStudy' && ID === resource);
    };
    await eventually(stable, (isStable) => isStable);
    const stableAt = Date.now();
    const [run] = await eventually(
      () => companion.runs(study),
      (runs) => runs.length > 0,
    );
    latencies.push(Math.max(0, Date.parse(run!.createdAt) - stableAt));
  }
  latencies.sort((a, b) => a - b);
  row(what, STUDIES, ms(at(latencies, 0.5)), ms(latencies.at(-1)!), target, load());
  if (latencies.at(-1)! > target) missed.push(`from stable to queued ${what}`);
}

/** The name that Orthanc gives to a study. */
async function resourceOf(study: string): Promise<string> {
  const all = await orthanc.get<{ ID: string; MainDicomTags: { StudyInstanceUID: string } }[]>('/studies?expand');
  return all.find(({ MainDicomTags }) => MainDicomTags.StudyInstanceUID === study)!.ID;
}

/** @returns how long each answer took, in ms, sorted */
async function webhookAnswers({ url }: CompanionProcess): Promise<number[]> {
  const waits: number[] = [];
  const sender = async (number: number) => {
    for (let index = number; index < MESSAGES; index += AT_ONCE) {
      const began = performance.now();
      await (await tell(url, index % 2 ? SECRET : 'forged, forged, forged')).arrayBuffer();
      waits.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, number) => sender(number)));
  return waits.sort((a, b) => a - b);
}

/** What the companion's own histogram says of the webhook: shares up to a bound, for it keeps no single times. */
async function webhookCounts({ url }: CompanionProcess) {
  const figures = await (await fetch(`${url}/metrics`)).text();
  const upTo = new Map<number, number>();
  for (const [, bound, count] of figures.matchAll(
    /^hepar_http_request_seconds_bucket\{le="([^"]+)",[^}]*route="\/webhooks\/orthanc"[^}]*\} (\d+)$/gm,
  )) {
    const milliseconds = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound) * 1_000;
    upTo.set(milliseconds, (upTo.get(milliseconds) ?? 0) + Number(count));
  }
  const messages = upTo.get(Number.POSITIVE_INFINITY)!;
  const bounds = [...upTo.keys()].sort((a, b) => a - b);
  const shown = [0.5, 0.99].map((share) => `≤ ${bounds.find((bound) => upTo.get(bound)! >= share * messages)}`);
  return { messages, shown, shareInTime: upTo.get(TARGETS.webhookP99Ms)! / messages };
}

/** Orthanc's own answers alone, and while it is followed and tells of what arrives; by short turns, for machines change. */
async function timeOrthanc(): Promise<void> {
  const alone: number[] = [];
  const followed: number[] = [];
  const companion = await follow({ HEPAR_PORT: String(port), HEPAR_INTAKE_SECONDS: '1' });
  await sleep(3_000);
  for (let turn = 0; turn < TURNS; turn++) {
    process.kill(companion.pid, 'SIGSTOP');
    await sleep(200);
    alone.push(...(await askOrthanc()));
    process.kill(companion.pid, 'SIGCONT');
    await sleep(200);
    const wake = setInterval(() => void tell(companion.url).catch(() => {}), 100);
    followed.push(...(await askOrthanc()));
    clearInterval(wake);
  }
  await companion.end('SIGTERM');
  for (const all of [alone, followed]) all.sort((a, b) => a - b);
  row('Orthanc’s answers', 'asked', 'median, ms', '95th percentile, ms', 'load of the machine');
  row('---', '---', '---', '---', '---');
  row('alone', alone.length, at(alone, 0.5).toFixed(2), at(alone, 0.95).toFixed(2), '');
  row(
    'followed, and woken ten times a second',
    followed.length,
    at(followed, 0.5).toFixed(2),
    at(followed, 0.95).toFixed(2),
    load(),
  );
  const ratio = at(followed, 0.5) / at(alone, 0.5);
  process.stdout.write(`\nRatio of the medians: ${ratio.toFixed(2)} (target: at most ${TARGETS.orthancRatio}).\n`);
  if (ratio > TARGETS.orthancRatio) missed.push('Orthanc’s answers');
}

async function askOrthanc(): Promise<number[]> {
  const waits: number[] = [];
  for (let index = 0; index < ASKS; index++) {
    const began = performance.now();
    await orthanc.get(index % 2 ? '/studies' : '/system');
    waits.push(performance.now() - began);
    await sleep(15);
  }
  return waits;
}
