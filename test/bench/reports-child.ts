/** One measurement of reports.ts in a process of its own: `OUT OBJECTS PLAIN_FILES`. Prints JSON. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { measure } from '../../server/src/findings/measure.ts';
import { LESION, LIVER, type Segmentation } from '../../server/src/inference/segmentation.ts';
import { makeObjects } from '../../server/src/reports/objects.ts';
import { DEFAULT_OPTIONS, type OptionalObject, type PlainFile } from '../../server/src/reports/options.ts';
import { writeObjects } from '../../server/src/result-folder.ts';
import type { CtSeries } from '../../server/src/volume/series.ts';
import { fakeSeries, MANIFEST } from '../unit/reports/fake-series.ts';

const SHAPE = [512, 512, 300] as const;
const LESIONS = 10;
const [outDir = '', objectList = '', plainFiles = ''] = process.argv.slice(2);
const listed = <T extends string>(text: string): T[] => text.split(',').filter(Boolean) as T[];

const series = fakeSeries(SHAPE, { spacingMm: [0.75, 0.75, 1], originMm: [-190, -190, -300] });
const segmentation = scanned(series);
const quiet = { signal: new AbortController().signal, report: () => {} };
const { findings, segments } = await measure(series, segmentation, 'bench', quiet);
if (findings.lesions.length !== LESIONS) throw new Error(`${findings.lesions.length} lesions`);
globalThis.gc!();

const before = process.memoryUsage().rss;
const cpuBefore = process.cpuUsage();
const started = performance.now();
const objects = makeObjects({
  series,
  segments,
  findings,
  runId: 'bench',
  supersedes: null,
  manifest: MANIFEST,
  modelDigest: 'a1'.repeat(32),
  engine: { provider: 'cpu', device: 'CPU' },
  softwareVersion: '0',
  createdAt: new Date('2026-11-23T12:00:00Z'),
  probability: segmentation.lesionProbability,
  options: { ...DEFAULT_OPTIONS, objects: listed<OptionalObject>(objectList) },
});
await writeObjects(outDir, { objects, segments, plainFiles: listed<PlainFile>(plainFiles) });
const wallMs = performance.now() - started;
const { user, system } = process.cpuUsage(cpuBefore);
const aboveMib = process.resourceUsage().maxRSS / 1024 - before / 2 ** 20;
const diskMib = (await bytesIn(outDir)) / 2 ** 20;
process.stdout.write(JSON.stringify({ wallMs, cpuMs: (user + system) / 1000, aboveMib, diskMib }));

/** Fills the series with noise around a liver's density, and says where liver and lesions are. */
function scanned({ volume: { grid, hu } }: CtSeries): Segmentation {
  const [columns, rows, slices] = grid.shape;
  const labels = new Uint8Array(hu.length);
  const balls = Array.from({ length: LESIONS }, (_, n) => ({
    centre: [150 + 45 * (n % 5), 200 + 70 * Math.floor(n / 5), 110 + 9 * n],
    radius: 8 + n,
  }));
  let random = 1;
  let at = 0;
  for (let k = 0; k < slices; k++) {
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++, at++) {
        random = (random * 1_103_515_245 + 12_345) & 0x7fffffff;
        hu[at] = 80 + (random >> 24);
        if (((i - 220) / 130) ** 2 + ((j - 240) / 110) ** 2 + ((k - 150) / 95) ** 2 <= 1) labels[at] = LIVER;
      }
    }
  }
  for (const { centre, radius } of balls) {
    for (let k = centre[2]! - radius; k <= centre[2]! + radius; k++) {
      for (let j = centre[1]! - radius; j <= centre[1]! + radius; j++) {
        for (let i = centre[0]! - radius; i <= centre[0]! + radius; i++) {
          const inside = Math.hypot(i - centre[0]!, j - centre[1]!, k - centre[2]!) <= radius;
          if (inside) labels[i + columns * (j + rows * k)] = LESION;
        }
      }
    }
  }
  const size = [260, 220, 190] as const;
  const values = new Uint8Array(size[0] * size[1] * size[2]).fill(40);
  return {
    labelMap: { grid, labels },
    lesionProbability: { box: { start: [90, 130, 55], size }, values },
    heatMap: null,
    liverMedianHu: 100,
    engine: { provider: 'cpu', device: 'CPU' },
  };
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true });
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
