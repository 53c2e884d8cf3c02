import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConsoleMessage, Locator, Page } from 'playwright-core';
import { colouredPixels, type Picture } from './drawn-mask.ts';

/** A loaded machine needs its time; what the tests say does not depend on it. */
export const PATIENCE_MS = 300_000;
/** Screenshots go here when it is set. */
const { HEPAR_SCREENSHOTS: SCREENSHOTS } = process.env;

interface Canvas {
  readonly width: number;
  readonly height: number;
  /** RGBA. */
  readonly base64: string;
}
/** Runs in the page; takes the number of a viewport. */
const READ_CANVAS = `((index) => {
  const canvas = document.querySelectorAll('canvas.cornerstone-canvas')[index];
  const { width, height } = canvas;
  const copy = Object.assign(document.createElement('canvas'), { width, height });
  const context = copy.getContext('2d');
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  let binary = '';
  for (let at = 0; at < data.length; at += 8192) binary += String.fromCharCode(...data.subarray(at, at + 8192));
  return { width, height, base64: btoa(binary) };
})`;
/** The viewer's own notice, which lies over the lower part of the page until it is confirmed. */
const OHIF_NOTICE = '[data-cy="confirm-and-hide-button"]';

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
    page.setDefaultTimeout(PATIENCE_MS);
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

  /** A part of our panel or button, by its mark. */
  part(name: string): Locator {
    return this.page.locator(`[data-cy="hepar-${name}"]`);
  }

  get canvases(): Locator {
    return this.page.locator('canvas.cornerstone-canvas');
  }

  /** Opens a study in the mode, and waits until slices are on the screen. */
  async openStudy(studyInstanceUid: string): Promise<void> {
    await this.page.goto(`${this.#origin}/liver-lesions?StudyInstanceUIDs=${studyInstanceUid}`);
    await this.untilDrawn();
    const notice = this.page.locator(OHIF_NOTICE);
    if (await notice.isVisible()) await notice.click();
  }

  /** Brings a series into the active viewport, as a double click on its thumbnail does. */
  async openThumbnail(description: string): Promise<void> {
    await this.page.locator('[data-cy="study-browser-thumbnail"]').filter({ hasText: description }).dblclick();
  }

  /** What axe-core finds wrong with a part of ours; its source must be in the page. */
  async violations(part: string): Promise<string[]> {
    return this.page.evaluate<string[]>(`axe.run('[data-cy="hepar-${part}"]').then(({ violations }) =>
      violations.map(({ id, help, nodes }) => id + ': ' + help + ' ' + nodes.map(({ html }) => html).join(' ')))`);
  }

  /** One of the viewer's own layouts, such as 'mpr', as its layout menu sets it. */
  async setLayout(protocol: string): Promise<void> {
    await this.page.evaluate(`window.services.hangingProtocolService.setProtocol(${JSON.stringify(protocol)})`);
  }

  /** Waits until the viewport shows an image: pixels of many shades. */
  async untilDrawn(): Promise<void> {
    await this.canvases.first().waitFor({ timeout: PATIENCE_MS });
    await this.until('the viewport shows an image', async () => (await this.shades()).distinct >= 30);
  }

  /** Waits until the result is over the images, and something coloured is drawn there. */
  async untilShown(): Promise<void> {
    await this.page.locator('[data-overlay="shown"]').waitFor({ timeout: PATIENCE_MS });
  }

  /** Waits for a state of the page, however long the machine takes. */
  async until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await isSo())) {
      if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
      await this.page.waitForTimeout(100);
    }
  }

  /** Goes to a lesion by its row, and waits until the image with this Instance Number is on the screen. */
  async goTo(lesion: number, instanceNumber: number): Promise<void> {
    await this.part(`lesion-${lesion}`).click();
    await this.untilInstance(instanceNumber);
  }

  /** Waits until the viewer says that it shows the image with this Instance Number, and has drawn it. */
  untilInstance(instanceNumber: number): Promise<void> {
    return this.#untilCornerSays(new RegExp(`I:\\s*${instanceNumber}\\b`));
  }

  /** Waits until the viewer says that it shows the n-th image in its own order, and has drawn it. */
  untilImage(n: number): Promise<void> {
    return this.#untilCornerSays(new RegExp(`\\(${n}/`));
  }

  async #untilCornerSays(what: RegExp): Promise<void> {
    const corner = this.page.locator('[data-cy="viewport-overlay-bottom-right"]').first();
    await this.until(`the viewer says ${what}`, async () => what.test((await corner.textContent()) ?? ''));
    await this.untilSteady();
  }

  /** Waits until two pictures in a row are the same. */
  async untilSteady(): Promise<void> {
    let before = '';
    await this.until('the picture stands still', async () => {
      const { base64 } = await this.#read(0);
      const isSame = base64 === before;
      before = base64;
      if (!isSame) await this.page.waitForTimeout(300);
      return isSame;
    });
  }

  /** The pixels of a viewport's canvas, RGBA, row by row. */
  async pixels(viewport = 0): Promise<Picture> {
    const { width, height, base64 } = await this.#read(viewport);
    return { width, height, rgba: Buffer.from(base64, 'base64') };
  }

  #read(viewport: number): Promise<Canvas> {
    return this.page.evaluate<Canvas>(`${READ_CANVAS}(${viewport})`);
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
  untilColoured(viewport = 0): Promise<void> {
    return this.until('a segmentation is drawn', async () => colouredPixels(await this.pixels(viewport)) >= 50);
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
