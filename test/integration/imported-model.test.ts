import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import type { Archive } from '../../server/src/dicomweb/archive.ts';
import { findingsSchema } from '../../server/src/findings/schema.ts';
import { makePhantomSeries } from '../../server/src/phantom/series.ts';
import { itInFull } from '../support/full.ts';
import { startTestOrthanc, withArchive } from '../support/orthanc.ts';
import { hasPythonModules, PYTHON } from '../support/python.ts';

const COMMAND = fileURLToPath(new URL('../../server/src/cli/main.ts', import.meta.url));
const PARTS = 'test/unit/models/trained';
const SYSTEMS: Record<string, { make: readonly string[]; importer: readonly string[] }> = {
  'nnU-Net': {
    make: ['nnunet_predict.py', 'isotropic'],
    importer: ['nnunet.py', '--orientation', 'RAS', '--folds', '0', '--no-mirroring'],
  },
  MONAI: { make: ['monai_predict.py'], importer: ['monai_bundle.py', '--keep-largest-liver'] },
};

describe('a model that a hospital has trained itself', function () {
  this.timeout(300_000);
  let dir: string;
  let orthanc: RunningOrthanc;
  const geometry = { rows: 96, columns: 96, slices: 36, pixelSpacingMm: [3.8, 3.8], sliceSpacingMm: 6 } as const;
  const series = makePhantomSeries({ seed: 6, geometry });

  before(async function () {
    if (!hasPythonModules(['numpy', 'scipy', 'torch', 'onnx', 'pydicom'])) this.skip();
    dir = await mkdtemp(join(tmpdir(), 'hepar-own-model-'));
    orthanc = await startTestOrthanc();
    await inArchive((archive) =>
      archive.store(
        Array.from(series.instances(), ({ bytes }) => bytes),
        series.studyInstanceUid,
      ),
    );
  });
  after(async () => {
    await orthanc?.stop();
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  const inArchive = <T>(work: (archive: Archive) => Promise<T>) => withArchive(orthanc, work);

  /** Rejects when the command's exit code is not 0. */
  const run = (command: string, args: readonly string[]) => {
    const env = {
      ...process.env,
      OMP_NUM_THREADS: '1',
      HEPAR_MODELS: join(dir, 'models'),
      HEPAR_DICOMWEB_USERNAME: orthanc.username,
      HEPAR_DICOMWEB_PASSWORD: orthanc.password,
    };
    return promisify(execFile)(command, args, { env, maxBuffer: 1 << 26 });
  };
  const hepar = (...args: string[]) => run(process.execPath, [COMMAND, ...args]);

  for (const [system, { make, importer }] of Object.entries(SYSTEMS)) {
    // One system is enough to see the way; what the other's networks find is compared elsewhere.
    const test = system === 'MONAI' ? itInFull : it;
    test(`comes from ${system}, passes the check, is installed, and its result is stored in the archive`, async () => {
      const id = system.toLowerCase();
      const [trained, imported, out] = ['trained', 'imported', 'out'].map((part) => join(dir, `${id}-${part}`)) as [
        string,
        string,
        string,
      ];
      await run(PYTHON, [join(PARTS, make[0]!), ...make.slice(1), trained]);
      const [script, ...flags] = importer;
      await run(PYTHON, [join('models/import', script!), trained, '--out', imported, '--id', id, ...flags]);

      const check = await hepar('models', 'check', imported, '--small', '--threads', '1');
      assert.match(check.stdout, new RegExp(`${id} 1\\.0\\.0 can be used`));
      assert.doesNotMatch(check.stdout, /^problem/m);
      await hepar('models', 'install', imported);
      const [study, source] = [series.studyInstanceUid, series.seriesInstanceUid];
      await hepar(
        'segment',
        `${study}/${source}`,
        ...['--dicomweb', orthanc.dicomWebUrl, '--store', '--out', out],
        ...['--model', join(dir, 'models', id), '--threads', '1', '--objects', 'none'],
      );
      const { model, objects, liver } = findingsSchema.parse(
        JSON.parse(await readFile(join(out, 'findings.json'), 'utf8')),
      );
      assert.equal(model.id, id);
      assert.ok(liver.volumeMl > 150);
      const { seriesInstanceUID, sopInstanceUID } = objects.seg!;
      const stored = await inArchive((archive) => archive.retrieveInstance(study, seriesInstanceUID, sopInstanceUID));
      const written = await readFile(join(out, 'segmentation.dcm'));
      assert.deepEqual(Buffer.from(stored), written);
      assert.ok(written.includes('Neoplasm'), "the label's code is in the segmentation");
    });
  }
});
