/**
 * What a radiologist waits for in the real viewer: 512 x 512 x 160, a real Orthanc, the bundled model, headless Chromium with
 * no GPU. Prints a Markdown table; fails when a target is missed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { buildModules } from '../../extension/build.ts';
import { makePhantomSeries } from '../../server/src/phantom/series.ts';
import { Stage, whyNoBrowser } from '../e2e/stage.ts';
import type { Visit } from '../e2e/visit.ts';
import { memoryMib } from '../support/process-memory.ts';

const TARGETS = { overlayMs: 3_000, interactionMs: 100, bytes: 300_000, memoryRatio: 1.3 };
const PRESS_SETTLES_MS = 1_500;
const SLICES = 160;
const GEOMETRY = {
  rows: 512,
  columns: 512,
  slices: SLICES,
  pixelSpacingMm: [0.72, 0.72],
  sliceSpacingMm: 1.6,
} as const;

/** Runs in the page: notes when something coloured is first on the screen, on the clock of the whole machine. */
const WATCH_FOR_COLOUR = `(() => {
  const small = Object.assign(document.createElement('canvas'), { width: 128, height: 128 });
  const context = small.getContext('2d', { willReadFrequently: true });
  const look = () => {
    // Not before, for to look keeps the page busy.
    if (!document.querySelector('[data-overlay="shown"]')) return void setTimeout(look, 20);
    context.drawImage(document.querySelector('canvas.cornerstone-canvas'), 0, 0, 128, 128);
    const { data } = context.getImageData(0, 0, 128, 128);
    let coloured = 0;
    for (let at = 0; at < data.length; at += 4) {
      if (Math.max(data[at], data[at + 1], data[at + 2]) - Math.min(data[at], data[at + 1], data[at + 2]) > 12) coloured++;
    }
    if (coloured > 50) window.heparColouredAt = Date.now();
    else setTimeout(look, 50);
  };
  look();
})()`;
/**
 * Runs in the page: what the browser itself measures of each press, from the press to the next picture; and when the viewer
 * has drawn its images anew.
 */
const WATCH_PRESSES = `window.heparPresses = [];
new PerformanceObserver((list) => window.heparPresses.push(...list.getEntries().map(
  ({ duration, interactionId }) => ({ duration, interactionId })
))).observe({ type: 'event', durationThreshold: 16 });
addEventListener('pointerdown', ({ timeStamp }) => { window.heparPressedAt = timeStamp; }, true);
for (const { element } of window.cornerstone.getRenderingEngines().flatMap((engine) => engine.getViewports())) {
  element.addEventListener('CORNERSTONE_IMAGE_RENDERED', () => { window.heparDrawnAt = performance.now(); });
}`;
/** Runs in the page. */
const IMAGES_IN_MEMORY = 'window.cornerstone.cache._imageCache.size';

