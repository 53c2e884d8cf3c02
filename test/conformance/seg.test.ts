import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SEG_CASES } from './seg-cases.ts';
import { assertFaithful, readCases, tableOf, type Verdict } from './seg-check.ts';
import { labelsInPixels, makeSeries, readSeries, truthOf, writeCase, writeSeg } from './seg-support.ts';

describe('DICOM SEG over series that pydicom wrote, whose pixels state their labels', () => {
  let folder: string;
  const verdicts = new Map<string, Verdict>();

  before(async function () {
    this.timeout(120_000);
    folder = await mkdtemp(join(tmpdir(), 'hepar-seg-'));
    await makeSeries(folder, SEG_CASES);
    const cases = [];
    for (const { uid } of SEG_CASES) {
      const series = await readSeries(join(folder, uid, 'ct'));
      const truth = truthOf(series, labelsInPixels(series));
      await writeCase(join(folder, uid), writeSeg(series, truth), truth);
      cases.push({ folder: join(folder, uid), truth });
    }
    for (const [n, verdict] of (await readCases(cases)).entries()) verdicts.set(SEG_CASES[n]!.name, verdict);
  });

  after(async () => {
    process.stdout.write(tableOf(verdicts));
    await rm(folder, { recursive: true, force: true });
  });

  for (const { name, lesions } of SEG_CASES) {
    it(`${name}: every reader finds every voxel on its own slice`, () => {
      assertFaithful(verdicts.get(name)!, lesions.length);
    });
  }
});
