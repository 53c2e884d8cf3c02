import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OBJECT_CASES } from './object-cases.ts';
import { conformanceTable, type ObjectsVerdict, readObjects, writeObjects } from './objects-check.ts';

/** Of the sample: of each way of lying and each size that has tripped readers before, one. */
const SAMPLE = [
  'oblique, reversed',
  'negated column cosine',
  'non-square pixels',
  'odd size 33 x 31, oblique',
  'enhanced, oblique, from the head down',
  'a lesion of one voxel',
  'phantom: feet first, prone, descending',
];
/** All of them with --full. */
const CASES = OBJECT_CASES.filter(({ name }) => process.env.HEPAR_TEST_FULL === '1' || SAMPLE.includes(name));

describe('every object of a result, in readers that no one here wrote', () => {
  let folder: string;
  const verdicts = new Map<string, ObjectsVerdict>();

  before(async function () {
    this.timeout(1_800_000);
    folder = await mkdtemp(join(tmpdir(), 'hepar-objects-'));
    const cases = [];
    for (const { name, load } of CASES) {
      const place = await mkdtemp(join(folder, 'case-'));
      const { series, labels } = await load(place);
      cases.push({ name, folder: place, made: await writeObjects(place, series, labels) });
    }
    for (const [n, verdict] of (await readObjects(cases)).entries()) verdicts.set(cases[n]!.name, verdict);
  });
  after(async () => {
    process.stdout.write(conformanceTable([...verdicts.values()]));
    await rm(folder, { recursive: true, force: true });
  });

  it('is tried on at least forty series', () => {
    assert.ok(OBJECT_CASES.length >= 40, `${OBJECT_CASES.length}`);
    assert.equal(new Set(OBJECT_CASES.map(({ name }) => name)).size, OBJECT_CASES.length);
    assert.ok(CASES.length >= SAMPLE.length, `${CASES.length}`);
  });

  for (const { name } of CASES) {
    it(`${name}: the same voxels in all of them, a true report, pictures, no dciodvfy error`, () => {
      const { different, dciodvfyErrors, report, pictures } = verdicts.get(name)!;
      const wrong = Object.entries(different).filter(([, count]) => count !== 0 && count !== null);
      assert.deepEqual(wrong, []);
      assert.ok(Object.keys(different).length >= 12, Object.keys(different).join());
      assert.deepEqual(dciodvfyErrors, []);
      assert.equal(report, null);
      assert.ok(pictures >= 2);
    });
  }
});
