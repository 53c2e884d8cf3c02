import type { Dataset } from './dataset.ts';
import { CorruptInstance, UnsupportedPixels } from './errors.ts';

/** How the values of a grey image are stored: Image Pixel Module, PS3.3 section C.7.6.3, and PS3.5 section 8.1.1. */
export interface PixelFormat {
  readonly rows: number;
  readonly columns: number;
  readonly bitsAllocated: 8 | 16;
  /** Values take this many bits, the highest of which is `highBit`. */
  readonly bitsStored: number;
  readonly highBit: number;
  readonly signed: boolean;
}

/**
 * @throws CorruptInstance when the header has no image size or contradicts itself; UnsupportedPixels for colour, and
 * for cells of other than 8 or 16 bits
 */
export function readPixelFormat(dataset: Dataset): PixelFormat {
  const rows = dataset.number('00280010') ?? 0;
  const columns = dataset.number('00280011') ?? 0;
  if (!(rows > 0 && columns > 0)) {
    throw new CorruptInstance(`the image has ${rows} rows and ${columns} columns`, { rows, columns });
  }
  const samples = dataset.number('00280002') ?? 1;
  if (samples !== 1)
    throw new UnsupportedPixels(`the image has ${samples} samples per pixel; only grey images are read`);
  const bitsAllocated = dataset.number('00280100') ?? 0;
  if (bitsAllocated !== 8 && bitsAllocated !== 16) {
    throw new UnsupportedPixels(`Bits Allocated is ${bitsAllocated}; 8 and 16 are read`);
  }
  const bitsStored = dataset.number('00280101') ?? bitsAllocated;
  const highBit = dataset.number('00280102') ?? bitsStored - 1;
  if (!(bitsStored >= 1 && bitsStored <= bitsAllocated && highBit >= bitsStored - 1 && highBit < bitsAllocated)) {
    throw new CorruptInstance(
      `Bits Stored ${bitsStored} with High Bit ${highBit} does not fit into ${bitsAllocated} bits`,
      { bitsAllocated, bitsStored, highBit },
    );
  }
  return { rows, columns, bitsAllocated, bitsStored, highBit, signed: dataset.number('00280103') === 1 };
}

/** Bytes of one frame as uncompressed pixel data. */
export function frameBytes({ rows, columns, bitsAllocated }: PixelFormat): number {
  return (rows * columns * bitsAllocated) / 8;
}

/**
 * Values from the cells of one frame: cut out of the cell, then sign-extended or masked. Bits outside the value (old
 * files keep overlays there) are dropped. Where the cells hold nothing else, the result is a view of `bytes`.
 * @param bytes little endian, of `frameBytes`
 */
export function unpackCells(bytes: Uint8Array, format: PixelFormat): Int16Array | Uint16Array {
  const { bitsAllocated, bitsStored, highBit, signed } = format;
  const cells = bitsAllocated === 8 ? Uint16Array.from(bytes) : asWords(bytes);
  if (bitsStored === 16) return signed ? new Int16Array(cells.buffer, cells.byteOffset, cells.length) : cells;
  const below = highBit + 1 - bitsStored;
  // Loops, because typed arrays' own `from` takes twenty times as long.
  if (signed) {
    const above = 31 - highBit;
    const values = new Int16Array(cells.length);
    for (let pixel = 0; pixel < cells.length; pixel++) values[pixel] = (cells[pixel]! << above) >> (above + below);
    return values;
  }
  const mask = 2 ** bitsStored - 1;
  // An 8-bit image whose values fill the cell.
  if (bitsAllocated === bitsStored) return cells;
  const values = new Uint16Array(cells.length);
  for (let pixel = 0; pixel < cells.length; pixel++) values[pixel] = (cells[pixel]! >> below) & mask;
  return values;
}

function asWords(bytes: Uint8Array): Uint16Array<ArrayBufferLike> {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : Uint8Array.from(bytes);
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2);
}
