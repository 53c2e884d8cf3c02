import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LIVER_AND_THREE, labelledBalls } from './balls.ts';
import { assertFaithful, readCases } from './seg-check.ts';
import { readSeries, truthOf, writeCase, writeSeg } from './seg-support.ts';

describe("DICOM SEG over a patient's series", () => {
  const data = process.env.HEPAR_TEST_DATA;
  let folder: string;

  before(async function () {
    if (!data) this.skip();
    folder = await mkdtemp(join(tmpdir(), 'hepar-seg-'));
  });
  after(async () => {
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  for (const phase of ['portal-venous', 'late-arterial']) {
    it(`${phase}: no dciodvfy error, and every voxel on its slice in pydicom, dcmtk and dcmqi`, async () => {
      const series = await readSeries(join(data!, 'hcc-tace-015', phase));
      const { grid } = series.volume;
      const truth = truthOf(series, { grid, labels: labelledBalls(grid, LIVER_AND_THREE) });
      const place = await mkdtemp(join(folder, phase));
      await writeCase(place, writeSeg(series, truth), truth);
      const [verdict] = await readCases([{ folder: place, truth }]);
      assertFaithful(verdict!, 3);
    });
  }
});
