import dcmjs from 'dcmjs';
import type { Tag } from './dataset.ts';

/**
 * Value representation of a standard attribute (PS3.6), for files that do not state it; undefined for private and
 * unknown ones. 'xs' stands for US or SS, by Pixel Representation.
 */
export function vrOf(tag: Tag): string | undefined {
  const key = `(${tag.slice(0, 4)},${tag.slice(4)})`.toUpperCase();
  return dcmjs.data.DicomMetaDictionary.dictionary[key]?.vr;
}
