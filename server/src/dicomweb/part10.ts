import { DicomError } from '../dicom/errors.ts';
import { parseHeader } from '../dicom/header.ts';

const MEDIA_STORAGE_SOP_INSTANCE_UID = '00020003';

/**
 * Media Storage SOP Instance UID (0002,0003) of a DICOM file, from its File Meta Information (PS3.10 section 7.1);
 * null when the bytes are no such file.
 */
export function sopInstanceUidOf(file: Uint8Array): string | null {
  try {
    return parseHeader(file, MEDIA_STORAGE_SOP_INSTANCE_UID).text(MEDIA_STORAGE_SOP_INSTANCE_UID);
  } catch (error) {
    if (error instanceof DicomError) return null;
    throw error;
  }
}
