import type { Instance } from './instance.ts';
import { ParsedDataset } from './parsed-dataset.ts';
import { readPart10 } from './part10.ts';
import { Pixels } from './pixels.ts';

/**
 * Reads a DICOM file: Part 10 in any transfer syntax, also without preamble or File Meta Information.
 * The pixel data stays as it is until it is asked for; nothing is copied, so that the instance holds on to `file`.
 * @throws NotDicom when the bytes are no DICOM file; CorruptInstance when it is cut off or contradicts itself
 */
export function parseInstance(file: Uint8Array): Instance {
  const part10 = readPart10(file);
  const dataset = new ParsedDataset(part10);
  const pixels = new Pixels(part10, dataset);
  return {
    sopClassUid: dataset.text('00080016') ?? '',
    sopInstanceUid: dataset.text('00080018') ?? '',
    transferSyntaxUid: part10.transferSyntaxUid,
    dataset,
    frames: pixels.frames,
    storedValues: (frame) => pixels.storedValues(frame),
  };
}
