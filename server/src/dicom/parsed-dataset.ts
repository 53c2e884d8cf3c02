import { decodeText } from './character-set.ts';
import type { Dataset, RawElement, Tag } from './dataset.ts';
import { vrOf } from './dictionary.ts';
import { type Element, ElementReader, type Elements, IMPLICIT_LITTLE_ENDIAN } from './elements.ts';
import { CorruptInstance } from './errors.ts';
import { wordBytes } from './vr.ts';

type Read = (view: DataView, at: number, littleEndian: boolean) => number;

/** How to read one value of the binary numeric VRs: PS3.5 section 6.2. */
const NUMERIC: Readonly<Record<string, Read>> = {
  US: (view, at, little) => view.getUint16(at, little),
  SS: (view, at, little) => view.getInt16(at, little),
  UL: (view, at, little) => view.getUint32(at, little),
  SL: (view, at, little) => view.getInt32(at, little),
  FL: (view, at, little) => view.getFloat32(at, little),
  FD: (view, at, little) => view.getFloat64(at, little),
  UV: (view, at, little) => Number(view.getBigUint64(at, little)),
  SV: (view, at, little) => Number(view.getBigInt64(at, little)),
  OV: (view, at, little) => Number(view.getBigUint64(at, little)),
};
/** VRs in which a backslash is text, not a delimiter. */
const SINGLE_VALUED = new Set(['LT', 'ST', 'UT', 'UR']);
/** VRs that Specific Character Set applies to. */
const EXTENDED = new Set(['LO', 'LT', 'PN', 'SH', 'ST', 'UC', 'UT']);
const SPECIFIC_CHARACTER_SET = '00080005';
const PIXEL_REPRESENTATION = '00280103';

/** A dataset on top of the bytes of its file: values are read when they are asked for. */
export class ParsedDataset implements Dataset {
  readonly #bytes: Uint8Array;
  readonly #elements: Elements;
  readonly #parent: ParsedDataset | null;
  #characterSets: readonly string[] | undefined;

  constructor({ bytes, elements }: { bytes: Uint8Array; elements: Elements }, parent: ParsedDataset | null = null) {
    this.#bytes = bytes;
    this.#elements = elements;
    this.#parent = parent;
  }

  has(tag: Tag): boolean {
    return this.#elements.has(tag);
  }

  text(tag: Tag): string | null {
    return this.texts(tag)[0] || null;
  }

  texts(tag: Tag): readonly string[] {
    const element = this.#plain(tag);
    if (!element) return [];
    const vr = this.#vr(element);
    if (vr in NUMERIC) return this.numbers(tag).map(String);
    const text = decodeText(this.#value(element), EXTENDED.has(vr) ? this.characterSets() : []);
    const values = SINGLE_VALUED.has(vr) ? [text.replace(/[\0 ]+$/, '')] : text.split('\\').map(trimmed);
    return values.some((value) => value !== '') ? values : [];
  }

  number(tag: Tag): number | null {
    return this.numbers(tag)[0] ?? null;
  }

  numbers(tag: Tag): readonly number[] {
    const element = this.#plain(tag);
    if (!element) return [];
    const vr = this.#vr(element);
    const read = NUMERIC[vr];
    if (!read) return this.texts(tag).filter(isDecimal).map(Number);
    const value = this.#value(element);
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    return Array.from({ length: Math.floor(value.length / wordBytes(vr)) }, (_, index) =>
      read(view, index * wordBytes(vr), element.encoding.littleEndian),
    );
  }

  items(tag: Tag): readonly Dataset[] {
    const element = this.#elements.get(tag);
    if (!element) return [];
    return this.#itemsOf(element).map((elements) => new ParsedDataset({ bytes: this.#bytes, elements }, this));
  }

  raw(tag: Tag): RawElement | null {
    const element = this.#elements.get(tag);
    if (!element || element.items || element.fragments) return null;
    const vr = this.#vr(element);
    const value = this.#value(element);
    return { tag, vr, value: element.encoding.littleEndian ? value : swapped(value, wordBytes(vr)) };
  }

  /** The values of Specific Character Set that rule here: an item inherits its dataset's. */
  characterSets(): readonly string[] {
    if (this.#characterSets === undefined) {
      const element = this.#plain(SPECIFIC_CHARACTER_SET);
      this.#characterSets = element
        ? decodeText(this.#value(element), []).split('\\').map(trimmed)
        : (this.#parent?.characterSets() ?? []);
    }
    return this.#characterSets;
  }

  /** An element that has a value of its own. */
  #plain(tag: Tag): Element | undefined {
    const element = this.#elements.get(tag);
    return element && !element.items && !element.fragments && element.length > 0 ? element : undefined;
  }

  #value({ start, length }: Element): Uint8Array {
    return this.#bytes.subarray(start, start + length);
  }

  /**
   * Sequences also hide under UN, where software that did not know them passed them on (PS3.5 section 6.2.2). Bytes
   * that are no items are none: what is read late must not fail late.
   */
  #itemsOf(element: Element): readonly Elements[] {
    const { start, length, vr, tag } = element;
    if (vr !== 'UN' || element.items || vrOf(tag) !== 'SQ') return element.items ?? [];
    try {
      return new ElementReader(this.#bytes, start).items(IMPLICIT_LITTLE_ENDIAN, start + length);
    } catch (error) {
      if (error instanceof CorruptInstance) return [];
      throw error;
    }
  }

  #vr({ tag, vr: stated }: Element): string {
    const vr = (stated === 'UN' ? undefined : stated) ?? vrOf(tag) ?? 'UN';
    if (vr !== 'xs') return vr;
    return this.#pixelRepresentation() === 1 ? 'SS' : 'US';
  }

  #pixelRepresentation(): number | null {
    return this.number(PIXEL_REPRESENTATION) ?? (this.#parent ? this.#parent.#pixelRepresentation() : null);
  }
}

const trimmed = (text: string) => text.replace(/^ +|[\0 ]+$/g, '');
const isDecimal = (text: string) => /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text);

function swapped(bytes: Uint8Array, word: number): Uint8Array {
  if (word === 1) return bytes;
  const swap = Uint8Array.from(bytes);
  for (let start = 0; start + word <= swap.length; start += word) swap.subarray(start, start + word).reverse();
  return swap;
}
