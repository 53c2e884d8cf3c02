import { inflateRawSync } from 'node:zlib';
import dicomParser from 'dicom-parser';
import { vrOf } from './dictionary.ts';
import { CorruptInstance, NotDicom } from './errors.ts';
import type { Instance } from './instance.ts';
import { ParsedDataset } from './parsed-dataset.ts';
import { frameCount, storedValues } from './pixels.ts';
import { TRANSFER_SYNTAX } from './transfer-syntax.ts';

const PREAMBLE_BYTES = 128;
/** A deflated dataset may not unpack to more than this: a small file must not fill the memory. */
const MOST_INFLATED_BYTES = 2 ** 31 - 1;

/**
 * Reads a DICOM file: Part 10 in any transfer syntax, also without preamble or File Meta Information.
 * The pixel data stays as it is until it is asked for.
 * @throws NotDicom when the bytes are no DICOM file; CorruptInstance when it is cut off or contradicts itself
 */
export function parseInstance(bytes: Uint8Array): Instance {
  const { file, transferSyntaxUid } = withPart10Header(bytes);
  const dataSet = parse(file, transferSyntaxUid);
  const uid = transferSyntaxUid ?? dataSet.string('x00020010')?.trim() ?? TRANSFER_SYNTAX.implicitLittleEndian;
  const dataset = new ParsedDataset(dataSet, uid !== TRANSFER_SYNTAX.explicitBigEndian);
  return {
    sopClassUid: dataset.text('00080016') ?? '',
    sopInstanceUid: dataset.text('00080018') ?? '',
    transferSyntaxUid: uid,
    dataset,
    frames: frameCount(dataSet, dataset),
    storedValues: (frame) => storedValues(dataSet, dataset, uid, frame),
  };
}

function parse(file: Uint8Array, transferSyntaxUid: string | undefined): dicomParser.DataSet {
  try {
    return dicomParser.parseDicom(file, {
      ...(transferSyntaxUid === undefined ? {} : { TransferSyntaxUID: transferSyntaxUid }),
      vrCallback: (tag: string) => vrOf(tag.slice(1)),
      inflater: inflate,
    });
  } catch (error) {
    throw new CorruptInstance(`the file is cut off or corrupt: ${reasonOf(error)}`);
  }
}

/** dicom-parser throws texts, errors, and objects with the text in `exception`. */
function reasonOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  if (typeof error === 'object' && error !== null && 'exception' in error) return reasonOf(error.exception);
  return String(error).replace(/^dicomParser\.\w+: /, '');
}

function inflate(file: Uint8Array, position: number): Uint8Array {
  const dataset = inflateRawSync(file.subarray(position), { maxOutputLength: MOST_INFLATED_BYTES });
  return Buffer.concat([file.subarray(0, position), dataset]);
}

/** Old files begin with the File Meta Information, or with the dataset itself in whatever encoding. */
export function withPart10Header(bytes: Uint8Array): { file: Uint8Array; transferSyntaxUid?: string } {
  if (hasPrefix(bytes)) return { file: bytes };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 16) throw new NotDicom('this is no DICOM file');
  if (view.getUint16(0, true) === 0x0002 && isExplicit(bytes)) {
    const prefix = Buffer.alloc(PREAMBLE_BYTES + 4);
    prefix.write('DICM', PREAMBLE_BYTES, 'latin1');
    return { file: Buffer.concat([prefix, bytes]) };
  }
  if (view.getUint16(0, true) === 0x0008 && view.getUint16(2, true) <= 0x0018) {
    const uid = isExplicit(bytes) ? TRANSFER_SYNTAX.explicitLittleEndian : TRANSFER_SYNTAX.implicitLittleEndian;
    return { file: bytes, transferSyntaxUid: uid };
  }
  if (view.getUint16(0, false) === 0x0008 && view.getUint16(2, false) <= 0x0018 && isExplicit(bytes)) {
    return { file: bytes, transferSyntaxUid: TRANSFER_SYNTAX.explicitBigEndian };
  }
  throw new NotDicom('this is no DICOM file');
}

function hasPrefix(bytes: Uint8Array): boolean {
  return 'DICM' === String.fromCharCode(...bytes.subarray(PREAMBLE_BYTES, PREAMBLE_BYTES + 4));
}

function isExplicit(bytes: Uint8Array): boolean {
  return /^[A-Z]{2}$/.test(String.fromCharCode(bytes[4]!, bytes[5]!));
}
