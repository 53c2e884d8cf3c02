import dicomParser from 'dicom-parser';

/**
 * Media Storage SOP Instance UID (0002,0003) of a DICOM file, from its File Meta Information (PS3.10 section 7.1);
 * null when the bytes are no such file.
 */
export function sopInstanceUidOf(file: Uint8Array): string | null {
  try {
    return dicomParser.readPart10Header(file).string('x00020003') || null;
  } catch {
    return null;
  }
}
