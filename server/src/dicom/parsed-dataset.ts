import type { DataSet, Element } from 'dicom-parser';
import { decodeText } from './character-set.ts';
import type { Dataset, RawElement, Tag } from './dataset.ts';
import { vrOf } from './dictionary.ts';

/** Bytes of one value, and how to read it, for the binary numeric VRs: PS3.5 section 6.2. */
const NUMERIC: Readonly<
  Record<string, { bytes: number; read: (view: DataView, at: number, little: boolean) => number }>
> = {
  US: { bytes: 2, read: (view, at, little) => view.getUint16(at, little) },
  SS: { bytes: 2, read: (view, at, little) => view.getInt16(at, little) },
  UL: { bytes: 4, read: (view, at, little) => view.getUint32(at, little) },
  SL: { bytes: 4, read: (view, at, little) => view.getInt32(at, little) },
  FL: { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) },
  FD: { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) },
  UV: { bytes: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
  SV: { bytes: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
};
/** Bytes of the words that big endian files store the other way round. */
const WORD_BYTES: Readonly<Record<string, number>> = { OW: 2, AT: 2, OL: 4, OF: 4, OD: 8, OV: 8 };
/** VRs in which a backslash is text, not a delimiter. */
const SINGLE_VALUED = new Set(['LT', 'ST', 'UT', 'UR']);
/** VRs that Specific Character Set applies to. */
const EXTENDED = new Set(['LO', 'LT', 'PN', 'SH', 'ST', 'UC', 'UT']);
const SPECIFIC_CHARACTER_SET = '00080005';
const PIXEL_REPRESENTATION = '00280103';

/** A dataset on top of dicom-parser, which knows where each element lies in the file. */
export class ParsedDataset implements Dataset {
  readonly #dataSet: DataSet;
  readonly #little: boolean;
  readonly #parent: ParsedDataset | null;
  #characterSets: readonly string[] | undefined;

  constructor(dataSet: DataSet, littleEndian: boolean, parent: ParsedDataset | null = null) {
    this.#dataSet = dataSet;
    this.#little = littleEndian;
    this.#parent = parent;
  }

  has(tag: Tag): boolean {
    return this.#element(tag) !== undefined;
  }

  text(tag: Tag): string | null {
    return this.texts(tag)[0] || null;
  }

  texts(tag: Tag): readonly string[] {
    const element = this.#element(tag);
    if (!element || element.items || element.length === 0) return [];
    const vr = this.#vr(tag, element);
    if (NUMERIC[vr]) return this.numbers(tag).map(String);
    const bytes = this.#bytes(element);
    const text = decodeText(bytes, EXTENDED.has(vr) ? this.characterSets() : []);
    const values = SINGLE_VALUED.has(vr) ? [text.replace(/[\0 ]+$/, '')] : text.split('\\').map(trimmed);
    return values.some((value) => value !== '') ? values : [];
  }

  number(tag: Tag): number | null {
    return this.numbers(tag)[0] ?? null;
  }

  numbers(tag: Tag): readonly number[] {
    const element = this.#element(tag);
    if (!element || element.items || element.length === 0) return [];
    const numeric = NUMERIC[this.#vr(tag, element)];
    if (!numeric) return this.texts(tag).filter(isDecimal).map(Number);
    const bytes = this.#bytes(element);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const count = Math.floor(bytes.length / numeric.bytes);
    return Array.from({ length: count }, (_, index) => numeric.read(view, index * numeric.bytes, this.#little));
  }

  items(tag: Tag): readonly Dataset[] {
    return (this.#element(tag)?.items ?? []).flatMap(({ dataSet }) =>
      dataSet ? [new ParsedDataset(dataSet, this.#little, this)] : [],
    );
  }

  raw(tag: Tag): RawElement | null {
    const element = this.#element(tag);
    if (!element || element.items) return null;
    const vr = this.#vr(tag, element);
    const word = NUMERIC[vr]?.bytes ?? WORD_BYTES[vr] ?? 1;
    const bytes = this.#bytes(element);
    return { tag, vr, value: this.#little || word === 1 ? bytes : swapped(bytes, word) };
  }

  /** The values of Specific Character Set that rule here: an item inherits its dataset's. */
  characterSets(): readonly string[] {
    if (this.#characterSets === undefined) {
      const element = this.#element(SPECIFIC_CHARACTER_SET);
      this.#characterSets = element
        ? decodeText(this.#bytes(element), []).split('\\').map(trimmed)
        : (this.#parent?.characterSets() ?? []);
    }
    return this.#characterSets;
  }

  #element(tag: Tag): Element | undefined {
    return this.#dataSet.elements[`x${tag}`];
  }

  #bytes(element: Element): Uint8Array {
    return this.#dataSet.byteArray.subarray(element.dataOffset, element.dataOffset + element.length);
  }

  #vr(tag: Tag, element: Element): string {
    const stated = element.vr === 'UN' ? undefined : element.vr;
    const vr = stated ?? vrOf(tag) ?? 'UN';
    if (vr !== 'xs') return vr;
    return this.#pixelRepresentation() === 1 ? 'SS' : 'US';
  }

  #pixelRepresentation(): number | null {
    return this.number(PIXEL_REPRESENTATION) ?? (this.#parent ? this.#parent.#pixelRepresentation() : null);
  }
}

const trimmed = (text: string) => text.replace(/^[ ]+|[\0 ]+$/g, '');
const isDecimal = (text: string) => /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text);

function swapped(bytes: Uint8Array, word: number): Uint8Array {
  const swap = Uint8Array.from(bytes);
  for (let start = 0; start + word <= swap.length; start += word) swap.subarray(start, start + word).reverse();
  return swap;
}
