import type { Element } from './elements.ts';
import { CorruptInstance } from './errors.ts';

/**
 * The compressed bytes of one frame out of encapsulated pixel data (PS3.5 section A.4). Which fragments make up a frame
 * follows, in this order, from their number, from the Basic or Extended Offset Table, and from the fragments in which a
 * codestream begins.
 * @param extendedOffsets Extended Offset Table (PS3.3 section C.7.6.3.1.8); [] when absent
 * @throws CorruptInstance when the fragments cannot be told apart
 */
export function compressedFrame(
  bytes: Uint8Array,
  element: Element,
  extendedOffsets: readonly number[],
  frames: number,
  frame: number,
): Uint8Array {
  const [table, ...items] = element.fragments ?? [];
  if (table === undefined) throw new CorruptInstance('the pixel data has no fragments');
  const first = table.start + table.length;
  const fragments = items.map(({ start, length }) => ({
    offset: start - ITEM_HEADER_BYTES - first,
    bytes: bytes.subarray(start, start + length),
  }));
  const basicOffsets = readOffsets(bytes.subarray(table.start, first));
  const firsts = firstFragments(fragments, [basicOffsets, extendedOffsets], frames);
  const own = fragments.slice(firsts[frame], firsts[frame + 1]).map((fragment) => fragment.bytes);
  return own.length === 1 ? own[0]! : Buffer.concat(own);
}

const ITEM_HEADER_BYTES = 8;

function readOffsets(table: Uint8Array): number[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  return Array.from({ length: Math.floor(table.length / 4) }, (_, index) => view.getUint32(index * 4, true));
}

interface Fragment {
  /** Bytes from the first fragment's item, as the offset tables count. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

function firstFragments(
  fragments: readonly Fragment[],
  tables: readonly (readonly number[])[],
  frames: number,
): readonly number[] {
  if (fragments.length === frames) return fragments.map((_, index) => index);
  if (frames === 1 && fragments.length > 0) return [0];
  for (const table of tables) {
    const firsts = table.map((offset) => fragments.findIndex((fragment) => fragment.offset === offset));
    const rising = firsts.every((first, index) => first > (firsts[index - 1] ?? -1));
    if (firsts.length === frames && firsts[0] === 0 && rising) return firsts;
  }
  const starts = fragments.flatMap((fragment, index) => (startsCodestream(fragment.bytes) ? [index] : []));
  if (starts.length === frames && starts[0] === 0) return starts;
  throw new CorruptInstance(`${frames} frames are announced, the pixel data has ${fragments.length} fragments`, {
    frames,
    fragments: fragments.length,
  });
}

/** Start of Image of JPEG and JPEG-LS, or Start of Codestream of JPEG 2000. */
function startsCodestream([first, second]: Uint8Array): boolean {
  return first === 0xff && (second === 0xd8 || second === 0x4f);
}
