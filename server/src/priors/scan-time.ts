import type { Dataset, Tag } from '../dicom/dataset.ts';

/** When a scan was made, by the clock of its place. */
export interface ScanTime {
  /** Milliseconds since 1970, as if the place were at UTC. */
  readonly ms: number;
  /** Whether the time of day is known; else `ms` is the day's beginning. */
  readonly hasTime: boolean;
}

const DAY_MS = 86_400_000;
/** No CT is older. */
const FIRST_CT = Date.UTC(1971, 0, 1);

/** Dates with their times of day, from what says most directly when the images were taken (PS3.3 C.7.6.1, C.7.3.1, C.7.2.1). */
const PAIRS: readonly (readonly [date: Tag, time: Tag])[] = [
  ['00080022', '00080032'], // Acquisition
  ['00080023', '00080033'], // Content
  ['00080021', '00080031'], // Series
  ['00080020', '00080030'], // Study
];
/** Acquisition DateTime */
const DATE_TIME = '0008002a';

/**
 * When the images were taken: the first date that is one. What is no day of the calendar, lies before there was CT or
 * after tomorrow is passed over.
 * @returns null when there is none
 */
export function scanTime(header: Dataset, now: number = Date.now()): ScanTime | null {
  return firstTime(header, PAIRS, now);
}

/** When the study began: of an object that copies its source's study, and not its images' dates. */
export function studyTime(header: Dataset, now: number = Date.now()): ScanTime | null {
  return firstTime(header, PAIRS.slice(-1), now);
}

function firstTime(header: Dataset, pairs: typeof PAIRS, now: number): ScanTime | null {
  const both = /^(\d{8})(\d*)/.exec((pairs === PAIRS && header.text(DATE_TIME)?.trim()) || '');
  const stated = [
    [both?.[1], both?.[2]],
    ...pairs.map(([date, time]) => [header.text(date)?.trim(), header.text(time)?.trim()]),
  ] as const;
  for (const [date, time] of stated) {
    const day = dayOf(date ?? '');
    if (day === null || day < FIRST_CT || day > now + DAY_MS) continue;
    const sinceMidnight = timeOf(time ?? '');
    return { ms: day + (sinceMidnight ?? 0), hasTime: sinceMidnight !== null };
  }
  return null;
}

/** Days from one scan to the other, negative when it was earlier: to a tenth, or whole where a time of day is missing. */
export function daysBetween(from: ScanTime, to: ScanTime): number {
  if (from.hasTime && to.hasTime) return Math.round(((to.ms - from.ms) / DAY_MS) * 10) / 10 + 0;
  return Math.floor(to.ms / DAY_MS) - Math.floor(from.ms / DAY_MS);
}

/** A date (VR DA, and the form with dots of ACR-NEMA 2.0). */
function dayOf(text: string): number | null {
  const parts = /^(\d{4})\.?(\d\d)\.?(\d\d)$/.exec(text);
  if (!parts) return null;
  const [year, month, day] = parts.slice(1).map(Number) as [number, number, number];
  const ms = Date.UTC(year, month - 1, day);
  const date = new Date(ms);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? ms : null;
}

/** Milliseconds since midnight (VR TM: HHMMSS.F, or only its beginning, with colons in ACR-NEMA 2.0). */
function timeOf(text: string): number | null {
  const parts = /^(\d\d):?(\d\d)?:?(\d\d)?/.exec(text);
  if (!parts) return null;
  const [hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map((part) => Number(part ?? 0));
  return hours < 24 && minutes < 60 && seconds < 61 ? ((hours * 60 + minutes) * 60 + seconds) * 1000 : null;
}
