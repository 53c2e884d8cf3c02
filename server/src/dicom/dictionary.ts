import dcmjs from 'dcmjs';
import type { Tag } from './dataset.ts';

/** What stands in the dictionary for VRs that depend on other attributes, or on none; 'xs' is left to the reader. */
const STANDS_FOR: Readonly<Record<string, string | undefined>> = { ox: 'OW', lt: 'OW', up: 'UL', na: undefined };

/**
 * Value representation of a standard attribute (PS3.6), for files that do not state it; undefined for private and
 * unknown ones. 'xs' stands for US or SS, by Pixel Representation.
 */
export function vrOf(tag: Tag): string | undefined {
  const key = `(${tag.slice(0, 4)},${tag.slice(4)})`.toUpperCase();
  const vr = dcmjs.data.DicomMetaDictionary.dictionary[key]?.vr;
  return vr !== undefined && vr in STANDS_FOR ? STANDS_FOR[vr] : vr;
}
