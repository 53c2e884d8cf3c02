import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import { type Archive, createArchive } from '../../server/src/dicomweb/archive.ts';
import type { SegmentationView } from '../../server/src/http/contract.ts';
import type { RunningServer, ServerOptions } from '../../server/src/server.ts';
import { json, startTestServer } from '../unit/http/support.ts';
import { provideQueue } from './data-dir.ts';
import { smallDicomFile } from './small-dicom.ts';

export const SECRET = 'a secret of the webhook'.replaceAll(' ', '-');
const MESSAGE = JSON.stringify({ event: 'stable-series', resource: `${'0123abcd-'.repeat(4)}0123abcd` });

/** Wakes a companion, as Orthanc's script does. */
export function tell(url: string, secret = SECRET): Promise<Response> {
  const headers = { 'x-hepar-secret': secret };
  return fetch(`${url}/webhooks/orthanc`, { method: 'POST', headers, body: MESSAGE });
}

/** Takes whatever can be segmented. */
export const ANY_CT = 'rules: [{name: any, when: {ageDays: {atLeast: 0}}}]';

/** A CT series that looks suitable and has no pixels: enough for everything before the engine. */
export function smallSeries(
  study: string,
  series: string,
  slices = 12,
  description = 'portal venous',
  studyDate?: string,
): Uint8Array[] {
  return Array.from({ length: slices }, (_, index) =>
    smallDicomFile({
      sopInstanceUid: `${series}.${index + 1}`,
      studyUid: study,
      seriesUid: series,
      description,
      studyDate,
      instanceNumber: index + 1,
    }),
  );
}

/** A companion that follows a real Orthanc, with a pipeline that computes nothing and stores what stands for a result. */
export interface Companion extends RunningServer {
  runs(study?: string): Promise<SegmentationView[]>;
  /** What it has logged. */
  log(): string;
}

/** The same in a process of its own. */
export interface CompanionProcess extends Pick<Companion, 'url' | 'runs' | 'log'> {
  readonly pid: number;
  end(signal: NodeJS.Signals): Promise<void>;
}

export interface Automation {
  readonly archive: Archive;
  readonly dataDir: string;
  readonly rulesFile: string;
  start(environment?: Record<string, string>, more?: Partial<ServerOptions>): Promise<Companion>;
  startProcess(environment?: Record<string, string>): Promise<CompanionProcess>;
  stop(): Promise<void>;
}

export const STORING_PIPELINE = new URL('./storing-pipeline.ts', import.meta.url);
const COMPANION = fileURLToPath(new URL('./companion-process.ts', import.meta.url));

/** What companions of one Orthanc need; they share a data folder. */
export async function provideAutomation(
  orthanc: Pick<RunningOrthanc, 'url' | 'dicomWebUrl' | 'username' | 'password'>,
  rules = ANY_CT,
): Promise<Automation> {
  const dir = await mkdtemp(join(tmpdir(), 'hepar-intake-'));
  const dataDir = join(dir, 'data');
  await provideQueue(dataDir);
  const rulesFile = join(dir, 'rules.yaml');
  await writeFile(rulesFile, rules);
  const { dicomWebUrl: url, username, password } = orthanc;
  const address = { url, username, password };
  const archive = createArchive(address);
  const common = {
    HEPAR_DICOMWEB_URL: url,
    HEPAR_DICOMWEB_USERNAME: username,
    HEPAR_DICOMWEB_PASSWORD: password,
    HEPAR_ORTHANC_URL: orthanc.url,
    HEPAR_RULES: rulesFile,
    HEPAR_WEBHOOK_SECRET: SECRET,
    HEPAR_INTAKE_SECONDS: '1',
    HEPAR_VIEWER: 'off',
  };
  const runsOf = (base: string) => (study?: string) =>
    json<SegmentationView[]>(fetch(`${base}/api/segmentations${study ? `?study=${study}` : ''}`));
  return {
    archive,
    dataDir,
    rulesFile,
    start: async (environment = {}, more = {}) => {
      const lines: string[] = [];
      const server = await startTestServer(dir, {
        environment: { ...common, ...environment },
        archive: createArchive({ ...address, retry: { tries: 1 } }),
        engine: { pipeline: STORING_PIPELINE, graceMs: 500 },
        logger: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }),
        ...more,
      });
      return { ...server, runs: runsOf(server.url), log: () => lines.join('') };
    },
    startProcess: async (environment = {}) => {
      const env = { ...process.env, ...common, HEPAR_PORT: '0', HEPAR_DATA: dataDir, ...environment };
      const child = fork(COMPANION, { env, execArgv: [], stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
      let output = '';
      child.stdout!.on('data', (data) => {
        output += data;
      });
      const ended = once(child, 'close');
      const base = await new Promise<string>((resolve, reject) => {
        child.once('message', (message) => resolve(message as string));
        child.once('exit', (code) => reject(new Error(`the companion ended with ${code}: ${output}`)));
      });
      return {
        url: base,
        pid: child.pid!,
        runs: runsOf(base),
        log: () => output,
        end: async (signal) => {
          child.kill(signal);
          await ended;
        },
      };
    },
    stop: async () => {
      archive.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Waits until something is there. @throws Error after a minute and a half */
export async function eventually<T>(look: () => Promise<T>, isThere: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + 90_000;
  for (;;) {
    const value = await look();
    if (isThere(value)) return value;
    if (Date.now() > deadline) throw new Error(`it stays ${JSON.stringify(value)}`);
    await sleep(50);
  }
}
