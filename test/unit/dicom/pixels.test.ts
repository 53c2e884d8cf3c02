import { deepStrictEqual, ok, rejects, strictEqual, throws } from 'node:assert';
import { parseInstance } from '../../../server/src/dicom/parse.ts';
import { COMPRESSED, compress, compressedImage, plainImage, slice } from './images.ts';

const SYNTAXES = Object.keys(COMPRESSED) as (keyof typeof COMPRESSED)[];
const [ROWS, COLUMNS] = [40, 48];
const HEADER = { rows: ROWS, columns: COLUMNS };
const JPEG_LS = COMPRESSED['JPEG-LS'].uid;

const decoded = async (file: Uint8Array, frame = 0) => [...(await parseInstance(file).storedValues(frame))];
const bytesOf = (values: Int16Array) => new Uint8Array(values.buffer);

describe('stored values of a frame', () => {
  it('uses the file itself as the pixels where nothing has to be changed', async () => {
    const file = new Uint8Array(plainImage(HEADER, bytesOf(slice(ROWS, COLUMNS, 1))));
    const values = await parseInstance(file).storedValues(0);
    strictEqual(values.buffer, file.buffer);
    deepStrictEqual([...values], [...slice(ROWS, COLUMNS, 1)]);
  });

  it('reads pixels that lie at an odd place of a larger buffer', async () => {
    const file = plainImage(HEADER, bytesOf(slice(ROWS, COLUMNS, 1)));
    const shifted = new Uint8Array(file.length + 1);
    shifted.set(file, 1);
    deepStrictEqual(await decoded(shifted.subarray(1)), [...slice(ROWS, COLUMNS, 1)]);
  });

  it('says how short the pixel data is', () => {
    throws(() => parseInstance(plainImage(HEADER, new Uint8Array(1000))), {
      name: 'CorruptInstance',
      message: 'the pixel data has 1000 bytes, 1 frame of 48 x 40 pixels needs 3840',
    });
    throws(() => parseInstance(plainImage({ ...HEADER, frames: 1_000_000 }, new Uint8Array(3840))), {
      message: 'the pixel data has 3840 bytes, 1000000 frames of 48 x 40 pixels need 3840000000',
    });
  });

  it('has no frame but those that the header announces', async () => {
    const instance = parseInstance(plainImage({ ...HEADER, frames: 2 }, new Uint8Array(2 * 3840)));
    strictEqual(instance.frames, 2);
    await rejects(instance.storedValues(2), {
      name: 'CorruptInstance',
      message: 'there is no frame 3, the image has 2',
    });
    await rejects(instance.storedValues(-1), { name: 'CorruptInstance' });
  });

  it('refuses by name what it does not read', async () => {
    const colour = parseInstance(plainImage({ ...HEADER, samples: 3 }, new Uint8Array(3 * 3840)));
    await rejects(colour.storedValues(0), { name: 'UnsupportedPixels' });
    const wide = parseInstance(plainImage({ ...HEADER, bitsAllocated: 32 }, new Uint8Array(2 * 3840)));
    await rejects(wide.storedValues(0), {
      name: 'UnsupportedPixels',
      message: 'Bits Allocated is 32; 8 and 16 are read',
    });
    const video = parseInstance(compressedImage('1.2.840.10008.1.2.4.102', HEADER, [new Uint8Array(8)]));
    await rejects(video.storedValues(0), {
      name: 'UnsupportedTransferSyntax',
      uid: '1.2.840.10008.1.2.4.102',
      message: 'transfer syntax 1.2.840.10008.1.2.4.102 (MPEG-4 AVC/H.264) is not read',
    });
  });

  it('refuses a header that contradicts itself', async () => {
    for (const header of [{ bitsStored: 17 }, { bitsStored: 12, highBit: 5 }, { bitsStored: 12, highBit: 16 }]) {
      const instance = parseInstance(plainImage({ ...HEADER, ...header }, new Uint8Array(3840)));
      await rejects(instance.storedValues(0), { name: 'CorruptInstance' });
    }
  });

  for (const syntax of SYNTAXES) {
    it(`${syntax}: cut off anywhere, it is an error or still exact, never other pixels`, async function () {
      this.timeout(20_000);
      const values = slice(ROWS, COLUMNS, 3);
      const whole = await compress(syntax, values, COLUMNS);
      let errors = 0;
      for (let length = 0; length < whole.length; length += Math.max(1, Math.floor(whole.length / 60))) {
        const file = compressedImage(COMPRESSED[syntax].uid, HEADER, [whole.subarray(0, length)]);
        try {
          deepStrictEqual(await decoded(file), [...values], `${length} of ${whole.length} bytes`);
        } catch (error) {
          if (!(error instanceof Error) || error.name !== 'CorruptInstance') throw error;
          errors++;
        }
      }
      ok(errors >= 58, `${errors} errors`);
      // The decoder is as good as new after each of them.
      deepStrictEqual(await decoded(compressedImage(COMPRESSED[syntax].uid, HEADER, [whole])), [...values]);
    });

    it(`${syntax}: a frame of another size than the header's is an error`, async () => {
      const compressed = await compress(syntax, slice(ROWS, COLUMNS, 4), COLUMNS);
      for (const header of [
        { rows: ROWS + 1, columns: COLUMNS },
        { rows: ROWS, columns: COLUMNS - 1 },
        { rows: COLUMNS, columns: ROWS },
        { rows: 65535, columns: 65535 },
      ]) {
        // RLE has no size of its own: turning rows into columns cannot be seen.
        if (syntax === 'RLE' && header.rows === COLUMNS) continue;
        const instance = parseInstance(compressedImage(COMPRESSED[syntax].uid, header, [compressed]));
        await rejects(instance.storedValues(0), { name: /CorruptInstance|UnsupportedPixels/ });
      }
    });
  }
});

