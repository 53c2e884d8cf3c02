/** A data element's tag as eight lower-case hexadecimal digits, e.g. '00280010' for Rows. */
export type Tag = string;

/** A data element's value as it stood in the file, its bytes unchanged except that numbers are little endian. */
export interface RawElement {
  readonly tag: Tag;
  readonly vr: string;
  readonly value: Uint8Array;
}

/**
 * A dataset as read. Absent and empty values both read as null or []; `has` tells them apart.
 * Text is decoded by the dataset's Specific Character Set, without its padding.
 * Numbers are read from any numeric VR and from DS and IS; what is no number reads as null and is left out of lists.
 */
export interface Dataset {
  has(tag: Tag): boolean;
  text(tag: Tag): string | null;
  texts(tag: Tag): readonly string[];
  number(tag: Tag): number | null;
  numbers(tag: Tag): readonly number[];
  /** The items of a sequence; [] when it is absent. */
  items(tag: Tag): readonly Dataset[];
  /** The element's own bytes, for attributes that are copied unchanged; null when absent. Not for sequences. */
  raw(tag: Tag): RawElement | null;
}
