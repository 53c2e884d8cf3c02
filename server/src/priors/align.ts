import type { Alignment } from '../findings/priors.ts';
import { decimals } from '../findings/rounding.ts';
import { subtract } from '../volume/geometry.ts';
import type { Vec3 } from '../volume/volume.ts';
import { fit, surfaceResiduals } from './fit.ts';
import {
  after,
  IDENTITY,
  inverse,
  moved,
  movingTo,
  type Rigid,
  rotationDegrees,
  shiftedBy,
  turnAbout,
} from './rigid.ts';
import { sampleDistance } from './sample.ts';
import { isInView, type LiverShape } from './shape.ts';

/** Below this overlap, or above this distance, places in the two scans cannot be told to be the same. */
export const LEAST_DICE = 0.85;
export const MOST_SURFACE_DISTANCE_MM = 5;

/** How well one liver lies over the other. */
export interface Fit {
  /** Takes a position of this scan to the same place in the earlier one. */
  readonly toPrior: Rigid;
  readonly liverDice: number;
  readonly surfaceDistanceMm: number;
}

/** A found alignment, or the figures of the best one that was not good enough. */
export interface Aligned extends Fit {
  readonly method: Alignment['method'];
  readonly isGood: boolean;
}

/**
 * Lays the earlier liver over this one. Scans of one frame of reference share their coordinates already, and these are
 * kept where the livers agree; else, and where they do not (another breath, a patient who moved), a rigid motion is
 * sought that brings their surfaces together.
 */
export function align(current: LiverShape, prior: LiverShape, sameFrameOfReference: boolean): Aligned {
  if (sameFrameOfReference) {
    const shared = judge(IDENTITY, current, prior);
    if (isGood(shared)) return { ...shared, method: 'frame-of-reference', isGood: true };
  }
  const candidates = starts(current, prior)
    .map((start) => fit(start, current, prior, 'coarse'))
    .sort((a, b) => a.cost - b.cost)
    .slice(0, FINALISTS)
    .map(({ toPrior }) => fit(toPrior, current, prior, 'fine'))
    .sort((a, b) => a.cost - b.cost);
  const best = judge(candidates[0]!.toPrior, current, prior);
  return { ...best, method: 'liver', isGood: isGood(best) };
}

/** The alignment in the words of findings.json. */
export function describeAlignment(
  { method, toPrior, liverDice, surfaceDistanceMm }: Aligned,
  centreMm: Vec3,
): Alignment {
  const row = (n: 0 | 1 | 2) => [...toPrior.rotation[n].map((c) => decimals(c, 8)), decimals(toPrior.shiftMm[n], 3)];
  return {
    method,
    toPrior: [row(0), row(1), row(2)],
    rotationDegrees: decimals(rotationDegrees(toPrior), 1),
    shiftMm: decimals(Math.hypot(...subtract(moved(toPrior, centreMm), centreMm)), 1),
    liverDice: decimals(liverDice, 3),
    surfaceDistanceMm: decimals(surfaceDistanceMm, 1),
  };
}

const FINALISTS = 3;
const START_TURN_DEGREES = 25;

function isGood({ liverDice, surfaceDistanceMm }: Fit): boolean {
  return liverDice >= LEAST_DICE && surfaceDistanceMm <= MOST_SURFACE_DISTANCE_MM;
}

/**
 * Where the search begins: centre upon centre, top upon top and bottom upon bottom (a scan may cut the liver off), and
 * centre upon centre with the patient turned about each axis.
 */
function starts(current: LiverShape, prior: LiverShape): Rigid[] {
  const centred = movingTo(IDENTITY, current.centroidMm, prior.centroidMm);
  const [currentLow, currentHigh] = heights(current);
  const [priorLow, priorHigh] = heights(prior);
  const lift = prior.centroidMm[2] - current.centroidMm[2];
  const along = (mm: number) => shiftedBy(centred, [0, 0, mm - lift]);
  const turns = [-1, 1].flatMap((sign) =>
    [0, 1, 2].map((axis) => {
      const vector = [0, 0, 0].map((_, n) => (n === axis ? (sign * START_TURN_DEGREES * Math.PI) / 180 : 0));
      return after(turnAbout(prior.centroidMm, vector as unknown as Vec3), centred);
    }),
  );
  return [centred, along(priorHigh - currentHigh), along(priorLow - currentLow), ...turns];
}

/** Lowest and highest z of the surface. */
function heights({ surfaceMm, centroidMm }: LiverShape): [number, number] {
  let [low, high] = [centroidMm[2], centroidMm[2]];
  for (let at = 2; at < surfaceMm.length; at += 3) {
    low = Math.min(low, surfaceMm[at]!);
    high = Math.max(high, surfaceMm[at]!);
  }
  return [low, high];
}

/** Overlap and surface distance, where both scans show the liver. */
function judge(toPrior: Rigid, current: LiverShape, prior: LiverShape): Fit {
  const toCurrent = inverse(toPrior);
  let [inCurrent, inPrior, inBoth] = [0, 0, 0];
  forEachInside(current, (centre) => {
    const there = moved(toPrior, centre);
    if (!isInView(prior.fieldOfView, there)) return;
    inCurrent++;
    if (sampleDistance(prior, there) < 0) inBoth++;
  });
  forEachInside(prior, (centre) => {
    if (isInView(current.fieldOfView, moved(toCurrent, centre))) inPrior++;
  });
  const residuals = surfaceResiduals(toPrior, current, prior);
  const sum = residuals.reduce((total, mm) => total + Math.abs(mm), 0);
  const all = inCurrent + inPrior;
  return {
    toPrior,
    liverDice: all === 0 ? 0 : Math.min(1, (2 * inBoth) / all),
    surfaceDistanceMm: residuals.length === 0 ? Number.POSITIVE_INFINITY : sum / residuals.length,
  };
}

function forEachInside({ grid, distanceMm }: LiverShape, visit: (centreMm: Vec3) => void): void {
  const [nx, ny, nz] = grid.shape;
  const [sx, sy, sz] = grid.spacingMm;
  const [x, y, z] = grid.originMm;
  for (let k = 0, at = 0; k < nz; k++) {
    for (let j = 0; j < ny; j++) {
      for (let i = 0; i < nx; i++, at++) {
        if (distanceMm[at]! < 0) visit([x + i * sx, y + j * sy, z + k * sz]);
      }
    }
  }
}
