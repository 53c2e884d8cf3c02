const PREAMBLE_BYTES = 128;
const LONG_FORM = new Set(['OB', 'OW', 'OD', 'OF', 'OL', 'OV', 'SQ', 'UC', 'UN', 'UR', 'UT', 'SV', 'UV']);
const MEDIA_STORAGE_SOP_INSTANCE_UID = 0x0003;

/** Whether the bytes begin as a DICOM file does: a preamble of 128 bytes and 'DICM' (PS3.10 section 7.1). */
export function isPart10(bytes: Uint8Array): boolean {
  return (
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
      'latin1',
      PREAMBLE_BYTES,
      PREAMBLE_BYTES + 4,
    ) === 'DICM'
  );
}

/**
 * Media Storage SOP Instance UID (0002,0003) of a DICOM file, from its File Meta Information, which is always
 * explicit VR little endian (PS3.10 section 7.1); null when the bytes are no such file.
 */
export function sopInstanceUidOf(file: Uint8Array): string | null {
  if (!isPart10(file)) return null;
  const view = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  let at = PREAMBLE_BYTES + 4;
  while (at + 8 <= view.length && view.readUInt16LE(at) === 0x0002) {
    const element = view.readUInt16LE(at + 2);
    const long = LONG_FORM.has(view.toString('latin1', at + 4, at + 6));
    if (long && at + 12 > view.length) return null;
    const length = long ? view.readUInt32LE(at + 8) : view.readUInt16LE(at + 6);
    const value = at + (long ? 12 : 8);
    if (value + length > view.length) return null;
    if (element === MEDIA_STORAGE_SOP_INSTANCE_UID) {
      return view.toString('latin1', value, value + length).replace(/[\0 ]+$/, '') || null;
    }
    at = value + length;
  }
  return null;
}
