import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instance } from '../../../server/src/dicom/instance.ts';
import { parseInstance } from '../../../server/src/dicom/parse.ts';
import { Refusal, type RefusalCode } from '../../../server/src/refusal.ts';
import { assemble } from '../../../server/src/volume/assemble.ts';
import { AXIAL } from '../../support/axial.ts';

const silent = { signal: new AbortController().signal, report: () => {} };
const root = process.env.HEPAR_TEST_DATA;
const MEDIA_DIRECTORY = '1.2.840.10008.1.3.10';

describe('assemble: series of real scanners', () => {
  before(function () {
    if (root === undefined) this.skip();
  });

  for (const [folder, slices, lowestMm] of [
    ['portal-venous', 62, -230.529999],
    ['late-arterial', 61, -230],
  ] as const) {
    it(`the ${folder} abdomen is a volume of ${slices} slices, in HU and order as pydicom reads it`, async () => {
      const { volume } = await assemble(instancesOf('hcc-tace-015', folder), silent, slices);
      assert.deepEqual(volume.grid, {
        shape: [512, 512, slices],
        spacingMm: [0.664062, 0.664062, volume.grid.spacingMm[2]],
        originMm: [-161, -170, lowestMm],
        axes: AXIAL,
      });
      assert.ok(Math.abs(volume.grid.spacingMm[2] - 2.5) < 1e-6);
      assert.equal(sha256(volume.hu), pydicomSha256(join(root!, 'hcc-tace-015', folder)));
    });
  }

  for (const [folder, code, words] of [
    ['ge-gantry-tilt-uneven', 'gantry-tilt', /18\.5 degrees/],
    ['philips-localizer', 'localizer-only', /only 1 localizer/],
    ['philips-not-images', 'no-image', /only 6 screen captures/],
  ] as const satisfies readonly (readonly [string, RefusalCode, RegExp])[]) {
    it(`${folder} is refused with one clear line`, async () => {
      await assert.rejects(assemble(instancesOf('odd-series', folder), silent), (error: unknown) => {
        assert.ok(error instanceof Refusal, String(error));
        assert.equal(error.code, code, error.message);
        assert.match(error.message, words);
        return true;
      });
    });
  }

  it('a head whose headers say straight, even and untilted is a volume: only a look for the liver can refuse it', async () => {
    const { volume } = await assemble(instancesOf('odd-series', 'philips-gantry-tilt'), silent);
    assert.deepEqual(volume.grid.shape, [512, 512, 28]);
  });

  it('three slices are too few', async () => {
    await assert.rejects(assemble(instancesOf('dcmqi-liver', 'ct-3slice'), silent), { code: 'too-few-slices' });
  });
});

async function* instancesOf(...path: readonly string[]): AsyncGenerator<Instance> {
  const folder = join(root!, ...path);
  for (const name of await readdir(folder)) {
    const instance = parseInstance(await readFile(join(folder, name)));
    if (instance.dataset.has('00041220') || instance.sopClassUid === MEDIA_DIRECTORY) continue;
    yield instance;
  }
}

function sha256(values: Int16Array): string {
  return createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex');
}

/** The same volume by another reader: sorted by z, rescaled, the padding of -2000 (written as 63536) as air. */
function pydicomSha256(folder: string): string {
  const script = `
import sys, glob, hashlib, numpy, pydicom
slices = sorted((pydicom.dcmread(f) for f in glob.glob(sys.argv[1] + '/*.dcm')), key=lambda s: s.ImagePositionPatient[2])
digest = hashlib.sha256()
for s in slices:
    stored = s.pixel_array
    hu = stored * s.RescaleSlope + s.RescaleIntercept
    digest.update(numpy.where(stored == -2000, -1024, hu).astype('<i2').tobytes())
print(digest.hexdigest())`;
  return execFileSync('/usr/bin/python3', ['-c', script, folder], { encoding: 'utf8' }).trim();
}
