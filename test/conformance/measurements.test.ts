import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Findings, measure } from '../../server/src/findings/measure.ts';
import { LESION, type Segmentation } from '../../server/src/inference/segmentation.ts';
import type { GeometryOptions } from '../../server/src/phantom/geometry.ts';
import { collectSeries, makePhantomSeries, type PhantomOptions } from '../../server/src/phantom/series.ts';
import { buildSeg } from '../../server/src/reports/seg.ts';
import { wholeBox } from '../../server/src/volume/geometry.ts';
import { MANIFEST } from '../unit/reports/fake-series.ts';
import { python, readSeries } from './seg-support.ts';

/** What measure_seg.py found; where two lines across are equally long, the short axis may be either. */
interface Measured {
  readonly liverMl: number;
  readonly lesionMl: number;
  readonly components: number;
  readonly lesions: readonly {
    readonly volumeMl: number;
    readonly meanHu: number;
    readonly huSd: number;
    readonly centroidMm: readonly number[];
    readonly longAxisMm: number;
    readonly shortAxisMm: readonly [least: number, most: number];
    readonly sliceUids: readonly string[];
  }[];
}

const USUAL: GeometryOptions = {
  rows: 120,
  columns: 120,
  slices: 36,
  pixelSpacingMm: [2.6, 2.6],
  sliceSpacingMm: 5.5,
};
const turned = { rotationDeg: [12, -8, 10] } as const;
const BALL_MM = 30;

/** The first lesion is a ball; the second and third touch, and are one. */
const LESIONS: PhantomOptions['lesions'] = [
  { diameterMm: BALL_MM },
  { diameterMm: 20 },
  { diameterMm: 14, touching: 2 },
  { diameterMm: 18, elongation: 2 },
  { diameterMm: 9 },
];

const CASES: readonly { name: string; geometry: Partial<GeometryOptions>; options?: PhantomOptions }[] = [
  { name: 'axial', geometry: {} },
  { name: 'oblique, pixels that are not square', geometry: { ...turned, rows: 92, pixelSpacingMm: [3.4, 2.6] } },
  {
    name: 'oblique, feet first, from the head down, negated columns',
    geometry: { ...turned, patientPosition: 'FFS', negateColumns: true, instanceOrder: 'descending' },
  },
  {
    name: 'prone, shuffled, a rescale slope of 2 and signed pixels',
    geometry: { patientPosition: 'HFP', instanceOrder: 'shuffled', columns: 104, pixelSpacingMm: [2.6, 3] },
    options: { pixelFormat: { signed: true, bitsStored: 16, rescaleSlope: 2, rescaleIntercept: -8 } },
  },
];

/** Results are rounded once: half a unit of the last place, and the float's own rounding. */
const HALF = { mm: 0.005 + 1e-9, hu: 0.05 + 1e-9, ml: 5e-5 } as const;

