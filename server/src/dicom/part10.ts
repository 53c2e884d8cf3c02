import { constants, inflateRawSync } from 'node:zlib';
import type { Tag } from './dataset.ts';
import { ElementReader, type Elements, type Encoding, EXPLICIT_LITTLE_ENDIAN } from './elements.ts';
import { CorruptInstance, NotDicom } from './errors.ts';
import { TRANSFER_SYNTAX } from './transfer-syntax.ts';
import { isUid } from './uid.ts';

const PREAMBLE_BYTES = 128;
const PREFIX = 'DICM';
/** A deflated dataset may not unpack to more than this many bytes: a small file must not fill the memory. */
const mostInflated = (fileBytes: number) => Math.min(2 ** 30, 2 ** 26 + 100 * fileBytes);

/** The elements of a DICOM file, and the bytes that they lie in. */
export interface Part10 {
  readonly transferSyntaxUid: string;
  readonly bytes: Uint8Array;
  /** File Meta Information and dataset together. */
  readonly elements: Elements;
}

/**
 * Reads a DICOM file (PS3.10 section 7) in any transfer syntax, also without preamble or File Meta Information.
 * @param untilTag read no further than this attribute; then the file may be cut off behind it
 * @throws NotDicom when the bytes are no DICOM file; CorruptInstance when it is cut off or contradicts itself
 */
export function readPart10(file: Uint8Array, untilTag?: Tag): Part10 {
  const { meta, position } = readMeta(file);
  const transferSyntaxUid = statedTransferSyntax(file, meta) ?? guessedTransferSyntax(file, position);
  if (untilTag?.startsWith('0002')) return { transferSyntaxUid, bytes: file, elements: meta };
  const deflated = transferSyntaxUid === TRANSFER_SYNTAX.deflated;
  const bytes = deflated ? inflated(file, position, untilTag !== undefined) : file;
  const dataset = new ElementReader(bytes, position).dataset(encodingOf(transferSyntaxUid), bytes.length, untilTag);
  return { transferSyntaxUid, bytes, elements: meta.size === 0 ? dataset : new Map([...meta, ...dataset]) };
}

function readMeta(file: Uint8Array): { meta: Elements; position: number } {
  const start = latin(file, PREAMBLE_BYTES, PREFIX.length) === PREFIX ? PREAMBLE_BYTES + PREFIX.length : 0;
  if (start === 0 && !beginsWithElement(file)) throw new NotDicom('this is no DICOM file');
  const reader = new ElementReader(file, start);
  return { meta: reader.fileMeta(), position: reader.position };
}

/** Whether the file begins with File Meta Information, or with an element that stands first in a dataset. */
function beginsWithElement(file: Uint8Array): boolean {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 8) return false;
  if (view.getUint16(0, true) === 0x0002) return isExplicit(file, 0);
  return [true, false].some((little) => view.getUint16(0, little) === 0x0008 && view.getUint16(2, little) <= 0x0018);
}

function statedTransferSyntax(file: Uint8Array, meta: Elements): string | undefined {
  const element = meta.get('00020010');
  const uid = element && latin(file, element.start, element.length).replace(/[\0 ]+$/, '');
  if (uid && !isUid(uid)) throw new CorruptInstance('the Transfer Syntax UID is no UID');
  return uid || undefined;
}

/** The encoding of a dataset whose transfer syntax is not stated, from its first element. */
function guessedTransferSyntax(file: Uint8Array, position: number): string {
  if (!isExplicit(file, position)) return TRANSFER_SYNTAX.implicitLittleEndian;
  const bigEndian = file[position] === 0 && file[position + 1] !== 0;
  return bigEndian ? TRANSFER_SYNTAX.explicitBigEndian : TRANSFER_SYNTAX.explicitLittleEndian;
}

/** All but two transfer syntaxes are explicit little endian; they differ in how the pixels are stored. */
function encodingOf(transferSyntaxUid: string): Encoding {
  return {
    ...EXPLICIT_LITTLE_ENDIAN,
    ...(transferSyntaxUid === TRANSFER_SYNTAX.implicitLittleEndian ? { explicit: false } : {}),
    ...(transferSyntaxUid === TRANSFER_SYNTAX.explicitBigEndian ? { littleEndian: false } : {}),
  };
}

/** Whether the element at `position` states its value representation. */
function isExplicit(file: Uint8Array, position: number): boolean {
  return /^[A-Z]{2}$/.test(latin(file, position + 4, 2));
}

function latin(bytes: Uint8Array, start: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(start, start + Math.min(length, 256)));
}

/** The file with its dataset unpacked (PS3.5 section A.5); `partial` when it may be cut off. */
function inflated(file: Uint8Array, position: number, partial: boolean): Uint8Array {
  try {
    const dataset = inflateRawSync(file.subarray(position), {
      maxOutputLength: mostInflated(file.length),
      ...(partial ? { finishFlush: constants.Z_SYNC_FLUSH } : {}),
    });
    return Buffer.concat([file.subarray(0, position), dataset]);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CorruptInstance(`the deflated dataset cannot be unpacked: ${reason}`);
  }
}