const reason = whyNoBrowser();
if (reason) {
  process.stdout.write(`Not measured: ${reason}.\n`);
  process.exit(0);
}
const bytes = [...(await buildModules()).values()].reduce((sum, { length }) => sum + length, 0);
const stage = await Stage.open();
try {
  const series = makePhantomSeries({ seed: 1, geometry: GEOMETRY });
  await stage.store(series);
  const visit = await stage.openPage();
  await visit.openStudy(series.studyInstanceUid);
  await loadAll(visit);
  const ctMib = memoryMib(browserPid());

  await visit.page.evaluate(WATCH_FOR_COLOUR);
  await visit.part('segment').click();
  await visit.part('headline').waitFor();
  await visit.page.waitForFunction('window.heparColouredAt');
  const colouredAt = await visit.page.evaluate<number>('window.heparColouredAt');
  const [run] = await stage.runsOf(series);
  const overlayMs = colouredAt - Date.parse(run!.finishedAt!);
  await visit.untilSteady();
  const overlayMib = memoryMib(browserPid());

  const presses = await pressAll(visit);
  const interactionMs = Math.max(...presses.map(({ ms }) => ms));
  const ratio = overlayMib / ctMib;
  const row = (...cells: unknown[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
  row(`the viewer with ${SLICES} x 512 x 512`, 'measured', 'target');
  row('---', '---', '---');
  row('from the end of the run to the overlay, s', (overlayMs / 1000).toFixed(1), TARGETS.overlayMs / 1000);
  row('slowest press in the panel, ms', interactionMs.toFixed(0), TARGETS.interactionMs);
  for (const { what, ms, drawnMs, cpuMs } of presses) {
    const images = drawnMs === null ? 'none' : `${drawnMs.toFixed(0)} ms`;
    row(`- ${what} (images drawn anew; processor)`, `${ms.toFixed(0)} (${images}; ${cpuMs.toFixed(0)} ms)`, '');
  }
  row('both modules, kB', (bytes / 1000).toFixed(0), TARGETS.bytes / 1000);
  row('memory of the browser with the CT alone, MiB', ctMib.toFixed(0), '');
  row('with the overlay, MiB', overlayMib.toFixed(0), '');
  row('ratio', ratio.toFixed(2), TARGETS.memoryRatio);
  process.stdout.write(`\nLoad of the machine: ${loadavg()[0]!.toFixed(1)} on ${availableParallelism()} cores.\n`);
  const isMet =
    overlayMs <= TARGETS.overlayMs &&
    interactionMs <= TARGETS.interactionMs &&
    bytes <= TARGETS.bytes &&
    ratio <= TARGETS.memoryRatio;
  if (!isMet) {
    process.stderr.write('A target was missed.\n');
    process.exitCode = 1;
  }
} finally {
  await stage.close();
}

/** Scrolls through the series, so that every image has been fetched and decoded. */
async function loadAll(visit: Visit): Promise<void> {
  await visit.canvases.first().hover();
  for (let slice = 1; slice < SLICES; slice++) await visit.page.mouse.wheel(0, 100);
  await visit.untilImage(SLICES);
  await visit.until(
    'all images are there',
    async () => (await visit.page.evaluate<number>(IMAGES_IN_MEMORY)) >= SLICES,
  );
  // Back into the middle of the liver, where the overlay will be seen.
  for (let slice = 0; slice < SLICES / 2; slice++) await visit.page.mouse.wheel(0, -100);
  await visit.untilImage(SLICES / 2);
}

interface Press {
  readonly what: string;
  /** From the press to the next picture. */
  readonly ms: number;
  /** From the press until the viewer's images were drawn anew; null where they are not. */
  readonly drawnMs: number | null;
  /** Of the page's main thread, whatever else the machine does meanwhile. */
  readonly cpuMs: number;
}

/** Presses what the panel has, as a reader does. */
async function pressAll(visit: Visit): Promise<Press[]> {
  const { page } = visit;
  await visit.part('lesion-1').click();
  await visit.untilSteady();
  await page.evaluate(WATCH_PRESSES);
  const cpuMs = await mainThread(visit);
  const presses: Record<string, () => Promise<void>> = {
    'go to a lesion': () => visit.part('lesion-2').click(),
    'hide a lesion': () => page.getByRole('button', { name: 'Show lesion 1' }).click(),
    'show it': () => page.getByRole('button', { name: 'Show lesion 1' }).click(),
    outlines: () => page.getByText('Outline', { exact: true }).click(),
    fill: () => page.getByText('Fill', { exact: true }).click(),
    sort: () => page.getByRole('button', { name: 'Volume in millilitres' }).click(),
    'hide the liver': () => page.getByRole('checkbox', { name: 'Liver' }).uncheck(),
    'show the liver': () => page.getByRole('checkbox', { name: 'Liver' }).check(),
  };
  const measured: Press[] = [];
  for (const [what, press] of Object.entries(presses)) {
    await page.evaluate('window.heparPresses.length = 0; window.heparDrawnAt = null');
    const before = await cpuMs();
    await press();
    await page.waitForTimeout(PRESS_SETTLES_MS);
    const spent = (await cpuMs()) - before;
    await visit.untilSteady();
    const events = await page.evaluate<{ duration: number; interactionId: number }[]>('window.heparPresses');
    const ms = events.filter(({ interactionId }) => interactionId > 0).map(({ duration }) => duration);
    const drawnMs = await page.evaluate<number | null>(
      'window.heparDrawnAt && window.heparDrawnAt - window.heparPressedAt',
    );
    measured.push({ what, ms: Math.max(0, ...ms), drawnMs, cpuMs: spent });
  }
  return measured;
}

/** @returns what reads the processor time of the page's main thread, in ms */
async function mainThread({ page }: Visit): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN);
  };
}

/** The browser is the child of this process whose program is Chromium. */
function browserPid(): number {
  const found = readdirSync('/proc').find((pid) => {
    try {
      const [, parent] = /^\d+ \(.*\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
      return Number(parent) === process.pid && /chrom/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error('the browser is not a child of this process');
  return Number(found);
}