describe('frames in fragments', () => {
  const slices = [1, 2, 3].map((seed) => slice(ROWS, COLUMNS, seed));
  const expected = slices.map((values) => [...values]);
  let frames: Uint8Array[];
  /** Each frame in three fragments, the first two of 100 bytes. */
  let pieces: Uint8Array[];
  /** Where each frame's first fragment begins, counted from the first item. */
  let offsets: number[];

  before(async () => {
    frames = await Promise.all(slices.map((values) => compress('JPEG-LS', values, COLUMNS)));
    pieces = frames.flatMap((frame) => [frame.subarray(0, 100), frame.subarray(100, 200), frame.subarray(200)]);
    let at = 0;
    offsets = frames.map((frame) => {
      const begin = at;
      at += 3 * 8 + frame.length + (frame.length % 2);
      return begin;
    });
  });

  async function all(file: Uint8Array): Promise<number[][]> {
    const instance = parseInstance(file);
    strictEqual(instance.frames, 3);
    return [await decoded(file, 0), await decoded(file, 1), await decoded(file, 2)];
  }

  const header = { ...HEADER, frames: 3 };

  it('finds one frame a fragment', async () => {
    deepStrictEqual(await all(compressedImage(JPEG_LS, header, frames)), expected);
  });

  it('finds several fragments a frame by the Basic Offset Table', async () => {
    deepStrictEqual(await all(compressedImage(JPEG_LS, header, pieces, { basic: offsets })), expected);
  });

  it('finds several fragments a frame by the Extended Offset Table', async () => {
    deepStrictEqual(await all(compressedImage(JPEG_LS, header, pieces, { extended: offsets })), expected);
  });

  it('finds several fragments a frame without any table, or with a wrong one', async () => {
    deepStrictEqual(await all(compressedImage(JPEG_LS, header, pieces)), expected);
    deepStrictEqual(await all(compressedImage(JPEG_LS, header, pieces, { basic: [0, 4, 9999] })), expected);
  });

  it('finds all fragments of a single frame', async () => {
    const file = compressedImage(JPEG_LS, HEADER, pieces.slice(0, 3));
    deepStrictEqual(await decoded(file), expected[0]);
  });

  it('reads pixel data whose delimiter at the end of the file is missing', async () => {
    const file = compressedImage(JPEG_LS, header, frames);
    deepStrictEqual(await all(file.subarray(0, file.length - 8)), expected);
  });

  it('says that there are fewer fragments than frames', () => {
    throws(() => parseInstance(compressedImage(JPEG_LS, { ...HEADER, frames: 4 }, frames)), {
      name: 'CorruptInstance',
      message: '4 frames are announced, the pixel data has 3 fragments',
    });
  });

  it('refuses fragments that it cannot tell apart', async () => {
    const anonymous = [...frames, Uint8Array.of(1, 2)];
    const tooMany = [...frames, frames[0]!];
    for (const fragments of [tooMany, [anonymous[3]!, ...frames]]) {
      const instance = parseInstance(compressedImage(JPEG_LS, header, fragments));
      await rejects(instance.storedValues(1), { name: 'CorruptInstance' });
    }
  });
});
