import type { Vec3 } from '../volume/volume.ts';
import { assign } from './assign.ts';

/** What a match is told by: where a lesion lies, both scans' lesions in the same space, and how large it is. */
export interface MatchLesion {
  readonly centroidMm: Vec3;
  readonly volumeMl: number;
}

/** Lesions, by their index in the two lists, that are one: one and one, several that merged, or the parts of one. */
export interface Group {
  readonly current: readonly number[];
  readonly prior: readonly number[];
}

/** Centroids further apart than this are two lesions, unless one lies within the other. */
export const MATCH_WITHIN_MM = 10;
/** Share of the smaller of two lesions that must lie in the other, for them to be one whatever their centroids say. */
const LEAST_COMMON_SHARE = 0.5;

/**
 * Which lesions of two scans are the same: the pairs with the best total of common volume and nearness, found for all
 * together. A lesion that is left over and lies mostly within the other scan's half of a pair has merged into it, or
 * has split from it; a pair takes on either kind, never both. What is left then is gone, or new.
 * @param overlapMl common volume of lesions [prior index, current index]
 */
export function matchLesions(
  prior: readonly MatchLesion[],
  current: readonly MatchLesion[],
  overlapMl: (prior: number, current: number) => number,
): Group[] {
  const candidates = prior.flatMap((a, p) =>
    current.flatMap((b, c) => {
      const score = similarity(a, b, overlapMl(p, c));
      return score > 0 ? [{ p, c, score }] : [];
    }),
  );
  const pairs = bestPairs(candidates);
  const groups = pairs.map(({ p, c }) => ({ current: [c], prior: [p] }));
  const ofPrior = new Map(groups.map((group) => [group.prior[0]!, group]));
  const ofCurrent = new Map(groups.map((group) => [group.current[0]!, group]));

  const parts = candidates
    .map(({ p, c }) => ({ p, c, commonMl: overlapMl(p, c) }))
    .filter(({ commonMl }) => commonMl > 0)
    .sort((a, b) => b.commonMl - a.commonMl || a.p - b.p || a.c - b.c);
  for (const { p, c, commonMl } of parts) {
    if (!ofPrior.has(p) && commonMl >= LEAST_COMMON_SHARE * prior[p]!.volumeMl) {
      const group = ofCurrent.get(c);
      if (group === undefined || group.current.length > 1) continue;
      group.prior.push(p);
      ofPrior.set(p, group);
    } else if (!ofCurrent.has(c) && commonMl >= LEAST_COMMON_SHARE * current[c]!.volumeMl) {
      const group = ofPrior.get(p);
      if (group === undefined || group.prior.length > 1) continue;
      group.current.push(c);
      ofCurrent.set(c, group);
    }
  }
  for (const [c] of current.entries()) if (!ofCurrent.has(c)) groups.push({ current: [c], prior: [] });
  for (const [p] of prior.entries()) if (!ofPrior.has(p)) groups.push({ current: [], prior: [p] });
  return groups
    .map((group) => ({ current: ascending(group.current), prior: ascending(group.prior) }))
    .sort((a, b) => first(a.current) - first(b.current) || first(a.prior) - first(b.prior));
}

interface Candidate {
  readonly p: number;
  readonly c: number;
  readonly score: number;
}

/** 0 for two lesions that cannot be one; else up to 2: the common share of the smaller, and how near the centroids are. */
function similarity(a: MatchLesion, b: MatchLesion, commonMl: number): number {
  const distanceMm = Math.hypot(...a.centroidMm.map((mm, axis) => mm - b.centroidMm[axis]!));
  const share = Math.min(1, commonMl / Math.min(a.volumeMl, b.volumeMl));
  if (distanceMm > MATCH_WITHIN_MM && share < LEAST_COMMON_SHARE) return 0;
  return share + Math.max(0, 1 - (distanceMm / MATCH_WITHIN_MM) ** 2);
}

/** Pairs that share no lesion, directly or through others, are decided apart: most such clusters are a lesion or two. */
function bestPairs(candidates: readonly Candidate[]): Candidate[] {
  return clusters(candidates).flatMap((cluster) => {
    const ps = ascending([...new Set(cluster.map(({ p }) => p))]);
    const cs = ascending([...new Set(cluster.map(({ c }) => c))]);
    const known = new Map(cluster.map((each) => [`${each.p} ${each.c}`, each]));
    const scores = ps.map((p) => cs.map((c) => known.get(`${p} ${c}`)?.score ?? 0));
    return assign(scores).flatMap((column, row) => (column === null ? [] : [known.get(`${ps[row]} ${cs[column]}`)!]));
  });
}

function clusters(candidates: readonly Candidate[]): Candidate[][] {
  const clusterOf = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    const [into = [], other = []] = new Set(
      [clusterOf.get(`p${candidate.p}`), clusterOf.get(`c${candidate.c}`)].filter((each) => each !== undefined),
    );
    into.push(candidate, ...other);
    for (const { p, c } of into) {
      clusterOf.set(`p${p}`, into);
      clusterOf.set(`c${c}`, into);
    }
  }
  return [...new Set(clusterOf.values())];
}

const ascending = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);
const first = (indices: readonly number[]) => indices[0] ?? Number.MAX_SAFE_INTEGER;
