import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LabelMap } from '../../server/src/volume/volume.ts';
import { assertFaithful, readCases } from './seg-check.ts';
import { readSeries, truthOf, writeCase, writeSeg } from './seg-support.ts';

/** Made-up labels on a real scan: a ball of liver with three lesions, one of them a single voxel. */
function someLabels({ grid }: Pick<LabelMap, 'grid'>): LabelMap<Uint16Array> {
  const [columns, rows, slices] = grid.shape;
  const labels = new Uint16Array(columns * rows * slices);
  const ball = (i: number, j: number, k: number, radiusMm: number, label: number): void => {
    const [si, sj, sk] = grid.spacingMm;
    for (let at = 0; at < labels.length; at++) {
      const [x, y, z] = [at % columns, Math.floor(at / columns) % rows, Math.floor(at / (columns * rows))];
      if (Math.hypot((x - i) * si, (y - j) * sj, (z - k) * sk) <= radiusMm) labels[at] = label;
    }
  };
  ball(columns * 0.33, rows * 0.45, slices * 0.5, 60, 1);
  ball(Math.round(columns * 0.3), Math.round(rows * 0.4), Math.round(slices * 0.4), 14, 2);
  ball(Math.round(columns * 0.4), Math.round(rows * 0.5), Math.round(slices * 0.6), 7, 3);
  ball(Math.round(columns * 0.35), Math.round(rows * 0.5), Math.round(slices * 0.5), 0, 4);
  return { grid, labels };
}

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
      const truth = truthOf(series, someLabels(series.volume));
      const place = await mkdtemp(join(folder, phase));
      await writeCase(place, writeSeg(series, truth), truth);
      const [verdict] = await readCases([{ folder: place, truth }]);
      assertFaithful(verdict!, 3);
    });
  }
});
