import { ok, throws } from 'node:assert';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { CorruptInstance, DicomError } from '../../../server/src/dicom/errors.ts';
import { parseInstance } from '../../../server/src/dicom/parse.ts';
import { BIG_ENDIAN, EXPLICIT, encodeDataset, IMPLICIT, part10 } from './encode.ts';
import { COMPRESSED, compress, compressedImage, imageAttributes, plainImage, slice } from './images.ts';

const HEADER = { rows: 24, columns: 32 };

/** A file that stops the server costs every patient's result, not only its own. */
describe('damaged and malicious files', () => {
  const files: Uint8Array[] = [];

  before(async () => {
    const values = slice(HEADER.rows, HEADER.columns, 5);
    const attributes = [...imageAttributes(HEADER), ['7fe00010', 'OW', new Uint8Array(values.buffer)]] as const;
    const nested = [
      ['00080018', 'UI', '2.25.5'],
      ['52009229', 'SQ', { items: [[['00289110', 'SQ', { items: [[['00280030', 'DS', '0.7\\0.8']]] }]]] }],
    ] as const;
    files.push(
      plainImage(HEADER, new Uint8Array(values.buffer)),
      part10('1.2.840.10008.1.2', encodeDataset(attributes, IMPLICIT)),
      part10('1.2.840.10008.1.2.2', encodeDataset(attributes, BIG_ENDIAN)),
      part10('1.2.840.10008.1.2.1.99', deflateRawSync(encodeDataset(attributes, EXPLICIT))),
      part10('1.2.840.10008.1.2.1', encodeDataset(nested, EXPLICIT, 'undefined')),
      encodeDataset(nested, IMPLICIT, 'undefined'),
    );
    for (const [name, { uid }] of Object.entries(COMPRESSED)) {
      const frame = await compress(name as keyof typeof COMPRESSED, values, HEADER.columns);
      files.push(compressedImage(uid, HEADER, [frame]));
    }
  });

  /** Reads all that a run reads. */
  async function readAll(file: Uint8Array): Promise<void> {
    try {
      const { dataset, frames, storedValues } = parseInstance(file);
      for (const tag of ['00080005', '00080018', '00100010', '00280030']) dataset.texts(tag);
      dataset.items('52009229').flatMap((item) => item.items('00289110').map((group) => group.numbers('00280030')));
      for (let frame = 0; frame < Math.min(frames, 3); frame++) await storedValues(frame);
    } catch (error) {
      if (!(error instanceof DicomError)) throw error;
      ok(error.message.length > 0 && !error.message.includes('\n'), error.message);
    }
  }

  it('are read or refused, whatever bytes are changed and wherever they end', async function () {
    this.timeout(30_000);
    const change = fc.record({ place: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(
        fc.nat(files.length - 1),
        fc.array(change, { maxLength: 6 }),
        fc.oneof({ weight: 2, arbitrary: fc.constant(1) }, fc.double({ min: 0, max: 1, noNaN: true })),
        async (which, changes, share) => {
          const file = Uint8Array.from(files[which]!);
          // Most of what can go wrong is in the header, at the beginning.
          for (const { place, byte } of changes) file[Math.floor(place ** 2 * file.length)] = byte;
          await readAll(file.subarray(0, Math.floor(share * file.length)));
        },
      ),
      { seed: 20261123, numRuns: 1500 },
    );
  });

  it('with sequences nested without end are refused', () => {
    const sequence = Buffer.from('5200299253510000ffffffff', 'hex');
    const item = Buffer.from('feff00e0ffffffff', 'hex');
    const nested = Buffer.concat(Array.from({ length: 100_000 }, () => Buffer.concat([sequence, item])));
    throws(() => parseInstance(part10('1.2.840.10008.1.2.1', nested)), CorruptInstance);
  });

  it('with deflated data that unpacks to more than memory should hold are refused', () => {
    const bomb = part10('1.2.840.10008.1.2.1.99', deflateRawSync(Buffer.alloc(200 * 2 ** 20)));
    ok(bomb.length < 300_000);
    throws(() => parseInstance(bomb), CorruptInstance);
  });

  it('of nothing but zeros and one byte more take no longer than others', function () {
    this.timeout(2_000);
    const zeros = Buffer.concat([part10('1.2.840.10008.1.2.1', Buffer.alloc(8 * 2 ** 20)), Buffer.from([1])]);
    throws(() => parseInstance(zeros), CorruptInstance);
  });
});
