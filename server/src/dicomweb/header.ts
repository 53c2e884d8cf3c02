import { CorruptInstance, NotDicom } from '../dicom/errors.ts';
import { parseHeader } from '../dicom/header.ts';

/** SOP class of a DICOMDIR: Media Storage Directory Storage (PS3.4 section I.4). */
export const DICOMDIR = '1.2.840.10008.1.3.10';

/** What a file's header says about its series; null is absent or empty. */
export interface SeriesHeader {
  readonly studyInstanceUid: string | null;
  readonly seriesInstanceUid: string | null;
  readonly sopClassUid: string | null;
  readonly sopInstanceUid: string | null;
  readonly modality: string | null;
  readonly description: string | null;
}

const SERIES_INSTANCE_UID = '0020000e';

/**
 * Reads a file's header as far as its Series Instance UID.
 * @param head the file's first bytes
 * @returns 'not-dicom'; or 'cut-off' when `head` ends before the Series Instance UID, or what stands before it is corrupt
 */
export function readSeriesHeader(head: Uint8Array): SeriesHeader | 'not-dicom' | 'cut-off' {
  try {
    const header = parseHeader(head, SERIES_INSTANCE_UID);
    return {
      studyInstanceUid: header.text('0020000d'),
      seriesInstanceUid: header.text(SERIES_INSTANCE_UID),
      sopClassUid: header.text('00020002') ?? header.text('00080016'),
      sopInstanceUid: header.text('00080018'),
      modality: header.text('00080060'),
      description: header.text('0008103e'),
    };
  } catch (error) {
    if (error instanceof NotDicom) return 'not-dicom';
    if (error instanceof CorruptInstance) return 'cut-off';
    throw error;
  }
}
