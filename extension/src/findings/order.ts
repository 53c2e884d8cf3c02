import type { Lesion } from '../../../server/src/findings/schema.ts';

export const SORT_KEYS = ['number', 'volumeMl', 'longAxisMm', 'meanHu', 'confidence'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface Order {
  readonly key: SortKey;
  readonly ascending: boolean;
}
export const BY_NUMBER: Order = { key: 'number', ascending: true };

/** What a click on a column's head makes of the order: the other way round, or that column with its most telling end first. */
export function reordered(order: Order, key: SortKey): Order {
  if (order.key === key) return { key, ascending: !order.ascending };
  return { key, ascending: key === 'number' || key === 'meanHu' };
}

/** Equal ones stay in the order of their numbers. */
export function ordered(lesions: readonly Lesion[], { key, ascending }: Order): Lesion[] {
  return [...lesions].sort((a, b) => (ascending ? 1 : -1) * ((a[key] ?? 1) - (b[key] ?? 1)) || a.number - b.number);
}

/** The lesions that are listed and drawn: those that the model is sure enough of, and those that a person drew. */
export function confident(lesions: readonly Lesion[], lowestConfidence: number): Lesion[] {
  return lesions.filter(({ confidence }) => confidence === null || confidence >= lowestConfidence);
}

/** The lesion after (1) or before (-1) the selected one in the list as shown, round and round; null where there is none. */
export function neighbour(shown: readonly Lesion[], selected: number | null, step: 1 | -1): Lesion | null {
  if (shown.length === 0) return null;
  const index = shown.findIndex(({ number }) => number === selected);
  if (index < 0) return shown[step === 1 ? 0 : shown.length - 1]!;
  return shown[(index + step + shown.length) % shown.length]!;
}

/** Middle of the long axis: a point on the slice that the diameters were measured on. */
export function jumpTarget({ longAxisEndsMm: [a, b] }: Lesion): readonly [number, number, number] {
  return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2];
}
