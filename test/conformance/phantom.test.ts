import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { GeometryOptions } from '../../server/src/phantom/geometry.ts';
import { makePhantomSeries, type PhantomOptions, SMALL_GEOMETRY } from '../../server/src/phantom/series.ts';
import { python } from './seg-support.ts';

const run = promisify(execFile);
const THIN: GeometryOptions = { ...SMALL_GEOMETRY, slices: 3, sliceSpacingMm: 2.5 };
const CASES: Record<string, PhantomOptions> = {
  unsigned: { geometry: THIN },
  signed: { geometry: THIN, pixelFormat: { signed: true } },
  'oblique, odd size, shuffled': {
    geometry: {
      ...THIN,
      rows: 131,
      columns: 97,
      pixelSpacingMm: [2.71, 3.3333],
      rotationDeg: [14, -9, 3],
      instanceOrder: 'shuffled',
    },
  },
  'feet first, prone': { geometry: { ...THIN, patientPosition: 'FFP', negateColumns: true } },
};

describe('phantom: readers that no one here wrote', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hepar-phantom-'));
  });
  after(() => rm(folder, { recursive: true }));

  for (const [name, options] of Object.entries(CASES)) {
    it(`${name}: no dciodvfy error, and pydicom reads the anatomy's own HU at each pixel's place`, async () => {
      const series = makePhantomSeries({ ...options, noiseSdHu: 0 });
      const { rows, columns, pixelSpacingMm } = series.geometry;
      const sample = series.anatomy.sampler(1, (pixelSpacingMm[0] + pixelSpacingMm[1]) / 2);
      let compared = 0;
      for (const { bytes, k } of series.instances()) {
        const file = join(folder, `${k}.dcm`);
        await writeFile(file, bytes);
        // dciodvfy writes its findings to standard error and fails where there are errors.
        const { stderr } = await run('dciodvfy', [file]);
        assert.doesNotMatch(stderr, /^Error/m);

        const points = (await python('read_ct.py', file, '41')) as [number, number, number, number][];
        for (const [x, y, z, hu] of points) {
          const expected = sample([x, y, z], [1, 0, 0]).hu[0]!;
          assert.ok(
            Math.abs(hu - Math.max(expected, -1024)) <= 0.51,
            `${hu} instead of ${expected} HU at ${x}, ${y}, ${z}`,
          );
          compared++;
        }
      }
      assert.ok(compared >= 3 * Math.floor((rows * columns) / 41));
    });
  }
});
