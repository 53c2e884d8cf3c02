import assert from 'node:assert/strict';
import { makePhantomSeries, type PhantomOptions } from '../../../server/src/phantom/series.ts';
import { Refusal, type RefusalCode } from '../../../server/src/refusal.ts';
import { assemble } from '../../../server/src/volume/assemble.ts';
import { readInstance } from '../../../server/src/volume/damage.ts';
import type { CtSeries } from '../../../server/src/volume/series.ts';

const SMALL = {
  centreMm: [0, 0, 0],
  rows: 16,
  columns: 24,
  slices: 12,
  pixelSpacingMm: [15, 15],
  sliceSpacingMm: 5,
} as const;

function files(options: PhantomOptions = {}): Uint8Array[] {
  const series = makePhantomSeries({
    lesions: 0,
    noiseSdHu: 0,
    ...options,
    geometry: { ...SMALL, ...options.geometry },
  });
  return [...series.instances()].map(({ bytes }) => bytes);
}

async function read(contents: readonly Uint8Array[]): Promise<CtSeries> {
  async function* instances() {
    for (const file of contents) yield readInstance(file);
  }
  return assemble(instances(), { signal: new AbortController().signal, report: () => {} });
}

/** Refused with this code, in one whole sentence that says which image and what. */
async function refused(contents: readonly Uint8Array[], code: RefusalCode, words: RegExp): Promise<void> {
  const error: unknown = await read(contents).then(
    () => assert.fail('the series was accepted'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Refusal, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, words);
  assert.match(error.message, /^[A-Z][^\n]+[^.]\.$/);
}

/** The slice `at` is another file. */
const swap = (all: readonly Uint8Array[], at: number, file: Uint8Array) => all.map((own, n) => (n === at ? file : own));

/** The bytes of an element's value, which is found by its tag and VR (explicit, of the short form). */
function patched(file: Uint8Array, tag: readonly [number, number], vr: string, value: readonly number[]): Uint8Array {
  const header = Buffer.from([tag[0] & 255, tag[0] >> 8, tag[1] & 255, tag[1] >> 8, ...Buffer.from(vr)]);
  const copy = Buffer.from(file);
  const at = copy.indexOf(header);
  assert.ok(at > 0);
  copy.set(value, at + 8);
  return copy;
}

describe('series of files that are refused', () => {
  const whole = files();

  it('a file cut off in its pixels, or in its header', async () => {
    const cut = (bytes: number) => swap(whole, 4, whole[4]!.subarray(0, bytes));
    await refused(cut(whole[4]!.length - 1), 'corrupt-instance', /file of image 5 is damaged: .* 767 /);
    await refused(cut(700), 'corrupt-instance', /file of .*image.* is damaged/);
    await refused(cut(0), 'not-dicom', /no DICOM file/);
  });

  it('a picture, a page or zeros among the files', async () => {
    for (const other of ['GIF89a', '<html><body>not found</body></html>', '\0'.repeat(400)]) {
      await refused([...whole, Buffer.from(other)], 'not-dicom', /no DICOM file/);
    }
  });

  it('pixels that are no grey values of 8 or 16 bits', async () => {
    const floats = whole.map((file) => patched(file, [0x28, 0x100], 'US', [32, 0]));
    await refused(floats, 'corrupt-instance', /file of image 1 is damaged: .* 768 bytes.* 1536/);
    const bits = whole.map((file) => patched(file, [0x28, 0x100], 'US', [12, 0]));
    await refused(bits, 'unsupported-pixels', /pixel data of image 1 cannot be read: Bits Allocated is 12/);
  });

  it('a transfer syntax that nobody reads, named by its number', async () => {
    const known = Buffer.from('1.2.840.10008.1.2.1');
    const video = whole.map((file) => {
      const copy = Buffer.from(file);
      copy.set(Buffer.from('1.2.840.10008.1.2.9'), copy.indexOf(known));
      return copy;
    });
    await refused(video, 'unsupported-transfer-syntax', /image 1 cannot be read: .*1\.2\.840\.10008\.1\.2\.9/);
  });

  it('uncompressed pixels that call themselves JPEG 2000', async () => {
    const known = Buffer.from('1.2.840.10008.1.2.1\0');
    const liar = Buffer.from(whole[7]!);
    const at = liar.indexOf(known);
    const length = '1.2.840.10008.1.2.4.90'.length;
    const grown = Buffer.concat([
      liar.subarray(0, at - 2),
      Buffer.from([length, 0]),
      Buffer.from('1.2.840.10008.1.2.4.90'),
      liar.subarray(at + known.length),
    ]);
    await refused(swap(whole, 7, grown), 'corrupt-instance', /image 8 is damaged/);
  });

  it('slices of two scans under one Series Instance UID', async () => {
    const uid = Object.fromEntries(
      ['StudyInstanceUID', 'SeriesInstanceUID', 'FrameOfReferenceUID'].map((keyword, n) => [keyword, `2.25.${n + 1}`]),
    );
    const one = files({ attributes: uid });
    const another = (options: PhantomOptions) => [
      ...one,
      ...files({ ...options, attributes: { ...uid, ...options.attributes } }),
    ];
    await refused(another({ geometry: { ...SMALL, rows: 32 } }), 'mixed-size', /24 x 16 and 24 x 32 pixels/);
    await refused(another({ geometry: { ...SMALL, rotationDeg: [8, 0, 0] } }), 'mixed-orientation', /by 8 degrees/);
    await refused(
      another({ geometry: { ...SMALL, pixelSpacingMm: [15, 14.9] } }),
      'mixed-spacing',
      /15 x 15 and 14\.9 x 15 mm/,
    );
    await refused(another({ attributes: { FrameOfReferenceUID: '2.25.9' } }), 'mixed-frame-of-reference', /frames of/);
    await refused(another({ seed: 2 }), 'several-phases', /12 positions hold up to 2 different images/);
    await refused(
      another({ seed: 2, attributes: { AcquisitionNumber: 2 } }),
      'several-phases',
      /\(acquisition number 1, 2\)/,
    );
  });

  it('coronal and sagittal slices', async () => {
    await refused(files({ geometry: { ...SMALL, rotationDeg: [90, 0, 0] } }), 'not-axial', /coronal.* 90 degrees/);
    await refused(files({ geometry: { ...SMALL, rotationDeg: [90, 0, 90] } }), 'not-axial', /sagittal.* 90 degrees/);
  });

  for (const [name, attributes, code, words] of [
    ['MR', { Modality: 'MR' }, 'not-ct', /is MR, not CT/],
    ['a localizer', { ImageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] }, 'localizer-only', /only 12 localizers/],
    ['a MIP', { ImageType: ['DERIVED', 'SECONDARY', 'MIP'] }, 'derived-image', /maximum intensity projection/],
    ['an iodine map', { ImageType: ['DERIVED', 'PRIMARY', 'AXIAL', 'IODINE'] }, 'not-hounsfield', /iodine map/],
    ['another unit', { RescaleType: 'mg/ml' }, 'not-hounsfield', /in mg\/ml \(Rescale Type\)/],
    ['no rescale', { RescaleSlope: undefined }, 'not-hounsfield', /no usable Rescale Slope/],
    ['colour', { PhotometricInterpretation: 'PALETTE COLOR' }, 'colour', /12 colour pictures/],
    ['no position', { ImagePositionPatient: undefined }, 'no-position', /image 1 .*no Image Position/],
    ['a position in words', { ImagePositionPatient: ['a', 'b', 'c'] }, 'no-position', /image 1 .*no Image Position/],
    ['no pixel spacing', { PixelSpacing: undefined }, 'no-position', /image 1 .*no Pixel Spacing/],
    ['no orientation', { ImageOrientationPatient: undefined }, 'no-position', /image 1 .*no Image Orientation/],
    ['no study', { StudyInstanceUID: undefined }, 'missing-uid', /no Study Instance UID/],
  ] as const) {
    it(`${name}, in the headers of all files`, async () => {
      await refused(files({ attributes }), code, words);
    });
  }
});
