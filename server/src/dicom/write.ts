import { deflateRawSync } from 'node:zlib';
import dcmjs, { type Elements, type WriteStream } from 'dcmjs';
import type { RawElement, Tag } from './dataset.ts';
import { TRANSFER_SYNTAX } from './transfer-syntax.ts';
import { derivedUid } from './uid.ts';
import { headerBytes, paddingByte } from './vr.ts';
import { checkWritable, UnwritableDataset } from './writable.ts';

const { DicomDict, DicomMessage, DicomMetaDictionary, WriteBufferStream } = dcmjs.data;

const IMPLEMENTATION_CLASS_UID = derivedUid('hepar', 'implementation');
const IMPLEMENTATION_VERSION_NAME = 'HEPAR_1';
/** Of the buffers that a dataset is written into one after the other. */
const BUFFER_BYTES = 65_536;
/** Item, Item Delimitation Item and Sequence Delimitation Item (PS3.5 section 7.5). */
const ITEM: Tag = 'fffee000';
const ITEM_END: Tag = 'fffee00d';
const SEQUENCE_END: Tag = 'fffee0dd';
const UNDEFINED_LENGTH = 0xffffffff;
/** Of zlib's nine: masks are mostly runs of one value, which the first packs as well as the last. */
const DEFLATE_LEVEL = 3;

/** A dataset by attribute keywords (PS3.6); sequences are arrays of such datasets, person names `{Alphabetic}`. */
export type KeywordDataset = object & { readonly SOPClassUID: string; readonly SOPInstanceUID: string };

/**
 * Writes a DICOM file: Part 10, explicit VR little endian unless it is to be deflated. The same input gives the same bytes.
 *
 * @param dataset its text must be ASCII, so that it holds under any Specific Character Set
 * @param raw elements that go in byte for byte as they are: attributes copied from a source, and pixel data. They take
 * the place of the dataset's own. An odd length is padded.
 * @param deflated in the Deflated Explicit VR Little Endian transfer syntax (PS3.5 section A.5)
 * @throws UnwritableDataset
 */
export function writePart10(
  dataset: KeywordDataset,
  { raw = [], deflated = false }: { raw?: readonly RawElement[]; deflated?: boolean } = {},
): Uint8Array {
  checkWritable(dataset);
  const elements = DicomMetaDictionary.denaturalizeDataset({ _meta: {}, ...dataset });
  delete elements._meta;
  const copied = new Map(raw.map((element) => [element.tag.toUpperCase(), element]));
  const tags = [...new Set([...Object.keys(elements), ...copied.keys()])].sort();
  const parts: Uint8Array[] = [];
  let own: Elements = {};
  for (const tag of tags) {
    const element = copied.get(tag);
    if (element) {
      parts.push(encode(own), header(element), element.value, padding(element));
      own = {};
    } else {
      own[tag] = elements[tag]!;
    }
  }
  parts.push(encode(own));
  if (!deflated) return Buffer.concat([metaInformation(dataset, TRANSFER_SYNTAX.explicitLittleEndian), ...parts]);
  const packed = deflateRawSync(Buffer.concat(parts), { level: DEFLATE_LEVEL });
  const padded = packed.length % 2 === 0 ? [packed] : [packed, Uint8Array.of(0)];
  return Buffer.concat([metaInformation(dataset, TRANSFER_SYNTAX.deflated), ...padded]);
}

/** Preamble, prefix and File Meta Information: PS3.10 section 7.1. */
function metaInformation({ SOPClassUID, SOPInstanceUID }: KeywordDataset, transferSyntaxUid: string): Uint8Array {
  const meta = new DicomDict({
    '00020001': { vr: 'OB', Value: [new Uint8Array([0, 1]).buffer] },
    '00020002': { vr: 'UI', Value: [SOPClassUID] },
    '00020003': { vr: 'UI', Value: [SOPInstanceUID] },
    '00020010': { vr: 'UI', Value: [transferSyntaxUid] },
    '00020012': { vr: 'UI', Value: [IMPLEMENTATION_CLASS_UID] },
    '00020013': { vr: 'SH', Value: [IMPLEMENTATION_VERSION_NAME] },
  });
  meta.dict = {};
  return new Uint8Array(meta.write());
}

function encode(elements: Elements): Uint8Array {
  if (Object.keys(elements).length === 0) return new Uint8Array();
  const stream = new WriteBufferStream(BUFFER_BYTES, true);
  writeElements(elements, stream);
  return new Uint8Array(stream.getBuffer());
}

/**
 * Explicit VR little endian, sequences and items of undefined length. Sequences are walked here: dcmjs takes a time for
 * one that grows with the square of its length.
 */
function writeElements(elements: Elements, stream: WriteStream): void {
  for (const tag of Object.keys(elements).sort()) {
    const element = elements[tag]!;
    if (element.vr !== 'SQ') {
      DicomMessage.write({ [tag]: element }, stream, TRANSFER_SYNTAX.explicitLittleEndian, {});
      continue;
    }
    writeTag(tag, stream);
    stream.writeAsciiString('SQ');
    stream.writeUint16(0);
    stream.writeUint32(UNDEFINED_LENGTH);
    for (const item of element.Value as Elements[]) {
      writeTag(ITEM, stream);
      stream.writeUint32(UNDEFINED_LENGTH);
      writeElements(item, stream);
      writeTag(ITEM_END, stream);
      stream.writeUint32(0);
    }
    writeTag(SEQUENCE_END, stream);
    stream.writeUint32(0);
  }
}

function writeTag(tag: Tag, stream: WriteStream): void {
  stream.writeUint16(Number.parseInt(tag.slice(0, 4), 16));
  stream.writeUint16(Number.parseInt(tag.slice(4), 16));
}

function header({ tag, vr, value }: RawElement): Uint8Array {
  const length = value.length + (value.length % 2);
  const bytes = Buffer.alloc(headerBytes(vr));
  const short = bytes.length === 8;
  if (length > (short ? 0xfffe : 0xfffffffe)) {
    throw new UnwritableDataset(`an element of VR ${vr} cannot hold ${length} bytes`);
  }
  bytes.writeUInt16LE(Number.parseInt(tag.slice(0, 4), 16), 0);
  bytes.writeUInt16LE(Number.parseInt(tag.slice(4), 16), 2);
  bytes.write(vr, 4, 'latin1');
  if (short) bytes.writeUInt16LE(length, 6);
  else bytes.writeUInt32LE(length, 8);
  return bytes;
}

function padding({ vr, value }: RawElement): Uint8Array {
  return value.length % 2 === 0 ? new Uint8Array() : Uint8Array.of(paddingByte(vr));
}
