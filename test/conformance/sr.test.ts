import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type MadeResult, makeResult, writeResult } from './made-result.ts';
import { SEG_CASES } from './seg-cases.ts';
import { dciodvfyErrors } from './seg-check.ts';
import { labelsInPixels, makeSeries, python, readSeries } from './seg-support.ts';
import { assertReports, type ReadReport } from './sr-check.ts';

const CASES = SEG_CASES.filter(({ name }) =>
  ['oblique, reversed', 'no lesion', '25 lesions', 'a lesion of one voxel', 'enhanced multi-frame'].includes(name),
);

describe('TID 1500 report, read by pydicom, dcmtk and dciodvfy', () => {
  let folder: string;
  const results: { made: MadeResult; place: string; read: ReadReport }[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hepar-sr-'));
    await makeSeries(folder, CASES);
    const made: { made: MadeResult; place: string }[] = [];
    for (const { uid } of CASES) {
      const series = await readSeries(join(folder, uid, 'ct'));
      const result = await makeResult(series, labelsInPixels(series).labels);
      await writeResult(join(folder, uid), result);
      made.push({ made: result, place: join(folder, uid) });
    }
    const read = (await python('read_sr.py', ...made.map(({ place }) => join(place, 'report.dcm')))) as ReadReport[];
    for (const [n, each] of made.entries()) results.push({ ...each, read: read[n]! });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const [n, { name }] of CASES.entries()) {
    it(`${name}: says what was found, of which segment, on which slice`, async () => {
      const { made, place, read } = results[n]!;
      assertReports(read, made.findings, made.series, made.objects.uids);
      assert.deepEqual(await dciodvfyErrors(join(place, 'report.dcm'), 'Comprehensive3DSR'), []);
    });

    it(`${name}: dcmtk renders the whole tree without a complaint`, async () => {
      const { made, place } = results[n]!;
      const { stdout, stderr } = await promisify(execFile)('dsrdump', ['-Ec', '-Er', join(place, 'report.dcm')]);
      assert.equal(stderr, '');
      const groups = stdout.split('\n').filter((line) => line.includes('Measurement Group'));
      assert.equal(groups.length, 3 + made.findings.lesions.length);
    });
  }
});
