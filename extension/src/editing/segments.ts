import type { FindingsDocument } from '../../../server/src/findings/schema.ts';

/** Segment 1 of every result. */
export const LIVER_SEGMENT = 1;

/** A segment as the viewer's editor has it. */
export interface ViewerSegment {
  readonly segment: number;
  readonly label: string;
}

/** What is being edited, in terms of the findings. */
export interface EditedSegment extends ViewerSegment {
  readonly kind: 'liver' | 'lesion';
  /** Of the lesion of the findings that this is; null for a new one, and for the liver. */
  readonly trackingUid: string | null;
}

/**
 * Tells which lesion of the findings each segment still is. The editor gives the number of a deleted segment to the next
 * new one, which must not take over the deleted one's identity: after a deletion only the old label, which an undone
 * deletion brings back, speaks for it.
 *
 * @param deleted segments that were gone at some time since the editing began
 */
export function editedSegments(
  segments: readonly ViewerSegment[],
  findings: FindingsDocument,
  original: ReadonlyMap<number, string>,
  deleted: ReadonlySet<number>,
): EditedSegment[] {
  return segments.map(({ segment, label }) => {
    const lesion = findings.lesions.find(({ segmentNumber }) => segmentNumber === segment);
    const isAnother = deleted.has(segment) && original.get(segment) !== label;
    return {
      segment,
      label,
      kind: segment === LIVER_SEGMENT ? 'liver' : 'lesion',
      trackingUid: lesion && !isAnother ? lesion.trackingUid : null,
    };
  });
}

/** A number that no segment has, or had since the editing began. */
export function freeSegment(segments: readonly ViewerSegment[], original: ReadonlyMap<number, string>): number {
  return Math.max(LIVER_SEGMENT, ...original.keys(), ...segments.map(({ segment }) => segment)) + 1;
}
