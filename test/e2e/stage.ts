import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { type Browser, chromium } from 'playwright-core';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import { readConfig } from '../../server/src/config.ts';
import { parseInstance } from '../../server/src/dicom/parse.ts';
import type { Archive } from '../../server/src/dicomweb/archive.ts';
import { type FindingsDocument, findingsSchema } from '../../server/src/findings/schema.ts';
import { SESSION_COOKIE } from '../../server/src/http/auth.ts';
import { type SegmentationView, segmentationListSchema, segmentationSchema } from '../../server/src/http/contract.ts';
import { isFinal } from '../../server/src/jobs/run.ts';
import type { PhantomSeries } from '../../server/src/phantom/series.ts';
import { type RunningServer, startServer } from '../../server/src/server.ts';
import { type Fault, type FaultyArchive, startFaultyArchive } from '../support/faulty-archive.ts';
import { startTestOrthanc, withArchive } from '../support/orthanc.ts';
import { Visit } from './visit.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
/** What a browser does on a machine without a GPU: WebGL alone is drawn as by a GPU, in software. And nothing that calls home. */
const FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A page that is not in front would have to wait for everything else that the machine does.
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--disable-gpu-compositing',
];
/** Where `npm test` and `npm start` put the viewer. */
const VIEWER = join(process.env.HEPAR_DATA || join(ROOT, '.data'), 'viewer');
/** What an end-to-end test needs is not on this machine: the reason, or null. */
export function whyNoBrowser(): string | null {
  if (!existsSync(join(VIEWER, 'index.html'))) return 'no viewer is installed';
  return browserPath() === undefined ? 'no Chromium is installed' : null;
}

function browserPath(): string | undefined {
  return CHROMIUM.find((path) => existsSync(path));
}

/** Who looks at the studies: the server asks everybody to sign in. */
export const READER = { name: 'reader', token: 'a-token-for-the-tests' } as const;

/** A real archive, a real companion server with the bundled model and the viewer, and a browser. */
export class Stage {
  readonly orthanc: RunningOrthanc;
  readonly browser: Browser;
  readonly #archive: FaultyArchive;
  readonly #dataDir: string;
  readonly #port: number;
  #server: RunningServer | null;

  static async open(): Promise<Stage> {
    const dataDir = await mkdtemp(join(tmpdir(), 'hepar-e2e-'));
    const orthanc = await startTestOrthanc();
    const archive = await startFaultyArchive(orthanc.dicomWebUrl);
    const server = await serve(orthanc, archive.url, dataDir, 0);
    const browser = await chromium.launch({ executablePath: browserPath()!, args: FLAGS, headless: true });
    return new Stage(orthanc, archive, server, browser, dataDir);
  }

  private constructor(
    orthanc: RunningOrthanc,
    archive: FaultyArchive,
    server: RunningServer,
    browser: Browser,
    dataDir: string,
  ) {
    this.orthanc = orthanc;
    this.#archive = archive;
    this.#server = server;
    this.#port = Number(new URL(server.url).port);
    this.browser = browser;
    this.#dataDir = dataDir;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** What befalls the server's, and so also the viewer's, requests to the archive. */
  set fault(fault: Fault) {
    this.#archive.fault = fault;
  }

  async stopServer(): Promise<void> {
    await this.#server?.close();
    this.#server = null;
  }

  /** At the same address, with the same data, as a restart of the machine's service does. */
  async startServer(): Promise<void> {
    this.#server = await serve(this.orthanc, this.#archive.url, this.#dataDir, this.#port);
  }

  /** Puts a phantom into the archive, or those of its slices that are kept. */
  async store(series: PhantomSeries, keep: (k: number) => boolean = () => true): Promise<void> {
    const files = [...series.instances()].filter(({ k }) => keep(k)).map(({ bytes }) => bytes);
    await this.withArchive((archive) => archive.store(files, studyOf(files[0]!)));
  }

  /** Does something with the archive behind the server's back. */
  withArchive<T>(work: (archive: Archive) => Promise<T>): Promise<T> {
    return withArchive(this.orthanc, work);
  }

  /** Asks for a run as another program would. */
  async request(series: Pick<PhantomSeries, 'studyInstanceUid' | 'seriesInstanceUid'>, repeat = 0): Promise<string> {
    const { studyInstanceUid: studyInstanceUID, seriesInstanceUid: seriesInstanceUID } = series;
    const body = JSON.stringify({ studyInstanceUID, seriesInstanceUID, repeat });
    return segmentationSchema.parse(await this.ask('segmentations', { method: 'POST', body })).id;
  }

  /** Has a series segmented, and gives the findings; those at once that are there already. */
  async segment(series: PhantomSeries, repeat = 0): Promise<FindingsDocument> {
    const id = await this.request(series, repeat);
    const isDone = async () => isFinal(segmentationSchema.parse(await this.ask(`segmentations/${id}`)).state);
    while (!(await isDone())) await sleep(200);
    return this.findings(id);
  }

  async findings(run: string): Promise<FindingsDocument> {
    return findingsSchema.parse(await this.ask(`segmentations/${run}/findings`));
  }

  /** The runs of a study, newest first. */
  async runsOf({ studyInstanceUid }: PhantomSeries): Promise<SegmentationView[]> {
    return segmentationListSchema.parse(await this.ask(`segmentations?study=${studyInstanceUid}`));
  }

  /** What the server's interface answers. */
  async ask(path: string, init: RequestInit = {}): Promise<unknown> {
    const headers = { authorization: `Bearer ${READER.token}`, 'content-type': 'application/json' };
    return (await fetch(`${this.url}/api/${path}`, { ...init, headers })).json();
  }

  /** A page in a browser of its own, as on another machine, with everything that it says and asks for. */
  async openPage(options: { isSignedIn?: boolean } = {}): Promise<Visit> {
    const context = await this.browser.newContext({
      viewport: { width: 1280, height: 720 },
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    const { isSignedIn = true } = options;
    if (isSignedIn) await context.addCookies([{ name: SESSION_COOKIE, value: READER.token, url: this.url }]);
    return new Visit(await context.newPage(), this.url);
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.stopServer();
    await this.#archive.close();
    await this.orthanc.stop();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}

function studyOf(file: Uint8Array): string {
  return parseInstance(file).dataset.text('0020000d')!;
}

function serve(orthanc: RunningOrthanc, dicomWebUrl: string, dataDir: string, port: number): Promise<RunningServer> {
  const config = readConfig({
    HEPAR_PORT: String(port),
    HEPAR_DATA: dataDir,
    HEPAR_VIEWER: VIEWER,
    HEPAR_DICOMWEB_URL: dicomWebUrl,
    HEPAR_DICOMWEB_USERNAME: orthanc.username,
    HEPAR_DICOMWEB_PASSWORD: orthanc.password,
    HEPAR_AUTH: `token:${READER.name}=${READER.token}`,
  });
  return startServer({ config, logger: pino({ level: process.env.HEPAR_LOG_LEVEL ?? 'silent' }) });
}
