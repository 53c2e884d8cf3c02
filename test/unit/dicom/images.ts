import dcmjsCodecs from 'dcmjs-codecs';
import { type Attribute, EXPLICIT, encodeDataset, encodeFragments, part10 } from './encode.ts';

const { Context, NativeCodecs } = dcmjsCodecs;

export interface ImageHeader {
  readonly rows: number;
  readonly columns: number;
  readonly frames?: number;
  readonly bitsAllocated?: number;
  readonly bitsStored?: number;
  readonly highBit?: number;
  readonly signed?: boolean;
  readonly samples?: number;
}

export function imageAttributes(header: ImageHeader): Attribute[] {
  const { rows, columns, frames = 1, bitsAllocated = 16, bitsStored = bitsAllocated } = header;
  return [
    ['00080016', 'UI', '1.2.840.10008.5.1.4.1.1.2'],
    ['00080018', 'UI', '2.25.5'],
    ['00280002', 'US', [header.samples ?? 1]],
    ['00280008', 'IS', String(frames)],
    ['00280010', 'US', [rows]],
    ['00280011', 'US', [columns]],
    ['00280100', 'US', [bitsAllocated]],
    ['00280101', 'US', [bitsStored]],
    ['00280102', 'US', [header.highBit ?? bitsStored - 1]],
    ['00280103', 'US', [(header.signed ?? true) ? 1 : 0]],
  ];
}

/** An uncompressed image: explicit VR little endian. */
export function plainImage(header: ImageHeader, pixels: Uint8Array): Buffer {
  return part10(
    '1.2.840.10008.1.2.1',
    encodeDataset([...imageAttributes(header), ['7fe00010', 'OW', pixels]], EXPLICIT),
  );
}

/** A compressed image whose pixel data consists of these fragments. */
export function compressedImage(
  transferSyntaxUid: string,
  header: ImageHeader,
  fragments: readonly Uint8Array[],
  tables: { readonly basic?: readonly number[]; readonly extended?: readonly number[] } = {},
): Buffer {
  const extended: Attribute[] = tables.extended ? [['7fe00001', 'OV', tables.extended]] : [];
  const dataset = encodeDataset([...imageAttributes(header), ...extended], EXPLICIT);
  return part10(transferSyntaxUid, Buffer.concat([dataset, encodeFragments(fragments, tables.basic)]));
}

export const COMPRESSED = {
  'JPEG lossless': { uid: '1.2.840.10008.1.2.4.70', encoder: 'encodeJpeg' },
  'JPEG-LS': { uid: '1.2.840.10008.1.2.4.80', encoder: 'encodeJpegLs' },
  'JPEG 2000': { uid: '1.2.840.10008.1.2.4.90', encoder: 'encodeJpeg2000' },
  HTJ2K: { uid: '1.2.840.10008.1.2.4.201', encoder: 'encodeHtJpeg2000' },
  RLE: { uid: '1.2.840.10008.1.2.5', encoder: 'encodeRle' },
} as const;

/** One frame of signed 16-bit values, compressed without loss. */
export async function compress(
  syntax: keyof typeof COMPRESSED,
  values: Int16Array,
  columns: number,
): Promise<Uint8Array> {
  if (!NativeCodecs.isInitialized()) await NativeCodecs.initializeAsync();
  const context = new Context({
    width: columns,
    height: values.length / columns,
    bitsAllocated: 16,
    bitsStored: 16,
    samplesPerPixel: 1,
    pixelRepresentation: 1,
    planarConfiguration: 0,
    photometricInterpretation: 'MONOCHROME2',
    decodedBuffer: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  });
  return NativeCodecs[COMPRESSED[syntax].encoder](context).getEncodedBuffer()!;
}

/** Something like a slice: smooth, with an edge, and noise that the seed decides. */
export function slice(rows: number, columns: number, seed: number): Int16Array {
  let state = seed;
  return Int16Array.from({ length: rows * columns }, (_, n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const [row, column] = [Math.floor(n / columns), n % columns];
    if (column < 3) return -2000;
    return Math.round(600 * Math.cos(Math.hypot(row - rows / 2, column - columns / 2) / 5) + (state >>> 27));
  });
}
