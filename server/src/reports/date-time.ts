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

/** When an object of ours was made: the inverse, by its Content Date and Time. null when it does not say. */
export function objectTime(dataset: Dataset): Date | null {
  const date = /^(\d{4})(\d\d)(\d\d)$/.exec(dataset.text('00080023') ?? '');
  const time = /^(\d\d)(\d\d)(\d\d)/.exec(dataset.text('00080033') ?? '');
  if (!date || !time) return null;
  const offset = /^([+-]\d\d)(\d\d)$/.exec(dataset.text('00080201')?.trim() ?? '');
  // Without an offset a date with a time is read in this machine's zone, as it was written.
  const zone = offset ? `${offset[1]}:${offset[2]}` : '';
  const at = new Date(`${date.slice(1).join('-')}T${time.slice(1).join(':')}${zone}`);
  return Number.isNaN(at.getTime()) ? null : at;
}