describe('measurements, against numpy and scipy on the SEG and the CT', () => {
  let folder: string;
  const results = new Map<string, { findings: Findings; measured: Measured }>();

  before(async function () {
    this.timeout(120_000);
    folder = await mkdtemp(join(tmpdir(), 'hepar-measured-'));
    const places: string[] = [];
    const found: Findings[] = [];
    for (const [n, { geometry, options }] of CASES.entries()) {
      const place = join(folder, String(n));
      places.push(place);
      await mkdir(join(place, 'ct'), { recursive: true });
      const phantom = makePhantomSeries({ ...options, lesions: LESIONS, geometry: { ...USUAL, ...geometry } });
      const { instances, truth } = collectSeries(phantom);
      for (const [at, { bytes }] of instances.entries()) await writeFile(join(place, 'ct', `${at}.dcm`), bytes);
      const series = await readSeries(join(place, 'ct'));
      const segmentation: Segmentation = {
        labelMap: { grid: series.volume.grid, labels: truth.labels.map((label) => Math.min(label, LESION)) },
        lesionProbability: { box: wholeBox(series.volume.grid), values: new Uint8Array(truth.labels.length) },
        heatMap: null,
        liverMedianHu: 100,
        engine: { provider: 'cpu', device: 'CPU' },
      };
      const quiet = { signal: new AbortController().signal, report: () => {} };
      const { findings, segments } = await measure(series, segmentation, `run-${n}`, quiet);
      const seg = buildSeg({
        series,
        segments,
        lesions: findings.lesions,
        manifest: MANIFEST,
        modelDigest: 'a1'.repeat(32),
        engine: segmentation.engine,
        softwareVersion: '0.1.0',
        runId: `run-${n}`,
        supersedes: null,
        createdAt: new Date('2026-11-23T12:00:00Z'),
      });
      await writeFile(join(place, 'seg.dcm'), seg);
      found.push(findings);
    }
    for (const [n, measured] of ((await python('measure_seg.py', ...places)) as Measured[]).entries()) {
      results.set(CASES[n]!.name, { findings: found[n]!, measured });
    }
  });

  after(async () => {
    process.stdout.write(differences([...results.values()]));
    await rm(folder, { recursive: true, force: true });
  });

  for (const { name } of CASES) {
    it(`${name}: volumes, HU, diameters and places are the same to the last digit`, () => {
      const { findings, measured } = results.get(name)!;
      assert.equal(measured.components, LESIONS.length - 1, 'two lesions that touch are one');
      assert.equal(findings.lesions.length, measured.components);
      assertNear(findings.liver.volumeMl, measured.liverMl, measured.liverMl * HALF.ml);
      assertNear(findings.lesionBurdenMl, measured.lesionMl, measured.lesionMl * HALF.ml);
      for (const [n, lesion] of findings.lesions.entries()) {
        const other = measured.lesions[n]!;
        assertNear(lesion.volumeMl, other.volumeMl, other.volumeMl * HALF.ml);
        assertNear(lesion.meanHu, other.meanHu, HALF.hu);
        assertNear(lesion.huSd, other.huSd, HALF.hu);
        assertNear(lesion.longAxisMm, other.longAxisMm, HALF.mm);
        assert.ok(lesion.shortAxisMm >= other.shortAxisMm[0] - HALF.mm, `${lesion.shortAxisMm}, ${other.shortAxisMm}`);
        assert.ok(lesion.shortAxisMm <= other.shortAxisMm[1] + HALF.mm, `${lesion.shortAxisMm}, ${other.shortAxisMm}`);
        lesion.centroidMm.forEach((mm, axis) => {
          assertNear(mm, other.centroidMm[axis]!, HALF.mm);
        });
        assert.ok(other.sliceUids.includes(lesion.sliceUid), 'the diameters lie on another slice');
      }
    });

    it(`${name}: a ball of ${BALL_MM} mm measures ${BALL_MM} mm within a pixel`, () => {
      const { findings } = results.get(name)!;
      const { pixelSpacingMm } = { ...USUAL, ...CASES.find((each) => each.name === name)!.geometry };
      const pixel = Math.max(...pixelSpacingMm);
      const { longAxisMm, shortAxisMm, volumeMl } = findings.lesions[0]!;
      assertNear(longAxisMm, BALL_MM, pixel);
      assertNear(shortAxisMm, BALL_MM, pixel);
      assertNear(volumeMl, (Math.PI * BALL_MM ** 3) / 6000, 0.04 * volumeMl);
    });
  }
});

function assertNear(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected} within ${tolerance}`);
}

/** The largest differences of all lesions. */
function differences(results: readonly { findings: Findings; measured: Measured }[]): string {
  const pairs = results.flatMap(({ findings, measured }) =>
    findings.lesions.map((lesion, n) => [lesion, measured.lesions[n]!] as const),
  );
  const most = (difference: (pair: (typeof pairs)[number]) => number) => Math.max(...pairs.map(difference));
  const figures = {
    'volume, %': most(([a, b]) => (100 * Math.abs(a.volumeMl - b.volumeMl)) / b.volumeMl),
    'mean, HU': most(([a, b]) => Math.abs(a.meanHu - b.meanHu)),
    'SD, HU': most(([a, b]) => Math.abs(a.huSd - b.huSd)),
    'long axis, mm': most(([a, b]) => Math.abs(a.longAxisMm - b.longAxisMm)),
    'short axis, mm': most(([a, b]) => Math.max(0, b.shortAxisMm[0] - a.shortAxisMm, a.shortAxisMm - b.shortAxisMm[1])),
    'centroid, mm': most(([a, b]) => Math.hypot(...a.centroidMm.map((mm, axis) => mm - b.centroidMm[axis]!))),
  };
  const lines = Object.entries(figures).map(([name, value]) => `${name.padEnd(16)} ${value.toFixed(4)}`);
  return `\nlargest differences of ${pairs.length} lesions\n${lines.join('\n')}\n`;
}
