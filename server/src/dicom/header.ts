import { constants, inflateRawSync } from 'node:zlib';
import dicomParser from 'dicom-parser';
import type { Dataset, Tag } from './dataset.ts';
import { CorruptInstance } from './errors.ts';
import { withPart10Header } from './parse.ts';
import { ParsedDataset } from './parsed-dataset.ts';
import { TRANSFER_SYNTAX } from './transfer-syntax.ts';

/** A header that unpacks to more than this is none. */
const MOST_INFLATED_BYTES = 64 * 1024 ** 2;

/**
 * Reads a DICOM file from its beginning up to and including one attribute, so that the pixels need not be there.
 * @param head the file's first bytes
 * @returns File Meta Information and dataset, as far as they were read; the whole of it when the attribute is absent
 * @throws NotDicom; CorruptInstance when `head` ends before the attribute, or what stands before it is corrupt
 */
export function parseHeader(head: Uint8Array, untilTag: Tag): Dataset {
  const { file, transferSyntaxUid } = withPart10Header(head);
  try {
    const dataSet = dicomParser.parseDicom(file, {
      ...(transferSyntaxUid === undefined ? {} : { TransferSyntaxUID: transferSyntaxUid }),
      untilTag: `x${untilTag}`,
      inflater: inflateWhatIsThere,
    });
    // A value that runs over the end shows only when it is looked at.
    dataSet.string(`x${untilTag}`);
    const uid = transferSyntaxUid ?? dataSet.string('x00020010')?.trim();
    return new ParsedDataset(dataSet, uid !== TRANSFER_SYNTAX.explicitBigEndian);
  } catch (error) {
    throw new CorruptInstance('the header is cut off or corrupt', { cause: error });
  }
}

function inflateWhatIsThere(head: Uint8Array, position: number): Uint8Array {
  const dataset = inflateRawSync(head.subarray(position), {
    finishFlush: constants.Z_SYNC_FLUSH,
    maxOutputLength: MOST_INFLATED_BYTES,
  });
  return Buffer.concat([head.subarray(0, position), dataset]);
}
