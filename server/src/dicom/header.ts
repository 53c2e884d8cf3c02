import type { Dataset, Tag } from './dataset.ts';
import { ParsedDataset } from './parsed-dataset.ts';
import { readPart10 } from './part10.ts';

/**
 * Reads a DICOM file from its beginning up to and including one attribute, so that the pixels need not be there.
 * @param head the file's first bytes
 * @returns File Meta Information and dataset, as far as they were read; the whole of it when the attribute is absent
 * @throws NotDicom; CorruptInstance when `head` ends before the attribute, or what stands before it is corrupt
 */
export function parseHeader(head: Uint8Array, untilTag: Tag): Dataset {
  return new ParsedDataset(readPart10(head, untilTag));
}
