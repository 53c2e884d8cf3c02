import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { readFiles } from '../../../server/src/dicomweb/files.ts';
import { surveyFiles } from '../../../server/src/dicomweb/survey.ts';
import { smallDicomFile } from '../../support/small-dicom.ts';
import { collect } from './collect.ts';

const CT = { studyUid: '2.25.1', seriesUid: '2.25.2', description: 'Abdomen 門脈相' };
const SLICES = [1, 2, 3].map((n) =>
  smallDicomFile({ ...CT, sopInstanceUid: `2.25.40${n}`, pixels: new Uint8Array(100_000).map((_, i) => i * n) }),
);
const SCOUT = smallDicomFile({ ...CT, seriesUid: '2.25.3', sopInstanceUid: '2.25.410', description: 'scout' });
const [FIRST, SECOND, THIRD] = SLICES as [Uint8Array, Uint8Array, Uint8Array];
const PORTAL_VENOUS = {
  studyInstanceUid: '2.25.1',
  seriesInstanceUid: '2.25.2',
  modality: 'CT',
  description: 'Abdomen 門脈相',
  multiFrame: false,
  instances: ['2.25.401', '2.25.402', '2.25.403'],
  files: 3,
};

describe('series in files', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-files-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));
  const put = async (name: string, content: Uint8Array | string): Promise<string> => {
    await mkdir(join(dir, name, '..'), { recursive: true });
    await writeFile(join(dir, name), content);
    return join(dir, name);
  };

  it('finds a series whatever its files are called, beside what is no DICOM', async () => {
    await put('IM0', FIRST);
    await put('deep/er/1.2.840.x', SECOND);
    await put('deep/IM2.DCM', THIRD);
    await put('scout/IM9', SCOUT);
    await put('README', 'These are images.');
    await put('empty.dcm', '');
    await put(
      'DICOMDIR',
      smallDicomFile({ sopInstanceUid: '2.25.9', sopClassUid: '1.2.840.10008.1.3.10', seriesUid: '' }),
    );
    const series = await surveyFiles(dir);
    assert.deepEqual(
      series.map((one) => [one.description, one.files]),
      [
        ['Abdomen 門脈相', 3],
        ['scout', 1],
      ],
    );
    const read = await collect(readFiles(dir, { seriesInstanceUid: '2.25.2' }));
    assert.deepEqual(
      new Set(
        read.map((file) => Buffer.compare(file, FIRST) && Buffer.compare(file, SECOND) && Buffer.compare(file, THIRD)),
      ),
      new Set([0]),
    );
    assert.equal(read.length, 3);
    assert.equal((await collect(readFiles(dir))).length, 4);
  });

  it('reads a zip as it reads a folder', async () => {
    const path = await put(
      'series.bin',
      zipSync({
        'a/IM1': FIRST,
        'a/IM2': [SECOND, { level: 0 }],
        'a/b/': new Uint8Array(),
        'a/b/IM3': THIRD,
        'a/notes.txt': Buffer.from('x'),
      }),
    );
    assert.deepEqual(await surveyFiles(path), [PORTAL_VENOUS]);
    assert.deepEqual(
      await collect(readFiles(path)),
      SLICES.map((file) => Buffer.from(file)),
    );
  });

  it('reads a zip whose names are paths that nobody should unpack to', async () => {
    const path = await put(
      'odd.zip',
      zipSync({ '/IM1': FIRST, '../../IM2': SECOND, 'C:\\ct\\IM3': THIRD, 'ct\\': new Uint8Array() }),
    );
    assert.equal((await surveyFiles(path))[0]?.files, 3);
  });

  it('takes a single file for a folder of one', async () => {
    assert.deepEqual(await collect(readFiles(await put('IM1', FIRST))), [Buffer.from(FIRST)]);
  });

  it('does not run in circles where links do, and reads no file twice for it', async () => {
    await put('a/IM1', FIRST);
    await symlink('..', join(dir, 'a/up'));
    await symlink(join(dir, 'a'), join(dir, 'again'));
    assert.equal((await surveyFiles(dir))[0]?.files, 1);
  });

  it('says so when a slice is only a link to nothing', async () => {
    await put('IM1', FIRST);
    await symlink('annexed-elsewhere', join(dir, 'IM2'));
    await assert.rejects(surveyFiles(dir), { name: 'UnreadableInput', message: /no file or folder .*IM2/ });
  });

  it('refuses a text file that is called .dcm, an empty folder and an empty zip', async () => {
    for (const path of [
      await put('text.dcm', 'This is no image.'),
      await put('e.zip', zipSync({})),
      join(dir, 'none'),
    ]) {
      await mkdir(join(dir, 'none'), { recursive: true });
      await assert.rejects(surveyFiles(path), { name: 'Refusal', code: 'not-dicom' });
      await assert.rejects(collect(readFiles(path)), { name: 'Refusal', code: 'not-dicom' });
    }
  });

  it('names a path that does not exist, which is no fault of a series', async () => {
    await assert.rejects(surveyFiles(join(dir, 'nowhere')), {
      name: 'UnreadableInput',
      message: /There is no file or folder .*nowhere\./,
    });
  });

  it('refuses a damaged file instead of leaving a slice out', async () => {
    await put('IM1', FIRST);
    for (const end of [140, 300, 330, 360, 380]) {
      await put('IM2', SECOND.subarray(0, end));
      await assert.rejects(
        surveyFiles(dir),
        { name: 'Refusal', message: /^The DICOM file IM2 / },
        `cut after ${end} bytes`,
      );
    }
  });

  it('finds the series behind a header that is longer than usual', async () => {
    // 200 kB of private data stand before the Series Instance UID.
    const text = Buffer.from(FIRST).toString('latin1');
    const at = text.indexOf('\x20\x00\x0d\x00UI');
    const long = Buffer.concat([
      FIRST.subarray(0, at),
      Buffer.from('\x19\x00\x10\x10UN\0\0\x40\x0d\x03\x00', 'latin1'),
      Buffer.alloc(0x30d40),
      FIRST.subarray(at),
    ]);
    assert.equal((await surveyFiles(await put('long', long)))[0]?.seriesInstanceUid, '2.25.2');
  });

  it('refuses a zip that is cut off, encrypted or rotten, and never gives a part of it as the whole', async () => {
    const zip = Buffer.from(zipSync({ IM1: FIRST, IM2: [SECOND, { level: 0 }] }));
    const cut = await put('cut.zip', zip);
    await truncate(cut, zip.length - 1000);
    await assert.rejects(surveyFiles(cut), {
      code: 'unreadable-zip',
      message: 'The zip cut.zip is damaged or incomplete.',
    });

    const encrypted = Buffer.from(zip);
    for (const [signature, flags] of [
      ['PK\x03\x04', 6],
      ['PK\x01\x02', 8],
    ] as const) {
      for (
        let at = encrypted.indexOf(signature, 0, 'latin1');
        at >= 0;
        at = encrypted.indexOf(signature, at + 1, 'latin1')
      ) {
        encrypted[at + flags] = (encrypted[at + flags] as number) | 1;
      }
    }
    await assert.rejects(surveyFiles(await put('secret.zip', encrypted)), {
      code: 'unreadable-zip',
      message: /is encrypted/,
    });

    // One bit of a pixel, in the entry that is not compressed and so has no other check.
    const rotten = Buffer.from(zip);
    const at = rotten.indexOf(Buffer.from(SECOND.subarray(50_000, 50_100)));
    rotten[at] = (rotten[at] as number) ^ 1;
    await assert.rejects(collect(readFiles(await put('rotten.zip', rotten))), { code: 'unreadable-zip' });
  });

  it('does not unpack what claims to be larger than any image', async () => {
    const zip = Buffer.from(zipSync({ IM1: FIRST }));
    zip.writeUInt32LE(0x7fffffff, zip.indexOf('PK\x01\x02') + 24);
    await assert.rejects(collect(readFiles(await put('bomb.zip', zip))), {
      code: 'unreadable-zip',
      message: /more than 1 GiB/,
    });
  });

  it('says which series is not there', async () => {
    await put('IM1', FIRST);
    await assert.rejects(collect(readFiles(dir, { seriesInstanceUid: '2.25.77' })), {
      code: 'no-such-series',
      message: /2\.25\.77/,
    });
  });

  it('stops when it is cancelled', async () => {
    for (const [n, slice] of SLICES.entries()) await put(`IM${n}`, slice);
    const controller = new AbortController();
    const files = readFiles(dir, { signal: controller.signal });
    await files.next();
    controller.abort(new Error('the user cancelled'));
    await assert.rejects(files.next(), /the user cancelled/);
  });

  it('tells the series of real folders apart, with DICOMDIRs, derived objects and odd encodings in them', async function () {
    const data = process.env.HEPAR_TEST_DATA;
    if (!data) this.skip();
    const found = async (path: string) => (await surveyFiles(join(data, path))).map((one) => [one.modality, one.files]);
    assert.deepEqual(await found('hcc-tace-015/portal-venous'), [['CT', 62]]);
    assert.deepEqual(await found('odd-series/philips-gantry-tilt'), [['CT', 28]]);
    assert.deepEqual(await found('dcmqi-liver'), [
      ['CT', 3],
      ['SEG', 1],
      ['SEG', 1],
    ]);
    const bigEndian = await surveyFiles(join(data, 'transfer-syntaxes/pydicom/MR_small_bigendian.dcm'));
    const deflated = await surveyFiles(join(data, 'transfer-syntaxes/pydicom/image_dfl.dcm'));
    // As pydicom reads them.
    assert.equal(bigEndian[0]?.seriesInstanceUid, '1.3.6.1.4.1.5962.1.3.4.1.20040826185059.5457');
    assert.equal(deflated[0]?.seriesInstanceUid, '1.3.6.1.4.1.5962.1.3.0.0.977067310.6001.0');
    await assert.rejects(surveyFiles(join(data, 'transfer-syntaxes/pydicom/README.txt')), { code: 'not-dicom' });
  });
});
