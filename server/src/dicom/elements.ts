import type { Tag } from './dataset.ts';
import { vrOf } from './dictionary.ts';
import { CorruptInstance } from './errors.ts';
import { headerBytes } from './vr.ts';

/** How elements are encoded: PS3.5 section 7.1. */
export interface Encoding {
  readonly explicit: boolean;
  readonly littleEndian: boolean;
}

export const IMPLICIT_LITTLE_ENDIAN: Encoding = { explicit: false, littleEndian: true };
export const EXPLICIT_LITTLE_ENDIAN: Encoding = { explicit: true, littleEndian: true };

/** A data element as it lies in a file: its value is `length` bytes from `start` on. */
export interface Element {
  readonly tag: Tag;
  /** As stated in the file; undefined in implicit encodings. */
  readonly vr: string | undefined;
  readonly start: number;
  readonly length: number;
  readonly encoding: Encoding;
  /** The items of a sequence. */
  readonly items?: readonly Elements[];
  /** The items of encapsulated pixel data, the first of which is the Basic Offset Table. */
  readonly fragments?: readonly Fragment[];
}

export type Elements = ReadonlyMap<Tag, Element>;

export interface Fragment {
  readonly start: number;
  readonly length: number;
}

const ITEM = 'fffee000';
const ITEM_END = 'fffee00d';
const SEQUENCE_END = 'fffee0dd';
const UNDEFINED_LENGTH = 0xffffffff;
/** Sequences within sequences beyond this depth occur in no real file. */
const DEEPEST = 64;

