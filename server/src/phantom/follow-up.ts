import { createAnatomy } from './anatomy.ts';
import type { LesionRequest } from './lesions.ts';
import { makeRandom, type Random } from './random.ts';

/** What becomes of a phantom's lesions from one scan to the next, by their numbers in each. */
export interface PlannedChange {
  readonly change: 'new' | 'gone' | 'grown' | 'shrunk' | 'stable' | 'merged' | 'split';
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** The lesions of one patient at two times: `makePhantomSeries({ seed, lesions: before })`, and the same with `after`. */
export interface FollowUp {
  readonly seed: number;
  readonly before: readonly LesionRequest[];
  readonly after: readonly LesionRequest[];
  readonly changes: readonly PlannedChange[];
}

interface Plan {
  readonly change: PlannedChange['change'];
  /** Diameters then and now; null where there is no lesion. One for each of the lesions that merge or split. */
  readonly diametersMm: readonly (readonly [before: number | null, after: number | null])[];
}

/** Between the surfaces of two lesions while they are apart: more than a coarse voxel's diagonal. */
const APART_MM = 9;
/** By how much their diameters grow to merge: they overlap by as much as they were apart, and no neck is too thin. */
const MERGING_MM = 20;

/** Two to eight lesions that all change in a known way. The same seed gives the same. @throws NoRoomError */
export function planFollowUp(seed: number): FollowUp {
  const random = makeRandom(seed, 'follow-up');
  const plans = choosePlans(random);
  // Placed at their largest, so that none meets another at either time unless it is meant to.
  const requests: LesionRequest[] = [];
  for (const { diametersMm } of plans) {
    const first = requests.length + 1;
    for (const [n, [before, after]] of diametersMm.entries()) {
      const [firstBefore, firstAfter] = diametersMm[0]!;
      const diameterMm = Math.max(before ?? 0, after ?? 0);
      // The distance of the centres is that of the smaller spheres, APART_MM apart.
      const smaller = (Math.min(firstBefore ?? 0, firstAfter ?? 0) + Math.min(before ?? 0, after ?? 0)) / 2;
      const larger = (Math.max(firstBefore ?? 0, firstAfter ?? 0) + diameterMm) / 2;
      requests.push({
        diameterMm,
        elongation: diametersMm.length > 1 ? 1 : random.between(1, 1.25),
        ...(n > 0 ? { touching: first, gapMm: smaller + APART_MM - larger } : {}),
      });
    }
  }
  const placed = createAnatomy(seed, requests).lesions;
  const before: LesionRequest[] = [];
  const after: LesionRequest[] = [];
  const changes: PlannedChange[] = [];
  let at = 0;
  for (const { change, diametersMm } of plans) {
    const numbers = { before: [] as number[], after: [] as number[] };
    for (const [then, now] of diametersMm) {
      const { centreMm, axis } = placed[at]!;
      const { elongation = 1 } = requests[at++]!;
      const make = (diameterMm: number) => ({ diameterMm, centreMm, axis, elongation });
      if (then !== null) numbers.before.push(before.push(make(then)));
      if (now !== null) numbers.after.push(after.push(make(now)));
    }
    changes.push({ change, ...numbers });
  }
  return { seed, before, after, changes };
}

function choosePlans(random: Random): Plan[] {
  const diameter = (low: number, high: number) => Math.round(random.between(low, high) * 10) / 10;
  const times = (mm: number, low: number, high: number) => Math.round(mm * random.between(low, high) * 10) / 10;
  const pair = (): [number, number] => [diameter(12, 16), diameter(10, 14)];
  const one = (change: Plan['change'], before: number | null, after: number | null): Plan => ({
    change,
    diametersMm: [[before, after]],
  });
  const plans: Plan[] = [];
  const joined = random.between(0, 1);
  if (joined < 0.4) plans.push({ change: 'merged', diametersMm: pair().map((mm) => [mm, mm + MERGING_MM] as const) });
  else if (joined < 0.8)
    plans.push({ change: 'split', diametersMm: pair().map((mm) => [mm + MERGING_MM, mm] as const) });
  const grown = diameter(10, 20);
  const shrunk = diameter(16, 28);
  const stable = [diameter(12, 24), diameter(10, 16)] as const;
  plans.push(one('grown', grown, times(grown, 1.25, 1.6)), one('stable', stable[0], stable[0]));
  if (random.chance(0.6)) plans.push(one('shrunk', shrunk, times(shrunk, 0.6, 0.8)));
  if (random.chance(0.6)) plans.push(one('gone', diameter(10, 18), null));
  if (random.chance(0.6)) plans.push(one('new', null, diameter(10, 18)));
  if (random.chance(0.4)) plans.push(one('stable', stable[1], stable[1]));
  return plans;
}
