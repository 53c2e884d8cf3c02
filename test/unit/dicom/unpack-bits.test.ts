import { deepStrictEqual, strictEqual } from 'node:assert';
import { parseInstance } from '../../../server/src/dicom/parse.ts';
import { unpackOddFrames } from '../../../server/src/dicom/unpack-bits.ts';
import { writePart10 } from '../../../server/src/dicom/write.ts';

/** A one-bit image whose pixel n is `isSet(n)`, lowest bit of a byte first. */
function bitImage(rows: number, columns: number, frames: number, isSet: (pixel: number) => boolean): Uint8Array {
  const packed = new Uint8Array(Math.ceil((rows * columns * frames) / 16) * 2);
  for (let pixel = 0; pixel < rows * columns * frames; pixel++) {
    if (isSet(pixel)) packed[pixel >> 3]! |= 1 << (pixel & 7);
  }
  const dataset = {
    SOPClassUID: '1.2.840.10008.5.1.4.1.1.66.4',
    SOPInstanceUID: '1.2.3',
    NumberOfFrames: String(frames),
    Rows: rows,
    Columns: columns,
    BitsAllocated: 1,
    BitsStored: 1,
    HighBit: 0,
  };
  return writePart10(dataset, { raw: [{ tag: '7fe00010', vr: 'OB', value: packed }] });
}

describe('one-bit frames for viewers that cannot read them', () => {
  const isSet = (pixel: number) => pixel % 3 === 0 || pixel % 7 === 0;

  for (const [rows, columns, frames] of [
    [3, 5, 3],
    [3, 5, 2],
    [6, 7, 5],
  ] as const) {
    it(`are one byte a pixel and no byte more: ${frames} of ${columns} x ${rows}, which viewers check`, () => {
      const { dataset } = parseInstance(unpackOddFrames(bitImage(rows, columns, frames, isSet))!);
      const pixels = dataset.raw('7fe00010')!.value;
      strictEqual(pixels.length, rows * columns * frames);
      deepStrictEqual(
        [...pixels],
        Array.from(pixels, (_, pixel) => (isSet(pixel) ? 1 : 0)),
      );
      deepStrictEqual(
        ['00280100', '00280101', '00280102'].map((tag) => dataset.number(tag)),
        [8, 8, 7],
      );
    });
  }

  it('stay as they are where frames end at whole bytes', () => {
    strictEqual(unpackOddFrames(bitImage(4, 4, 3, isSet)), null);
  });
});