/** Reads elements one after the other and goes forward only, so that its work is bounded by the file. */
export class ElementReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
  }

  get position(): number {
    return this.#at;
  }

  /**
   * Reads a dataset up to `end`, or up to and including the attribute `untilTag`.
   * @throws CorruptInstance when an element does not fit in
   */
  dataset(encoding: Encoding, end: number, untilTag?: Tag): Elements {
    const elements = new Map<Tag, Element>();
    while (this.#at < end && !this.#isFillUpTo(end)) {
      const element = this.#element(encoding, end, 0);
      // Delimiters that stand alone mean nothing, and some software leaves them behind.
      if (!element.tag.startsWith('fffe')) elements.set(element.tag, element);
      if (element.tag === untilTag) break;
    }
    return elements;
  }

  /** The File Meta Information: elements of group 0002, always explicit little endian (PS3.10 section 7.1). */
  fileMeta(): Elements {
    const elements = new Map<Tag, Element>();
    while (this.#bytes[this.#at] === 2 && this.#bytes[this.#at + 1] === 0) {
      const element = this.#element(EXPLICIT_LITTLE_ENDIAN, this.#bytes.length, 0);
      elements.set(element.tag, element);
    }
    return elements;
  }

  /** The items of a sequence: up to `end` or to its delimiter, which must come where the length is `undefined`. */
  items(encoding: Encoding, end: number, length: 'known' | 'undefined' = 'known', depth = 0): Elements[] {
    const items: Elements[] = [];
    while (this.#at < end) {
      if (!this.#beginsItem(encoding, end)) return items;
      items.push(this.#item(encoding, end, depth));
    }
    if (length === 'undefined') throw new CorruptInstance('the file ends within a sequence');
    return items;
  }

  #element(encoding: Encoding, end: number, depth: number): Element {
    const tag = this.#tag(encoding, end);
    const { vr, length } = this.#header(tag, encoding, end);
    const start = this.#at;
    const isSequence = (vr ?? vrOf(tag)) === 'SQ';
    if (length === UNDEFINED_LENGTH) {
      if (tag === '7fe00010') {
        const fragments = this.#fragments(encoding, end);
        return { tag, vr, start, length: this.#at - start, encoding, fragments };
      }
      // UN of undefined length is an implicit little endian sequence: PS3.5 section 6.2.2.
      const inner = vr === 'UN' ? IMPLICIT_LITTLE_ENDIAN : encoding;
      const items = this.items(inner, end, 'undefined', depth + 1);
      return { tag, vr, start, length: this.#at - start, encoding: inner, items };
    }
    if (length > end - start) {
      const left = end - start;
      throw new CorruptInstance(`element ${named(tag)} has ${length} bytes, ${left} are left`, { bytes: length, left });
    }
    if (isSequence) {
      const items = this.items(encoding, start + length, 'known', depth + 1);
      this.#at = start + length;
      return { tag, vr, start, length, encoding, items };
    }
    this.#at = start + length;
    return { tag, vr, start, length, encoding };
  }

  #header(tag: Tag, { explicit, littleEndian }: Encoding, end: number): { vr: string | undefined; length: number } {
    const isDelimiter = tag.startsWith('fffe');
    if (!explicit || isDelimiter) {
      this.#need(8, end, tag);
      const length = this.#view.getUint32(this.#at + 4, littleEndian);
      this.#at += 8;
      return { vr: undefined, length };
    }
    this.#need(8, end, tag);
    const vr = String.fromCharCode(this.#bytes[this.#at + 4]!, this.#bytes[this.#at + 5]!);
    const bytes = headerBytes(vr);
    this.#need(bytes, end, tag);
    const length =
      bytes === 8 ? this.#view.getUint16(this.#at + 6, littleEndian) : this.#view.getUint32(this.#at + 8, littleEndian);
    this.#at += bytes;
    return { vr, length };
  }

  /** Whether an item comes next; the delimiter of the sequence is passed over. */
  #beginsItem(encoding: Encoding, end: number): boolean {
    const tag = this.#tag(encoding, end);
    if (tag === ITEM) return true;
    if (tag !== SEQUENCE_END) throw new CorruptInstance(`element ${named(tag)} stands where an item should begin`);
    this.#header(tag, encoding, end);
    return false;
  }

  #item(encoding: Encoding, end: number, depth: number): Elements {
    if (depth > DEEPEST) throw new CorruptInstance(`sequences are nested more than ${DEEPEST} deep`);
    const { length } = this.#header(ITEM, encoding, end);
    const known = length !== UNDEFINED_LENGTH;
    if (known && length > end - this.#at) {
      const left = end - this.#at;
      throw new CorruptInstance(`an item has ${length} bytes, ${left} are left`, { bytes: length, left });
    }
    const itemEnd = known ? this.#at + length : end;
    const elements = new Map<Tag, Element>();
    while (this.#at < itemEnd) {
      const element = this.#element(encoding, itemEnd, depth);
      if (element.tag === ITEM_END) return elements;
      elements.set(element.tag, element);
    }
    if (!known) throw new CorruptInstance('the file ends within an item');
    return elements;
  }

  /** Encapsulated pixel data: PS3.5 section A.4. A missing delimiter at the end of the file does no harm. */
  #fragments(encoding: Encoding, end: number): Fragment[] {
    const fragments: Fragment[] = [];
    while (this.#at < end && this.#beginsItem(encoding, end)) {
      const { length } = this.#header(ITEM, encoding, end);
      if (length > end - this.#at) {
        const left = end - this.#at;
        throw new CorruptInstance(
          `fragment ${fragments.length} of the pixel data has ${length} bytes, ${left} are left`,
          { bytes: length, left },
        );
      }
      fragments.push({ start: this.#at, length });
      this.#at += length;
    }
    return fragments;
  }

  #tag({ littleEndian }: Encoding, end: number): Tag {
    this.#need(8, end);
    const tag =
      this.#view.getUint16(this.#at, littleEndian) * 0x10000 + this.#view.getUint16(this.#at + 2, littleEndian);
    return tag.toString(16).padStart(8, '0');
  }

  #need(bytes: number, end: number, tag?: Tag): void {
    const left = end - this.#at;
    if (left >= bytes) return;
    const where = tag === undefined ? 'an element' : `element ${named(tag)}`;
    throw new CorruptInstance(`${where} is cut off: ${left} bytes are left`, { bytes, left });
  }

  /** Files are sometimes filled up with zeros. No element of group 0000 belongs into a file. */
  #isFillUpTo(end: number): boolean {
    if (this.#bytes[this.#at] !== 0 || this.#bytes[this.#at + 1] !== 0) return false;
    if (this.#bytes.subarray(this.#at, end).some((byte) => byte !== 0)) {
      throw new CorruptInstance('an element of group 0000 stands in the dataset');
    }
    return true;
  }
}

function named(tag: Tag): string {
  return `(${tag.slice(0, 4)},${tag.slice(4)})`;
}
