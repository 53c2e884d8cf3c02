import { derivedUid } from '../dicom/uid.ts';

/** The kinds of objects that a run can make; each is a series of its own. */
export const OBJECT_KINDS = ['seg', 'sr', 'capture', 'liver-seg', 'probability', 'mask', 'rtstruct', 'review'] as const;
export type ObjectKind = (typeof OBJECT_KINDS)[number];

export interface ObjectUids {
  readonly seriesInstanceUID: string;
  readonly sopInstanceUID: string;
}

/** The UIDs of a run's object: the same run always names the same object. @param number of the instance, from 1 */
export function objectUids(runId: string, kind: ObjectKind, number = 1): ObjectUids {
  const instance = number === 1 ? [`${kind}-instance`] : [`${kind}-instance`, String(number)];
  return {
    seriesInstanceUID: derivedUid('hepar', runId, `${kind}-series`),
    sopInstanceUID: derivedUid('hepar', runId, ...instance),
  };
}

/** The UID of a model: other weights are another device. @param digest SHA-256, hexadecimal */
export function modelUid(digest: string): string {
  return derivedUid('hepar', 'device', digest);
}
