import { constants, inflateRawSync } from 'node:zlib';
import dicomParser from 'dicom-parser';
import { isPart10 } from './part10.ts';

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

const SERIES_INSTANCE_UID = 'x0020000e';
const LONGEST_INFLATED_BYTES = 64 * 1024 ** 2;

/**
 * Reads a DICOM file's header as far as its Series Instance UID, in any transfer syntax, with or without File Meta Information.
 * @param head the file's first bytes
 * @returns 'not-dicom'; or 'cut-off' when `head` ends before the Series Instance UID, or what stands before it is corrupt
 */
export function readSeriesHeader(head: Uint8Array): SeriesHeader | 'not-dicom' | 'cut-off' {
  const bare = isPart10(head) ? null : transferSyntaxOfBareDataset(head);
  if (bare === 'none') return 'not-dicom';
  try {
    const dataset = dicomParser.parseDicom(head, {
      untilTag: SERIES_INSTANCE_UID,
      inflater: inflateWhatIsThere,
      ...(bare === null ? {} : { TransferSyntaxUID: bare }),
    });
    const text = (tag: string): string | null => dataset.string(tag)?.trim() || null;
    return {
      studyInstanceUid: text('x0020000d'),
      seriesInstanceUid: text(SERIES_INSTANCE_UID),
      sopClassUid: text('x00020002') ?? text('x00080016'),
      sopInstanceUid: text('x00080018'),
      modality: text('x00080060'),
      description: text('x0008103e'),
    };
  } catch {
    return 'cut-off';
  }
}

/**
 * Old software writes datasets without preamble and File Meta Information. They begin with group 0008,
 * explicit VR (two capital letters after the tag) or implicit.
 */
function transferSyntaxOfBareDataset(head: Uint8Array): string | 'none' {
  if (head.length < 12) return 'none';
  const [b0, b1, b2, b3] = head;
  const explicit = /^[A-Z]{2}$/.test(String.fromCharCode(head[4] as number, head[5] as number));
  const little = b0 === 0x08 && b1 === 0 && b3 === 0;
  const big = b0 === 0 && b1 === 0x08 && b2 === 0;
  if (explicit) return little ? '1.2.840.10008.1.2.1' : big ? '1.2.840.10008.1.2.2' : 'none';
  // An implicit element's length: the first one is never long.
  return little && head[6] === 0 && head[7] === 0 ? '1.2.840.10008.1.2' : 'none';
}

/** For the deflated transfer syntax: the File Meta Information as it is, then as much of the dataset as `head` holds. */
function inflateWhatIsThere(head: Uint8Array, position: number): Uint8Array {
  const dataset = inflateRawSync(head.subarray(position), {
    finishFlush: constants.Z_SYNC_FLUSH,
    maxOutputLength: LONGEST_INFLATED_BYTES,
  });
  return new Uint8Array(Buffer.concat([head.subarray(0, position), dataset]));
}
