import { decodeCodestream, hasCodec } from './codecs.ts';
import type { Dataset } from './dataset.ts';
import type { Element } from './elements.ts';
import { CorruptInstance, UnsupportedPixels, UnsupportedTransferSyntax } from './errors.ts';
import { compressedFrame } from './fragments.ts';
import type { Part10 } from './part10.ts';
import { frameBytes, type PixelFormat, readPixelFormat, unpackCells } from './pixel-format.ts';
import { decodeRle } from './rle.ts';
import { TRANSFER_SYNTAX, transferSyntaxTitle } from './transfer-syntax.ts';

const UNCOMPRESSED: ReadonlySet<string> = new Set([
  TRANSFER_SYNTAX.implicitLittleEndian,
  TRANSFER_SYNTAX.explicitLittleEndian,
  TRANSFER_SYNTAX.explicitBigEndian,
  TRANSFER_SYNTAX.deflated,
]);

/** Of one compressed frame: 8192 x 8192. */
const MOST_PIXELS = 2 ** 26;

/** The Pixel Data element of an instance, and what is needed to read frames from it. */
export class Pixels {
  /** Number of Frames, 1 where it is not stated; 0 without pixel data. */
  readonly frames: number;
  readonly #file: Uint8Array;
  readonly #element: Element | undefined;
  readonly #dataset: Dataset;
  readonly #transferSyntaxUid: string;

  /** @throws CorruptInstance when the pixel data cannot hold the frames that the header announces */
  constructor({ bytes, elements, transferSyntaxUid }: Part10, dataset: Dataset) {
    this.#file = bytes;
    this.#element = elements.get('7fe00010');
    this.#dataset = dataset;
    this.#transferSyntaxUid = transferSyntaxUid;
    this.frames = this.#element ? Math.max(1, Math.floor(dataset.number('00280008') ?? 1)) : 0;
    if (this.#element) this.#checkFrames(this.#element);
  }

  /** Stored values of one frame: see Instance. */
  async storedValues(frame: number): Promise<Int16Array | Uint16Array> {
    if (!this.#element || !Number.isInteger(frame) || frame < 0 || frame >= this.frames) {
      throw new CorruptInstance(`there is no frame ${frame + 1}, the image has ${this.frames}`, {
        frames: this.frames,
      });
    }
    const uid = this.#transferSyntaxUid;
    const isPlain = UNCOMPRESSED.has(uid);
    const isRle = uid === TRANSFER_SYNTAX.rle;
    if (!isPlain && !isRle && !hasCodec(uid)) throw new UnsupportedTransferSyntax(uid, transferSyntaxTitle(uid));
    const format = readPixelFormat(this.#dataset);
    if (isPlain) return unpackCells(this.#uncompressed(this.#element, format, frame), format);
    const compressed = this.#compressed(this.#element, format, frame);
    return isRle ? unpackCells(decodeRle(compressed, format), format) : decodeCodestream(compressed, uid, format);
  }

  #uncompressed(element: Element, format: PixelFormat, frame: number): Uint8Array {
    const size = frameBytes(format);
    const end = size * (frame + 1);
    if (element.fragments) throw new CorruptInstance('the pixel data is in fragments, though it is not compressed');
    const bytes = this.#file.subarray(element.start + end - size, element.start + end);
    return this.#transferSyntaxUid === TRANSFER_SYNTAX.explicitBigEndian ? swapped(bytes, format, element.vr) : bytes;
  }

  #compressed(element: Element, format: PixelFormat, frame: number): Uint8Array {
    if (!element.fragments) throw new CorruptInstance('the pixel data is compressed, but not in fragments');
    checkSize(format);
    return compressedFrame(this.#file, element, this.#dataset.numbers('7fe00001'), this.frames, frame);
  }

  #checkFrames({ fragments, length }: Element): void {
    const { frames } = this;
    if (fragments) {
      const held = Math.max(0, fragments.length - 1);
      if (held >= frames) return;
      throw new CorruptInstance(`${frames} frames are announced, the pixel data has ${held} fragments`, {
        frames,
        fragments: held,
      });
    }
    const [rows = 0, columns = 0, bits = 0] = ['00280010', '00280011', '00280100'].map(
      (tag) => this.#dataset.number(tag) ?? 0,
    );
    const grey = (this.#dataset.number('00280002') ?? 1) === 1;
    const expected = Math.ceil((frames * rows * columns * bits) / 8);
    if (!grey || length >= expected) return;
    throw new CorruptInstance(
      `the pixel data has ${length} bytes, ${count(frames, 'frame')} of ${columns} x ${rows} pixels ${frames === 1 ? 'needs' : 'need'} ${expected}`,
      { bytes: length, expected },
    );
  }
}

/** A few bytes may claim any size: what no scanner makes is not unpacked. */
function checkSize({ rows, columns }: PixelFormat): void {
  if (rows * columns > MOST_PIXELS) {
    throw new UnsupportedPixels(`a compressed frame of ${columns} x ${rows} pixels is not unpacked`);
  }
}

/** Two-byte cells are swapped; those of one byte only where they came as words (PS3.5 section 7.3). */
function swapped(bytes: Uint8Array, { bitsAllocated }: PixelFormat, vr: string | undefined): Uint8Array {
  if (bitsAllocated === 8 && vr !== 'OW') return bytes;
  if (bytes.length % 2 === 1) throw new UnsupportedPixels('a big endian image of an odd number of bytes is not read');
  return Buffer.from(bytes).swap16();
}

const count = (number: number, what: string) => `${number} ${what}${number === 1 ? '' : 's'}`;
