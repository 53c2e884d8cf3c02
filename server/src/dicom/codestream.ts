import { CorruptInstance } from './errors.ts';
import type { PixelFormat } from './pixel-format.ts';

/** What a compressed image says of itself. */
interface CodestreamHeader {
  readonly rows: number;
  readonly columns: number;
  readonly components: number;
  /** Bits of one sample. */
  readonly precision: number;
}

const JPEG = { start: 0xffd8, end: 0xffd9 } as const;
const JPEG2000 = { start: 0xff4f, size: 0xff51, tilePart: 0xff90, end: 0xffd9 } as const;

/**
 * Checks, before anything is decoded, that a JPEG, JPEG-LS or JPEG 2000 codestream is the image that the DICOM header
 * announces, and that it is whole: decoders fill what is missing, or reserve what a damaged header asks for.
 * @returns bits of one sample
 * @throws CorruptInstance
 */
export function checkCodestream(bytes: Uint8Array, { rows, columns, bitsAllocated }: PixelFormat): number {
  const header = readHeader(bytes);
  if (header === null) throw new CorruptInstance(`the compressed frame of ${bytes.length} bytes has no image header`);
  if (header.rows !== rows || header.columns !== columns) {
    throw new CorruptInstance(
      `the compressed frame has ${header.rows} rows and ${header.columns} columns, the header says ${rows} and ${columns}`,
      { rows: header.rows, columns: header.columns, expectedRows: rows, expectedColumns: columns },
    );
  }
  if (header.components !== 1) {
    throw new CorruptInstance(`the compressed frame has ${header.components} components, the header says 1`);
  }
  if (header.precision > bitsAllocated) {
    throw new CorruptInstance(
      `the compressed frame has ${header.precision} bits a pixel, the header allocates ${bitsAllocated}`,
    );
  }
  return header.precision;
}

function readHeader(bytes: Uint8Array): CodestreamHeader | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4) return null;
  const start = view.getUint16(0);
  const isJpeg2000 = start === JPEG2000.start && view.getUint16(2) === JPEG2000.size;
  if (!isJpeg2000 && start !== JPEG.start) return null;
  const header = isJpeg2000 ? readSize(view) : readStartOfFrame(view);
  if (header === null || (isJpeg2000 ? hasAllTileParts(view) : reachesEnd(bytes))) return header;
  throw new CorruptInstance(`the compressed frame is cut off: it has ${bytes.length} bytes, and no end`, {
    bytes: bytes.length,
  });
}

/** Start of Frame marker segment: ITU-T T.81 section B.2.2, T.87 section C.2.2. */
function readStartOfFrame(view: DataView): CodestreamHeader | null {
  for (let at = 2; at + 10 <= view.byteLength; ) {
    if (view.getUint8(at) !== 0xff) return null;
    const marker = view.getUint8(at + 1);
    // Fill bytes may stand before a marker.
    if (marker === 0xff) {
      at++;
      continue;
    }
    const startOfFrame = marker === 0xf7 || (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker));
    if (startOfFrame) {
      return {
        precision: view.getUint8(at + 4),
        rows: view.getUint16(at + 5),
        columns: view.getUint16(at + 7),
        components: view.getUint8(at + 9),
      };
    }
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}

/** SIZ marker segment: ITU-T T.800 section A.5.1. */
function readSize(view: DataView): CodestreamHeader | null {
  if (view.byteLength < 43) return null;
  return {
    columns: view.getUint32(8) - view.getUint32(16),
    rows: view.getUint32(12) - view.getUint32(20),
    components: view.getUint16(40),
    precision: (view.getUint8(42) & 0x7f) + 1,
  };
}

/** Whether each tile-part of a JPEG 2000 stream has the length that it states: ITU-T T.800 section A.4.2. */
function hasAllTileParts(view: DataView): boolean {
  const has = (bytes: number) => at + bytes <= view.byteLength;
  let at = 2;
  while (has(4) && view.getUint16(at) !== JPEG2000.tilePart) at += 2 + view.getUint16(at + 2);
  while (has(12) && view.getUint16(at) === JPEG2000.tilePart) {
    const length = view.getUint32(at + 6);
    // The last tile-part may leave its length open.
    if (length === 0) return reachesEnd(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    at += length;
  }
  return has(2) && view.getUint16(at) === JPEG2000.end;
}

/** Whether the stream ends with the End of Image marker, padding aside. It cannot occur within entropy-coded data. */
function reachesEnd(bytes: Uint8Array): boolean {
  let last = bytes.length - 1;
  while (last > 1 && (bytes[last] === 0 || bytes[last] === 0xff)) last--;
  return ((bytes[last - 1]! << 8) | bytes[last]!) === JPEG.end;
}
