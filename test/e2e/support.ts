import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { type Browser, type ConsoleMessage, chromium, type Page } from 'playwright-core';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import { readConfig } from '../../server/src/config.ts';
import { createArchive } from '../../server/src/dicomweb/archive.ts';
import { type FindingsDocument, findingsSchema } from '../../server/src/findings/schema.ts';
import { segmentationSchema } from '../../server/src/http/contract.ts';
import { isFinal } from '../../server/src/jobs/run.ts';
import type { PhantomSeries } from '../../server/src/phantom/series.ts';
import { type RunningServer, startServer } from '../../server/src/server.ts';
import { startTestOrthanc } from '../support/orthanc.ts';
import { colouredPixels, type Picture } from './drawn-mask.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
/** Software rendering, and nothing that calls home. */
const FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
];
/** Where `npm test` and `npm start` put the viewer. */
const VIEWER = join(process.env.HEPAR_DATA || join(ROOT, '.data'), 'viewer');
/** Screenshots go here when it is set. */
const { HEPAR_SCREENSHOTS: SCREENSHOTS } = process.env;

interface Canvas {
  readonly width: number;
  readonly height: number;
  /** RGBA. */
  readonly base64: string;
}
/** Runs in the page. */
const READ_CANVAS = `(() => {
  const { width, height } = document.querySelector('canvas.cornerstone-canvas');
  const copy = Object.assign(document.createElement('canvas'), { width, height });
  const context = copy.getContext('2d');
  context.drawImage(document.querySelector('canvas.cornerstone-canvas'), 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  let binary = '';
  for (let at = 0; at < data.length; at += 8192) binary += String.fromCharCode(...data.subarray(at, at + 8192));
  return { width, height, base64: btoa(binary) };
})()`;

/** What an end-to-end test needs is not on this machine: the reason, or null. */
export function whyNoBrowser(): string | null {
  if (!existsSync(join(VIEWER, 'index.html'))) return 'no viewer is installed';
  return browserPath() === undefined ? 'no Chromium is installed' : null;
}

function browserPath(): string | undefined {
  return CHROMIUM.find((path) => existsSync(path));
}

/** A real archive, a real companion server with the bundled model and the viewer, and a browser. */
export class Stage {
  readonly orthanc: RunningOrthanc;
  readonly browser: Browser;
  readonly #dataDir: string;
  #server: RunningServer;

  static async open(): Promise<Stage> {
    const dataDir = await mkdtemp(join(tmpdir(), 'hepar-e2e-'));
    const orthanc = await startTestOrthanc();
    const server = await serve(orthanc, dataDir, 0);
    const executablePath = browserPath()!;
    const browser = await chromium.launch({ executablePath, args: FLAGS, headless: true });
    return new Stage(orthanc, server, browser, dataDir);
  }

  private constructor(orthanc: RunningOrthanc, server: RunningServer, browser: Browser, dataDir: string) {
    this.orthanc = orthanc;
    this.#server = server;
    this.browser = browser;
    this.#dataDir = dataDir;
  }

  get url(): string {
    return this.#server.url;
  }

  /** Stops the server and starts it again at the same address, as a restart of the machine's service does. */
  async restartServer(): Promise<void> {
    const port = Number(new URL(this.url).port);
    await this.#server.close();
    this.#server = await serve(this.orthanc, this.#dataDir, port);
  }

  /** Puts a phantom into the archive. */
  async store(series: PhantomSeries): Promise<void> {
    const { dicomWebUrl: url, username, password } = this.orthanc;
    const archive = createArchive({ url, username, password });
    const files = Array.from(series.instances(), ({ bytes }) => bytes);
    await archive.store(files, series.studyInstanceUid);
    archive.close();
  }

  /** Has a series segmented as another program would, and gives the findings; those at once that are there already. */
  async segment({ studyInstanceUid, seriesInstanceUid }: PhantomSeries): Promise<FindingsDocument> {
    const body = JSON.stringify({ studyInstanceUID: studyInstanceUid, seriesInstanceUID: seriesInstanceUid });
    const headers = { 'content-type': 'application/json' };
    const runs = `${this.url}/api/segmentations`;
    let run = segmentationSchema.parse(await (await fetch(runs, { method: 'POST', headers, body })).json());
    while (!isFinal(run.state)) {
      await sleep(200);
      run = segmentationSchema.parse(await (await fetch(`${runs}/${run.id}`)).json());
    }
    return findingsSchema.parse(await (await fetch(`${runs}/${run.id}/findings`)).json());
  }

