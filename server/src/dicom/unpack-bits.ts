import type { Dataset } from './dataset.ts';
import type { Element, Elements } from './elements.ts';
import { ParsedDataset } from './parsed-dataset.ts';
import { readPart10 } from './part10.ts';

const ROWS = '00280010';
const COLUMNS = '00280011';
const BITS_ALLOCATED = '00280100';
const BITS_STORED = '00280101';
const HIGH_BIT = '00280102';
const PIXEL_DATA = '7fe00010';

/**
 * A segmentation of one bit a pixel whose frames do not end at whole bytes (PS3.5 section 8.1.1 packs them one behind the
 * other, and viewers that read frame by frame then read thousands of wrong voxels), rewritten to one byte a pixel:
 * Bits Allocated and Bits Stored 8, High Bit 7. Nothing else changes.
 * @param file a DICOM file
 * @returns null when the file is no such object, or its pixels are compressed
 * @throws NotDicom, CorruptInstance
 */
export function unpackOddFrames(file: Uint8Array): Uint8Array | null {
  const part10 = readPart10(file);
  const { elements, bytes } = part10;
  const dataset = new ParsedDataset(part10);
  const pixelData = elements.get(PIXEL_DATA);
  // A deflated dataset lies in other bytes than the file's.
  if (!pixelData || pixelData.fragments || bytes !== file || !pixelData.encoding.littleEndian) return null;
  if (!hasOddFrames(dataset)) return null;

  const unpacked = unpack(bytes.subarray(pixelData.start, pixelData.start + pixelData.length), pixelsOf(dataset));
  const head = Buffer.from(bytes.subarray(0, pixelData.start));
  head.writeUInt32LE(unpacked.length, pixelData.start - 4);
  writeShort(head, elements, BITS_ALLOCATED, 8);
  writeShort(head, elements, BITS_STORED, 8);
  writeShort(head, elements, HIGH_BIT, 7);
  return Buffer.concat([head, unpacked, bytes.subarray(pixelData.start + pixelData.length)]);
}

function hasOddFrames(dataset: Dataset): boolean {
  return dataset.number(BITS_ALLOCATED) === 1 && frameSize(dataset) % 8 !== 0;
}

function frameSize(dataset: Dataset): number {
  return (dataset.number(ROWS) ?? 0) * (dataset.number(COLUMNS) ?? 0);
}

function pixelsOf(dataset: Dataset): number {
  return frameSize(dataset) * (dataset.number('00280008') ?? 1);
}

/**
 * One byte a pixel; the first pixel is the lowest bit of the first byte. Not padded to an even length, as the standard
 * would have it, because viewers refuse a length that is not that of the frames.
 */
function unpack(bits: Uint8Array, pixels: number): Uint8Array {
  const count = Math.min(pixels, bits.length * 8);
  const unpacked = new Uint8Array(pixels);
  for (let pixel = 0; pixel < count; pixel++) unpacked[pixel] = (bits[pixel >> 3]! >> (pixel & 7)) & 1;
  return unpacked;
}

function writeShort(head: Buffer, elements: Elements, tag: string, value: number): void {
  const element: Element | undefined = elements.get(tag);
  if (element) head.writeUInt16LE(value, element.start);
}
