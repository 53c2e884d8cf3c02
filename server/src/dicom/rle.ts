import { CorruptInstance } from './errors.ts';
import { frameBytes, type PixelFormat } from './pixel-format.ts';

const HEADER_BYTES = 64;

/**
 * Unpacks one RLE frame (PS3.5 annex G) into little endian cells: a header of segment offsets, then one segment for each
 * byte of a cell, the most significant first, packed by runs. Strict, unlike the decoders at hand, which fill in what a
 * frame that is cut off does not say.
 * @throws CorruptInstance when the segments do not hold exactly the frame's pixels
 */
export function decodeRle(bytes: Uint8Array, format: PixelFormat): Uint8Array {
  const segments = readSegments(bytes);
  const bytesPerCell = format.bitsAllocated / 8;
  if (segments.length !== bytesPerCell) {
    throw new CorruptInstance(`the RLE frame has ${segments.length} segments, expected ${bytesPerCell}`, {
      segments: segments.length,
      expected: bytesPerCell,
    });
  }
  // A run of 128 bytes takes two.
  if (bytes.length * 64 < frameBytes(format)) throw wrongLength(bytes.length, frameBytes(format));
  const cells = new Uint8Array(frameBytes(format));
  segments.forEach((segment, index) => {
    unpack(segment, cells, bytesPerCell - 1 - index, bytesPerCell);
  });
  return cells;
}

function readSegments(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length < HEADER_BYTES) throw new CorruptInstance(`the RLE frame has ${bytes.length} bytes and no header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const count = Math.min(view.getUint32(0, true), HEADER_BYTES / 4 - 1);
  const offsets = Array.from({ length: count }, (_, index) => view.getUint32(4 + index * 4, true));
  return offsets.map((offset, index) => bytes.subarray(offset, offsets[index + 1] ?? bytes.length));
}

/** Writes a segment's bytes to every `stride`-th byte of `cells`, from `first` on. */
function unpack(segment: Uint8Array, cells: Uint8Array, first: number, stride: number): void {
  let to = first;
  let at = 0;
  while (to < cells.length && at < segment.length) {
    const control = segment[at++]!;
    if (control < 128) {
      const end = at + control + 1;
      while (at < end && at < segment.length && to < cells.length) {
        cells[to] = segment[at++]!;
        to += stride;
      }
      if (at < end) throw wrongLength(to, cells.length);
    } else if (control > 128) {
      const end = to + (257 - control) * stride;
      if (at >= segment.length || end > cells.length + first) throw wrongLength(end, cells.length);
      const value = segment[at++]!;
      for (; to < end; to += stride) cells[to] = value;
    }
  }
  // A segment of an odd length is padded with one byte.
  if (to < cells.length || segment.length - at > 1) throw wrongLength(to, cells.length);
}

function wrongLength(bytes: number, expected: number): CorruptInstance {
  return new CorruptInstance(`the RLE frame does not hold the ${expected} bytes of the header's rows and columns`, {
    bytes,
    expected,
  });
}
