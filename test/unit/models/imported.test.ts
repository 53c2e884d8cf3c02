import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseInstance } from '../../../server/src/dicom/parse.ts';
import { segment } from '../../../server/src/inference/cascade.ts';
import { loadModel } from '../../../server/src/inference/model.ts';
import { writePhantomFolder } from '../../../server/src/phantom/folder.ts';
import type { GeometryOptions } from '../../../server/src/phantom/geometry.ts';
import { makePhantomSeries } from '../../../server/src/phantom/series.ts';
import { assemble } from '../../../server/src/volume/assemble.ts';
import type { Volume } from '../../../server/src/volume/volume.ts';
import { hasPythonModules, PYTHON } from '../../support/python.ts';

/** One thread each: on a busy machine more of them only wait for one another. */
const THREADS = 1;
const run = (command: string, args: readonly string[]) =>
  promisify(execFile)(command, args, { env: { ...process.env, OMP_NUM_THREADS: String(THREADS) } });
const QUIET = { signal: new AbortController().signal, report: () => {} };

interface Case {
  readonly about: string;
  /** Makes what another system leaves, and says what that system makes of a series: MODEL DICOM OUT are added. */
  readonly reference: readonly string[];
  readonly importer: readonly string[];
  readonly geometry: GeometryOptions;
}

const CASES: Record<string, Case> = {
  isotropic: {
    about: 'nnU-Net, nearly isotropic, four labels, images that lie as most NIfTI do',
    reference: ['nnunet_predict.py', 'isotropic'],
    importer: ['nnunet.py', '--orientation', 'RAS'],
    geometry: { rows: 104, columns: 96, slices: 40, pixelSpacingMm: [3.4, 3.6], sliceSpacingMm: 5 },
  },
  anisotropic: {
    about: 'nnU-Net, thick slices, regions, residual blocks, axes in another order, images as dcm2niix writes them',
    reference: ['nnunet_predict.py', 'anisotropic'],
    importer: ['nnunet.py', '--orientation', 'LAS'],
    geometry: { rows: 112, columns: 120, slices: 24, pixelSpacingMm: [2.7, 2.8], sliceSpacingMm: 9 },
  },
  monai: {
    about: 'MONAI, its own grids, windows and order of steps',
    reference: ['monai_predict.py'],
    importer: ['monai_bundle.py'],
    geometry: { rows: 108, columns: 116, slices: 42, pixelSpacingMm: [3.2, 3.1], sliceSpacingMm: 5 },
  },
};
const LABELS = 3;

describe('a network of another system, imported', function () {
  this.timeout(300_000);
  let dir: string;

  before(async function () {
    if (!hasPythonModules(['numpy', 'scipy', 'torch', 'onnx', 'pydicom'])) this.skip();
    dir = await mkdtemp(join(tmpdir(), 'hepar-imported-'));
  });
  after(async () => {
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  for (const [name, { about, reference, importer, geometry }] of Object.entries(CASES)) {
    it(`finds what that system finds: ${about}`, async () => {
      const place = (part: string) => join(dir, `${name}-${part}`);
      const [trained, model, phantom, expected] = [place('trained'), place('model'), place('phantom'), place('raw')];
      await writePhantomFolder(makePhantomSeries({ seed: 3, geometry }), phantom, { signal: QUIET.signal });
      const dicom = join(phantom, 'dicom');
      await run(PYTHON, [
        join('test/unit/models/trained', reference[0]!),
        ...reference.slice(1),
        trained,
        dicom,
        expected,
      ]);
      const [script, ...flags] = importer;
      await run(PYTHON, [join('models/import', script!), trained, '--out', model, '--id', name, ...flags]);

      const scan = await assemble(instancesIn(dicom), QUIET, geometry.slices);
      const { labelMap } = await segment(scan, await loadModel(model), { provider: 'cpu', threads: THREADS }, QUIET);
      const truth = await readFile(expected);
      const inBody = bodyBox(scan.volume);
      const counts = Array.from({ length: LABELS }, () => 0);
      let different = 0;
      for (const voxel of inBody) {
        counts[truth[voxel]!]!++;
        if (truth[voxel] !== labelMap.labels[voxel]) different++;
      }
      for (const [label, count] of counts.entries()) {
        const share = count / inBody.length;
        assert.ok(share >= 0.05, `label ${label} has ${(100 * share).toFixed(1)} % of the body box`);
      }
      const share = different / inBody.length;
      assert.ok(share <= 1e-4, `${different} of ${inBody.length} voxels differ (${(100 * share).toFixed(4)} %)`);
    });
  }
});

async function* instancesIn(folder: string) {
  for (const file of await readdir(folder)) yield parseInstance(await readFile(join(folder, file)));
}

/** Indices of the voxels in the box around all that is denser than fat. */
function bodyBox({ grid, hu }: Volume): number[] {
  assert.deepEqual(grid.axes.flat().map(Math.round), [1, 0, 0, 0, 1, 0, 0, 0, 1], 'the order of the reference');
  const [nx, ny, nz] = grid.shape;
  const low = [nx, ny, nz];
  const high = [-1, -1, -1];
  const placeOf = (voxel: number) => [voxel % nx, Math.floor(voxel / nx) % ny, Math.floor(voxel / (nx * ny))];
  hu.forEach((value, voxel) => {
    if (value < -250) return;
    placeOf(voxel).forEach((at, axis) => {
      low[axis] = Math.min(low[axis]!, at);
      high[axis] = Math.max(high[axis]!, at);
    });
  });
  const isInside = (voxel: number) => placeOf(voxel).every((at, axis) => at >= low[axis]! && at <= high[axis]!);
  return Array.from(hu.keys()).filter(isInside);
}