  /** A page of its own, with everything that it says and asks for. */
  async openPage(size = { width: 1280, height: 720 }): Promise<Visit> {
    const context = await this.browser.newContext({ viewport: size });
    return new Visit(await context.newPage(), this.url);
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.#server.close();
    await this.orthanc.stop();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}

function serve(orthanc: RunningOrthanc, dataDir: string, port: number): Promise<RunningServer> {
  const config = readConfig({
    HEPAR_PORT: String(port),
    HEPAR_DATA: dataDir,
    HEPAR_VIEWER: VIEWER,
    HEPAR_DICOMWEB_URL: orthanc.dicomWebUrl,
    HEPAR_DICOMWEB_USERNAME: orthanc.username,
    HEPAR_DICOMWEB_PASSWORD: orthanc.password,
  });
  return startServer({ config, logger: pino({ level: process.env.HEPAR_LOG_LEVEL ?? 'silent' }) });
}

/** A page in the browser, and a record of what happened in it. */
export class Visit {
  readonly page: Page;
  readonly #origin: string;
  /** Addresses of other origins that were asked for. */
  readonly foreign: string[] = [];
  /** Requests to this origin that failed: status and path. */
  readonly failed: string[] = [];
  /** Errors on the console, and those that nobody caught. */
  readonly errors: string[] = [];

  constructor(page: Page, url: string) {
    this.page = page;
    this.#origin = new URL(url).origin;
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (/^(https?|wss?):$/.test(protocol) && origin !== this.#origin) this.foreign.push(request.url());
    });
    page.on('response', (response) => {
      if (response.status() >= 400) this.failed.push(`${response.status()} ${new URL(response.url()).pathname}`);
    });
    page.on('console', (message: ConsoleMessage) => {
      if (message.type() === 'error') this.errors.push(message.text());
    });
    page.on('pageerror', (error) => this.errors.push(String(error)));
  }

  /** Opens a study in a mode of the viewer, and waits until slices are on the screen. */
  async openStudy(studyInstanceUid: string, mode = 'liver-lesions'): Promise<void> {
    await this.page.goto(`${this.#origin}/${mode}?StudyInstanceUIDs=${studyInstanceUid}`);
    await this.untilDrawn();
  }

  /** Waits until some viewport shows an image: pixels of many shades. */
  async untilDrawn(timeoutMs = 90_000): Promise<void> {
    await this.page.locator('canvas.cornerstone-canvas').first().waitFor({ timeout: timeoutMs });
    const deadline = Date.now() + timeoutMs;
    while ((await this.shades()).distinct < 30) {
      if (Date.now() > deadline) throw new Error('the viewport stays empty');
      await this.page.waitForTimeout(300);
    }
  }

  /** The pixels of the first viewport's canvas, RGBA, row by row. */
  async pixels(): Promise<Picture> {
    const { width, height, base64 } = await this.page.evaluate<Canvas>(READ_CANVAS);
    return { width, height, rgba: Buffer.from(base64, 'base64') };
  }

  /** How many grey values there are on the canvas, and the share of pixels that are not black. */
  async shades(): Promise<{ distinct: number; lit: number }> {
    const { rgba } = await this.pixels();
    const seen = new Set<number>();
    let lit = 0;
    for (let at = 0; at < rgba.length; at += 4) {
      seen.add(rgba[at]!);
      if (rgba[at]! > 16) lit += 1;
    }
    return { distinct: seen.size, lit: (4 * lit) / rgba.length };
  }

  /** What should not have happened: foreign addresses, failed requests, errors. */
  get problems(): readonly string[] {
    return [...this.foreign, ...this.failed, ...this.errors];
  }

  /** Waits until something coloured is drawn over the CT. */
  async untilColoured(timeoutMs = 30_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (colouredPixels(await this.pixels()) < 50) {
      if (Date.now() > deadline) throw new Error('no segmentation is drawn');
      await this.page.waitForTimeout(200);
    }
  }

  /** Writes a picture of the page into HEPAR_SCREENSHOTS, where that is set. */
  async screenshot(name: string): Promise<void> {
    if (!SCREENSHOTS) return;
    await mkdir(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}
