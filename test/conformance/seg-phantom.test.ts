import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Instance } from '../../server/src/dicom/instance.ts';
import { parseInstance } from '../../server/src/dicom/parse.ts';
import type { GeometryOptions } from '../../server/src/phantom/geometry.ts';
import { collectSeries, makePhantomSeries, type PhantomInstance } from '../../server/src/phantom/series.ts';
import { assemble } from '../../server/src/volume/assemble.ts';
import type { CtSeries } from '../../server/src/volume/series.ts';
import { assertFaithful, readCases, tableOf, type Verdict } from './seg-check.ts';
import { type Truth, writeCase, writeSeg } from './seg-support.ts';

const USUAL: GeometryOptions = {
  rows: 96,
  columns: 96,
  slices: 30,
  pixelSpacingMm: [3.6, 3.6],
  sliceSpacingMm: 8,
};
const turned = { rotationDeg: [12, -8, 10] } as const;

const ALL_CASES: readonly { name: string; geometry: Partial<GeometryOptions>; lesions?: number }[] = [
  { name: 'head first, supine', geometry: {} },
  { name: 'head first, prone', geometry: { patientPosition: 'HFP' } },
  { name: 'feet first, supine', geometry: { patientPosition: 'FFS' } },
  { name: 'feet first, prone', geometry: { patientPosition: 'FFP' } },
  { name: 'descending', geometry: { instanceOrder: 'descending' } },
  { name: 'shuffled', geometry: { instanceOrder: 'shuffled' } },
  { name: 'oblique', geometry: turned },
  { name: 'oblique, feet first, shuffled', geometry: { ...turned, patientPosition: 'FFS', instanceOrder: 'shuffled' } },
  { name: 'negated row cosine', geometry: { negateRows: true } },
  { name: 'negated column cosine, descending', geometry: { negateColumns: true, instanceOrder: 'descending' } },
  { name: 'non-square pixels', geometry: { rows: 80, pixelSpacingMm: [4.4, 3.6] } },
  { name: 'Rows != Columns', geometry: { rows: 88, columns: 112 } },
  { name: 'odd size 99 x 95, oblique', geometry: { ...turned, rows: 99, columns: 95 } },
  { name: 'odd spacing', geometry: { pixelSpacingMm: [3.5156250371, 3.5156250371], sliceSpacingMm: 7.4999991 } },
  { name: 'no lesion', geometry: {}, lesions: 0 },
  { name: 'twelve lesions', geometry: { ...USUAL, slices: 48, sliceSpacingMm: 5 }, lesions: 12 },
];

/** Each kind of geometry once; the rest, which the series of seg.test.ts have as well, with --full. */
const SAMPLE = /feet first, prone|oblique, feet first|negated column|non-square|odd s|no lesion|twelve/;
const CASES = ALL_CASES.filter(({ name }) => process.env.HEPAR_TEST_FULL === '1' || SAMPLE.test(name));

async function assembled(instances: readonly PhantomInstance[]): Promise<CtSeries> {
  async function* parsed(): AsyncGenerator<Instance> {
    for (const { bytes } of instances) yield parseInstance(bytes);
  }
  return assemble(parsed(), { signal: new AbortController().signal, report: () => {} });
}

describe("DICOM SEG of a phantom's truth", () => {
  let folder: string;
  const verdicts = new Map<string, Verdict>();
  const lesionsOf = new Map<string, number>();

  before(async function () {
    this.timeout(180_000);
    folder = await mkdtemp(join(tmpdir(), 'hepar-phantom-seg-'));
    const cases = [];
    for (const { name, geometry, lesions = 4 } of CASES) {
      const phantom = makePhantomSeries({ lesions, geometry: { ...USUAL, ...geometry } });
      const { instances, truth } = collectSeries(phantom);
      const present = [...new Set(truth.labels)].filter((label) => label > 1).sort((a, b) => a - b);
      lesionsOf.set(name, present.length);
      const labels = Uint16Array.from(truth.labels, (label) => (label > 1 ? present.indexOf(label) + 2 : label));
      const uids = new Map(instances.map(({ k, sopInstanceUid }) => [k, sopInstanceUid]));
      const expected: Truth = {
        grid: truth.grid,
        labels,
        frameOfReferenceUid: phantom.frameOfReferenceUid,
        seriesInstanceUid: phantom.seriesInstanceUid,
        slices: phantom.geometry.positionsMm.map((positionMm, k) => ({
          sopInstanceUid: uids.get(k)!,
          frameNumber: null,
          positionMm,
        })),
      };
      const series = await assembled(instances);
      assert.deepEqual(
        series.slices.map(({ sopInstanceUid }) => sopInstanceUid),
        expected.slices.map(({ sopInstanceUid }) => sopInstanceUid),
        `${name}: slices are assembled in another order`,
      );
      const place = await mkdtemp(join(folder, 'case-'));
      await writeCase(place, writeSeg(series, { grid: series.volume.grid, labels }), expected);
      cases.push({ folder: place, truth: expected });
    }
    for (const [n, verdict] of (await readCases(cases)).entries()) verdicts.set(CASES[n]!.name, verdict);
  });

  after(async () => {
    process.stdout.write(tableOf(verdicts));
    await rm(folder, { recursive: true, force: true });
  });

  for (const { name, lesions = 4 } of CASES) {
    it(`${name}: every reader finds every voxel on its own slice`, () => {
      assert.equal(lesionsOf.get(name), lesions, 'a lesion is too small for the grid');
      assertFaithful(verdicts.get(name)!, lesions);
    });
  }
});
