/** Writes DICOM elements byte by byte in any encoding: for tests of the reader, and independent of our writer. */
export interface Encoding {
  readonly explicit: boolean;
  readonly littleEndian: boolean;
}

export const IMPLICIT: Encoding = { explicit: false, littleEndian: true };
export const EXPLICIT: Encoding = { explicit: true, littleEndian: true };
export const BIG_ENDIAN: Encoding = { explicit: true, littleEndian: false };

const UNDEFINED_LENGTH = 0xffffffff;
const LONG_FORM = ['OB', 'OW', 'OV', 'SQ', 'SV', 'UC', 'UN', 'UT', 'UV'];

export type Value = Uint8Array | string | readonly number[] | { readonly items: readonly (readonly Attribute[])[] };
export type Attribute = readonly [tag: string, vr: string, value: Value];

/** @param lengths whether sequences and items state their length or end with delimiters */
export function encodeDataset(
  attributes: readonly Attribute[],
  encoding: Encoding,
  lengths: 'known' | 'undefined' = 'known',
): Buffer {
  return Buffer.concat(
    attributes.map(([tag, vr, value]) => {
      if (typeof value === 'object' && 'items' in value) {
        const items = value.items.map((item) => itemOf(encodeDataset(item, encoding, lengths), encoding, lengths));
        const body = Buffer.concat(items);
        if (lengths === 'known') return Buffer.concat([header(tag, vr, body.length, encoding), body]);
        return Buffer.concat([header(tag, vr, UNDEFINED_LENGTH, encoding), body, marker('fffee0dd', 0, encoding)]);
      }
      const body = bytesOf(vr, value, encoding);
      return Buffer.concat([header(tag, vr, body.length, encoding), body]);
    }),
  );
}

/** Encapsulated Pixel Data: PS3.5 section A.4. */
export function encodeFragments(fragments: readonly Uint8Array[], offsets: readonly number[] = []): Buffer {
  const table = Buffer.from(Uint32Array.from(offsets).buffer);
  const items = [table, ...fragments].flatMap((item) => {
    const even = item.length % 2 === 0 ? item : Buffer.concat([item, Buffer.alloc(1)]);
    return [marker('fffee000', even.length, EXPLICIT), even];
  });
  return Buffer.concat([
    header('7fe00010', 'OB', UNDEFINED_LENGTH, EXPLICIT),
    ...items,
    marker('fffee0dd', 0, EXPLICIT),
  ]);
}

/** Preamble, prefix and File Meta Information before a dataset. */
export function part10(transferSyntaxUid: string, dataset: Uint8Array): Buffer {
  const preamble = Buffer.alloc(132);
  preamble.write('DICM', 128, 'latin1');
  return Buffer.concat([preamble, fileMeta(transferSyntaxUid), dataset]);
}

export function fileMeta(transferSyntaxUid: string): Buffer {
  return encodeDataset(
    [
      ['00020001', 'OB', Uint8Array.of(0, 1)],
      ['00020002', 'UI', '1.2.840.10008.5.1.4.1.1.2'],
      ['00020003', 'UI', '2.25.1'],
      ['00020010', 'UI', transferSyntaxUid],
    ],
    EXPLICIT,
  );
}

function itemOf(body: Buffer, encoding: Encoding, lengths: 'known' | 'undefined'): Buffer {
  if (lengths === 'known') return Buffer.concat([marker('fffee000', body.length, encoding), body]);
  return Buffer.concat([marker('fffee000', UNDEFINED_LENGTH, encoding), body, marker('fffee00d', 0, encoding)]);
}

function header(tag: string, vr: string, length: number, encoding: Encoding): Buffer {
  if (!encoding.explicit) return marker(tag, length, encoding);
  const bytes = Buffer.alloc(LONG_FORM.includes(vr) ? 12 : 8);
  bytes.set(marker(tag, 0, encoding).subarray(0, 4));
  bytes.write(vr, 4, 'latin1');
  if (bytes.length === 12) writeUInt32(bytes, length, 8, encoding);
  else writeUInt16(bytes, length, 6, encoding);
  return bytes;
}

/** Tag and 32-bit length, as implicit elements and items begin. */
function marker(tag: string, length: number, encoding: Encoding): Buffer {
  const bytes = Buffer.alloc(8);
  writeUInt16(bytes, Number.parseInt(tag.slice(0, 4), 16), 0, encoding);
  writeUInt16(bytes, Number.parseInt(tag.slice(4), 16), 2, encoding);
  writeUInt32(bytes, length, 4, encoding);
  return bytes;
}

function bytesOf(
  vr: string,
  value: Exclude<Value, object & { items: unknown }>,
  { littleEndian }: Encoding,
): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') {
    const padding = value.length % 2 === 0 ? '' : vr === 'UI' ? '\0' : ' ';
    return Buffer.from(value + padding, 'latin1');
  }
  const size = { US: 2, SS: 2, OW: 2, UL: 4, FL: 4, FD: 8, UV: 8, SV: 8, OV: 8 }[vr] ?? 1;
  const view = new DataView(new ArrayBuffer((value as readonly number[]).length * size));
  (value as readonly number[]).forEach((number, n) => {
    if (vr === 'FD') view.setFloat64(n * size, number, littleEndian);
    else if (vr === 'FL') view.setFloat32(n * size, number, littleEndian);
    else if (size === 8) view.setBigInt64(n * size, BigInt(number), littleEndian);
    else if (size === 4) view.setUint32(n * size, number, littleEndian);
    else view.setUint16(n * size, number & 0xffff, littleEndian);
  });
  return new Uint8Array(view.buffer);
}

function writeUInt16(bytes: Buffer, value: number, at: number, { littleEndian }: Encoding): void {
  if (littleEndian) bytes.writeUInt16LE(value, at);
  else bytes.writeUInt16BE(value, at);
}

function writeUInt32(bytes: Buffer, value: number, at: number, { littleEndian }: Encoding): void {
  if (littleEndian) bytes.writeUInt32LE(value, at);
  else bytes.writeUInt32BE(value, at);
}
