import { LIVER_SEGMENT } from '../findings/measure.ts';
import type { AlgorithmType } from '../findings/schema.ts';
import { Refusal } from '../refusal.ts';
import type { Edited } from './apply.ts';

/** The result that was corrected, as its segmentation says. */
export interface Before {
  /** On the series' grid: segment numbers, 0 background. */
  readonly labels: Uint16Array;
  readonly segments: readonly {
    readonly number: number;
    readonly trackingUid: string | null;
    readonly algorithmType: AlgorithmType;
  }[];
}

/** What has become of a segment. */
export interface Origin {
  /** Of the lesion of the corrected result that it goes on; null for a new one. */
  readonly trackingUid: string | null;
  readonly algorithmType: AlgorithmType;
  /** Whether it has exactly the voxels that it had. */
  readonly isUntouched: boolean;
}

export interface Comparison {
  readonly liver: Origin;
  /** By the edited map's lesions; null for those without a voxel. */
  readonly lesions: readonly (Origin | null)[];
}

/**
 * Finds out which segments a person changed, by their voxels: what the viewer says of a lesion's identity counts only where
 * the lesion has a voxel in common with the one that it is said to be. Lesions that nobody named, and that have the very
 * voxels of one that was there, are that one.
 * @throws Refusal 'nothing-changed' when every segment has the voxels that it had
 */
export function compareWith(before: Before, edited: Edited): Comparison {
  const { labels } = edited.segments;
  const counts = countPairs(labels, before.labels);
  const isSame = (after: number, was: number) => {
    const common = counts.pair(after, was);
    return common > 0 && common === counts.after(after) && common === counts.before(was);
  };
  const liverBefore = before.segments.find(({ number }) => number === LIVER_SEGMENT);
  const others = before.segments.filter(({ number }) => number !== LIVER_SEGMENT);
  const claimed = new Set(edited.lesions.map(({ trackingUid }) => trackingUid));

  const lesions = edited.lesions.map(({ trackingUid }, n): Origin | null => {
    const label = LIVER_SEGMENT + 1 + n;
    if (counts.after(label) === 0) return null;
    const named = others.find((other) => trackingUid !== null && other.trackingUid === trackingUid);
    const was =
      named && counts.pair(label, named.number) > 0
        ? named
        : others.find((other) => !claimed.has(other.trackingUid) && isSame(label, other.number));
    if (was) {
      const isUntouched = isSame(label, was.number);
      return { trackingUid: was.trackingUid, algorithmType: drawnBy(was.algorithmType, isUntouched), isUntouched };
    }
    const hasModelsVoxels = others.some(
      ({ number, algorithmType }) => algorithmType !== 'manual' && counts.pair(label, number) > 0,
    );
    return { trackingUid: null, algorithmType: hasModelsVoxels ? 'semiautomatic' : 'manual', isUntouched: false };
  });
  const liverIsUntouched =
    counts.after(LIVER_SEGMENT) === counts.before(LIVER_SEGMENT) &&
    counts.pair(LIVER_SEGMENT, LIVER_SEGMENT) === counts.after(LIVER_SEGMENT);
  const kept = lesions.filter((lesion) => lesion?.isUntouched).length;
  const there = others.filter(({ number }) => counts.before(number) > 0).length;
  if (liverIsUntouched && kept === there && lesions.every((lesion) => lesion === null || lesion.isUntouched)) {
    throw new Refusal(
      'nothing-changed',
      'The result is what it was: nothing was changed, or only erased within the liver, where holes are filled again.',
    );
  }
  const liverType = liverBefore?.algorithmType ?? 'manual';
  return {
    liver: { trackingUid: null, algorithmType: drawnBy(liverType, liverIsUntouched), isUntouched: liverIsUntouched },
    lesions,
  };
}

/** A person's hand makes what a model drew semiautomatic; what a person drew stays a person's. */
function drawnBy(was: AlgorithmType, isUntouched: boolean): AlgorithmType {
  return isUntouched || was === 'manual' ? was : 'semiautomatic';
}

/** Numbers of voxels by what they are and what they were, counted run by run. */
function countPairs(after: Uint16Array, before: Uint16Array) {
  const pairs = new Map<number, number>();
  const [afters, befores] = [new Map<number, number>(), new Map<number, number>()];
  const key = (is: number, was: number) => is * 65_536 + was;
  for (let start = 0; start < after.length; ) {
    const [is, was] = [after[start]!, before[start]!];
    let end = start + 1;
    while (end < after.length && after[end] === is && before[end] === was) end++;
    pairs.set(key(is, was), (pairs.get(key(is, was)) ?? 0) + end - start);
    afters.set(is, (afters.get(is) ?? 0) + end - start);
    befores.set(was, (befores.get(was) ?? 0) + end - start);
    start = end;
  }
  return {
    pair: (is: number, was: number) => pairs.get(key(is, was)) ?? 0,
    after: (is: number) => afters.get(is) ?? 0,
    before: (was: number) => befores.get(was) ?? 0,
  };
}
