import type { Change, LesionChange, PriorLesion } from '../findings/priors.ts';
import { decimals, rounded } from '../findings/rounding.ts';
import type { Lesion } from '../findings/schema.ts';
import type { Vec3 } from '../volume/volume.ts';
import type { Group } from './match.ts';

/** What a change is judged by, beside the lesions themselves. */
export interface ChangeContext {
  readonly intervalDays: number | null;
  /** Whether the scan at the other time shows a place of this scan's space. */
  readonly isInPrior: (positionMm: Vec3) => boolean;
  readonly isInCurrent: (positionMm: Vec3) => boolean;
}

type MeasuredLesion = Pick<Lesion, 'number' | 'volumeMl' | 'longAxisMm' | 'centroidMm'>;

/**
 * Changes of volume beyond these are no accident of measuring, at 95 % confidence and by longest diameter: the claim of
 * QIBA's profile CT Tumor Volume Change (CTV-1) for 10 mm and more, as it is usually quoted (docs/priors.md). It claims
 * nothing below; there a lesion must double.
 */
const LEAST_CHANGE: readonly (readonly [fromMm: number, share: number])[] = [
  [50, 0.24],
  [35, 0.29],
  [10, 0.39],
  [0, 1],
];

/** Growth over a shorter time is within a single scan's uncertainty, however large the figures that follow from it. */
const LEAST_DAYS_FOR_DOUBLING = 7;

/** What became of the lesions of a group. */
export function describeChange(
  group: Group,
  allCurrent: readonly MeasuredLesion[],
  allPrior: readonly PriorLesion[],
  context: ChangeContext,
): LesionChange {
  const current = group.current.map((n) => allCurrent[n]!);
  const prior = group.prior.map((n) => allPrior[n]!);
  const [now, then] = [totalMl(current), totalMl(prior)];
  const change = kindOf(current, prior, context);
  const both = current.length > 0 && prior.length > 0;
  const single = current.length === 1 && prior.length === 1;
  const [axisNow, axisThen] = [current[0]?.longAxisMm ?? 0, prior[0]?.longAxisMm ?? 0];
  return {
    change,
    lesions: current.map(({ number }) => number),
    priors: prior,
    distanceMm: both
      ? decimals(
          distance(
            meanPlace(current.map(({ centroidMm, volumeMl }) => ({ at: centroidMm, volumeMl }))),
            meanPlace(prior.map(({ alignedCentroidMm, volumeMl }) => ({ at: alignedCentroidMm, volumeMl }))),
          ),
          1,
        )
      : null,
    volumeChangeMl: both ? rounded.ml(now - then) : null,
    volumeChangePercent: both ? percentChange(then, now) : null,
    longAxisChangeMm: single ? decimals(axisNow - axisThen, 2) : null,
    longAxisChangePercent: single ? percentChange(axisThen, axisNow) : null,
    doublingTimeDays: change === 'grown' ? doublingTime(then, now, context.intervalDays) : null,
  };
}

/** Change in percent of the earlier value, to a tenth. */
export function percentChange(then: number, now: number): number {
  return decimals(((now - then) / then) * 100, 1);
}

/** Days to double at an exponential rate: interval x ln 2 / ln(now / then). */
function doublingTime(then: number, now: number, days: number | null): number | null {
  if (days === null || days < LEAST_DAYS_FOR_DOUBLING) return null;
  return decimals((days * Math.LN2) / Math.log(now / then), 1);
}

function kindOf(
  current: readonly MeasuredLesion[],
  prior: readonly PriorLesion[],
  { isInPrior, isInCurrent }: ChangeContext,
): Change {
  if (prior.length === 0) return isInPrior(current[0]!.centroidMm) ? 'new' : 'out-of-view';
  if (current.length === 0) return isInCurrent(prior[0]!.alignedCentroidMm) ? 'gone' : 'out-of-view';
  if (prior.length > 1) return 'merged';
  if (current.length > 1) return 'split';
  const longest = Math.max(current[0]!.longAxisMm, prior[0]!.longAxisMm);
  const [, share] = LEAST_CHANGE.find(([fromMm]) => longest >= fromMm)!;
  const ratio = current[0]!.volumeMl / prior[0]!.volumeMl;
  // The same factor up and down, so that what grew would, seen backwards, have shrunk.
  if (ratio > 1 + share) return 'grown';
  return ratio < 1 / (1 + share) ? 'shrunk' : 'stable';
}

const totalMl = (lesions: readonly { volumeMl: number }[]) => lesions.reduce((sum, { volumeMl }) => sum + volumeMl, 0);

function meanPlace(places: readonly { at: Vec3; volumeMl: number }[]): Vec3 {
  const all = totalMl(places);
  const along = (axis: 0 | 1 | 2) => places.reduce((sum, { at, volumeMl }) => sum + at[axis] * volumeMl, 0) / all;
  return [along(0), along(1), along(2)];
}

const distance = (a: Vec3, b: Vec3) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
