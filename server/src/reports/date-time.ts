import type { Dataset } from '../dicom/dataset.ts';

/** A date and a time of day as DICOM writes them (VR DA and TM). */
export interface DicomDateTime {
  readonly date: string;
  readonly time: string;
}

/**
 * `at` in the time zone that the object's times are read in: the source's Timezone Offset From UTC, which the object
 * copies, and this machine's zone where the source states none (PS3.3 section C.12.1.1.8).
 */
export function dicomDateTime(at: Date, source: Dataset): DicomDateTime {
  const offset = /^([+-])(\d\d)(\d\d)$/.exec(source.text('00080201')?.trim() ?? '');
  const minutes = offset
    ? (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3]))
    : -at.getTimezoneOffset();
  const shifted = new Date(at.getTime() + minutes * 60_000).toISOString();
  return { date: shifted.slice(0, 10).replaceAll('-', ''), time: shifted.slice(11, 19).replaceAll(':', '') };
}
