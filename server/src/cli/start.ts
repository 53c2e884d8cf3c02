import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { type Config, readConfig } from '../config.ts';
import { type Archive, createArchive } from '../dicomweb/archive.ts';
import { type FindingsDocument, findingsSchema, NOTICE } from '../findings/schema.ts';
import { segmentationSchema } from '../http/contract.ts';
import type { Progress } from '../progress.ts';
import { checkAddress, startServer } from '../server.ts';
import { onInterrupt } from './failure.ts';
import { freePort, isOrthancInstalled, type RunningOrthanc, startOrthanc, WEBHOOK_SCRIPT } from './orthanc.ts';
import { hasDockerEngine, startOrthancContainer } from './orthanc-container.ts';
import { showProgress } from './progress-display.ts';
import { judgeSample, provideSample, type Sample, scoreSample } from './sample.ts';

const ASK_AGAIN_MS = 300;
const LOOK_AFTER_ORTHANC_MS = 2_000;

/**
 * `hepar start`: the archive (unless the environment names one), the companion server with the viewer, and in an archive of our own the
 * sample study, segmented and compared with its truth. Runs until it is asked to stop, and stops what it started.
 */
export async function startCommand(): Promise<number> {
  using interrupt = onInterrupt();
  const { signal } = interrupt;
  const environment = readConfig();
  await checkAddress(environment);
  await using stack = new AsyncDisposableStack();
  const own = environment.archive ? environment : await withWebhook(environment);
  const orthanc = environment.archive ? null : await startOwnArchive(own);
  if (orthanc) stack.defer(() => orthanc.stop());
  const config = orthanc ? { ...own, archive: archiveOf(orthanc), orthancUrl: orthanc.url } : environment;
  const archive = createArchive(config.archive!);
  stack.defer(() => archive.close());

  const sampleDir = join(config.dataDir, 'sample');
  const sample = orthanc ? await provideSample(archive, sampleDir, () => isEmpty(orthanc), { signal, say }) : null;
  const log = join(config.dataDir, 'server.log');
  const logger = pino({ level: config.logLevel }, pino.destination({ dest: log, sync: false }));
  const server = await startServer({ config, logger });
  stack.defer(() => server.close());
  if (sample && !(await checkSample(sample, archive, server.url, config, signal))) return 1;

  say(`Hepar is running at ${server.url} (archive ${config.archive!.url}, log ${log}).`);
  if (server.hasViewer) {
    say(sample ? `The sample in the viewer: ${viewerAddress(server.url, sample)}` : `The viewer: ${server.url}/`);
  }
  if (config.rulesFile !== null)
    say(`Suitable series are segmented as they arrive, by the rules in ${config.rulesFile}.`);
  say(NOTICE);
  say('Ctrl-C stops it.');
  while (!signal.aborted) {
    if (orthanc?.exited() !== undefined) throw new Error(`Orthanc has ended by itself (${orthanc.exited()}).`);
    await sleep(LOOK_AFTER_ORTHANC_MS, undefined, { signal }).catch(() => {});
  }
  say('Stopping.');
  return 0;
}

/** With rules, our own Orthanc tells us of what arrives: at a port that is known before both start, with a secret for this once. */
async function withWebhook(config: Config): Promise<Config> {
  if (config.rulesFile === null) return config;
  const webhookSecret = config.webhookSecret ?? randomBytes(24).toString('base64url');
  return { ...config, port: config.port || (await freePort()), webhookSecret };
}

async function startOwnArchive({ dataDir, host, port, rulesFile, webhookSecret }: Config): Promise<RunningOrthanc> {
  const options = { dataDir: join(dataDir, 'orthanc'), port: Number(process.env.HEPAR_ORTHANC_PORT ?? 0) };
  const isEverywhere = host === '0.0.0.0' || host === '::';
  const webhook = `http://${isEverywhere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host}:${port}/webhooks/orthanc`;
  const settings =
    rulesFile === null
      ? {}
      : { LuaScripts: [WEBHOOK_SCRIPT], HttpTimeout: 1, Hepar: { Url: webhook, Secret: webhookSecret } };
  if (isOrthancInstalled() || !(await hasDockerEngine())) return startOrthanc({ ...options, settings });
  say('Starting Orthanc in a container.');
  return startOrthancContainer(options);
}

/** Opens the study in the mode that our extension adds to the viewer. */
function viewerAddress(url: string, { series }: Sample): string {
  return `${url}/liver-lesions?StudyInstanceUIDs=${series.studyInstanceUid}`;
}

const archiveOf = ({ dicomWebUrl, username, password }: RunningOrthanc) => ({ url: dicomWebUrl, username, password });

async function isEmpty({ url, username, password }: RunningOrthanc): Promise<boolean> {
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const answer = await fetch(`${url}/statistics`, { headers: { authorization } });
  const { CountInstances } = (await answer.json()) as { CountInstances: number };
  return CountInstances === 0;
}

async function checkSample(
  sample: Sample,
  archive: Archive,
  url: string,
  config: Config,
  signal: AbortSignal,
): Promise<boolean> {
  const display = showProgress(process.stderr);
  const findings = await segmentOverHttp(sample, url, config, { signal, report: display.report });
  display.end();
  const { text, problems } = judgeSample(sample, await scoreSample(sample, archive, findings));
  process.stdout.write(text);
  for (const problem of problems) process.stderr.write(`hepar start: the sample was segmented badly: ${problem}\n`);
  return problems.length === 0;
}

/** Asks for a run as any client would, and follows it to its end. */
async function segmentOverHttp(
  { series }: Sample,
  url: string,
  { auth }: Config,
  { signal, report }: Progress,
): Promise<FindingsDocument> {
  const headers = {
    'content-type': 'application/json',
    ...(auth?.[0] ? { authorization: `Bearer ${auth[0].secret}` } : {}),
  };
  const body = JSON.stringify({
    studyInstanceUID: series.studyInstanceUid,
    seriesInstanceUID: series.seriesInstanceUid,
  });
  const posted = await fetch(`${url}/api/segmentations`, { method: 'POST', headers, body, signal });
  if (!posted.ok) throw new Error(`The server refused to segment the sample: ${posted.status} ${await posted.text()}`);
  let run = segmentationSchema.parse(await posted.json());
  while (run.state === 'queued' || run.state === 'running') {
    if (run.phase) report(run.phase, run.fraction ?? 0);
    await sleep(ASK_AGAIN_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    run = segmentationSchema.parse(
      await (await fetch(`${url}/api/segmentations/${run.id}`, { headers, signal })).json(),
    );
  }
  if (run.state !== 'done') {
    throw new Error(`The sample's run is ${run.state}: ${run.failure?.message ?? run.refusal?.message ?? ''}`);
  }
  return findingsSchema.parse(
    await (await fetch(`${url}/api/segmentations/${run.id}/findings`, { headers, signal })).json(),
  );
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
