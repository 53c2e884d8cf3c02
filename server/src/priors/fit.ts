import { cross, scale, subtract } from '../volume/geometry.ts';
import type { Vec3 } from '../volume/volume.ts';
import { after, inverse, moved, type Rigid, shiftedBy, turnAbout, turned } from './rigid.ts';
import { sampleDistance, sampleWithGradient } from './sample.ts';
import { isInView, type LiverShape } from './shape.ts';

/** A motion, and what is left between the surfaces by the robust measure that it was found by (0 to 1). */
export interface Fitted {
  readonly toPrior: Rigid;
  readonly cost: number;
}

/** Scale of the robust measure, mm, from step to step: first the whole liver counts, then ever less what has changed. */
const EFFORTS = {
  coarse: { mostPoints: 400, scalesMm: [30, 30, 20, 20, 15, 15, 12, 12, 10, 10, 8, 8] },
  fine: { mostPoints: 4000, scalesMm: [10, 10, 8, 8, 6, 6, 5, 5, 4, 4, 4, 4] },
} as const;
/** Scale by which results are compared, and the share of the surface that must lie in both scans. */
const COST_SCALE_MM = 8;
const LEAST_COMMON_SURFACE = 0.4;
/** Keeps the normal equations solvable where a surface says nothing of a motion, as along a cylinder. */
const DAMPING = 1e-6;

/**
 * Improves a motion by Gauss and Newton's method on the distances from each surface to the other, with the weights of
 * Geman and McClure: what lies far off (a resected segment, an error of a segmentation) hardly pulls.
 */
export function fit(start: Rigid, current: LiverShape, prior: LiverShape, effort: keyof typeof EFFORTS): Fitted {
  const { mostPoints, scalesMm } = EFFORTS[effort];
  let toPrior = start;
  for (const scaleMm of scalesMm) {
    const step = newtonStep(toPrior, current, prior, mostPoints, scaleMm);
    if (step === null) break;
    const centre = prior.centroidMm;
    toPrior = shiftedBy(after(turnAbout(centre, step.turn), toPrior), step.shift);
  }
  return { toPrior, cost: robustCost(toPrior, current, prior, mostPoints) };
}

/** Distance from each surface to the other, mm, where both scans show it. */
export function surfaceResiduals(
  toPrior: Rigid,
  current: LiverShape,
  prior: LiverShape,
  mostPoints: number = Number.POSITIVE_INFINITY,
): number[] {
  const residuals: number[] = [];
  forEachSurfacePoint(current, mostPoints, (point, own) => {
    const there = moved(toPrior, point);
    if (isInView(prior.fieldOfView, there)) residuals.push(sampleDistance(prior, there) - own);
  });
  const toCurrent = inverse(toPrior);
  forEachSurfacePoint(prior, mostPoints, (point, own) => {
    const there = moved(toCurrent, point);
    if (isInView(current.fieldOfView, there)) residuals.push(sampleDistance(current, there) - own);
  });
  return residuals;
}

function robustCost(toPrior: Rigid, current: LiverShape, prior: LiverShape, mostPoints: number): number {
  const residuals = surfaceResiduals(toPrior, current, prior, mostPoints);
  const points = (shape: LiverShape) => Math.min(mostPoints, shape.surfaceMm.length / 3);
  if (residuals.length < LEAST_COMMON_SURFACE * (points(current) + points(prior))) return 1;
  const sum = residuals.reduce((total, mm) => total + mm ** 2 / (mm ** 2 + COST_SCALE_MM ** 2), 0);
  return sum / residuals.length;
}

/** The small motion, in the earlier scan's space, that brings the surfaces nearest by a linear estimate. */
function newtonStep(
  toPrior: Rigid,
  current: LiverShape,
  prior: LiverShape,
  mostPoints: number,
  scaleMm: number,
): { turn: Vec3; shift: Vec3 } | null {
  const normal = new Float64Array(36);
  const right = new Float64Array(6);
  const gradient: [number, number, number] = [0, 0, 0];
  const centre = prior.centroidMm;
  const toCurrent = inverse(toPrior);
  const count = (residual: number, arm: Vec3, slope: Vec3) => {
    const weight = 1 / (1 + (residual / scaleMm) ** 2) ** 2;
    const row = [...cross(arm, slope), ...slope];
    for (let a = 0; a < 6; a++) {
      right[a]! -= weight * row[a]! * residual;
      for (let b = 0; b < 6; b++) normal[6 * a + b]! += weight * row[a]! * row[b]!;
    }
  };
  forEachSurfacePoint(current, mostPoints, (point, own) => {
    const there = moved(toPrior, point);
    if (!isInView(prior.fieldOfView, there)) return;
    const residual = sampleWithGradient(prior, there, gradient) - own;
    count(residual, subtract(there, centre), gradient);
  });
  forEachSurfacePoint(prior, mostPoints, (point, own) => {
    const there = moved(toCurrent, point);
    if (!isInView(current.fieldOfView, there)) return;
    const residual = sampleWithGradient(current, there, gradient) - own;
    // As this scan moves under the point, the point moves back in this scan.
    count(residual, subtract(point, centre), scale(turned(toPrior, gradient), -1));
  });
  const step = solve(normal, right);
  return step && { turn: [step[0]!, step[1]!, step[2]!], shift: [step[3]!, step[4]!, step[5]!] };
}

/** Evenly chosen points of a surface, each with the distance that its own shape has there. */
function forEachSurfacePoint(shape: LiverShape, most: number, visit: (point: Vec3, ownMm: number) => void): void {
  const { surfaceMm } = shape;
  const points = surfaceMm.length / 3;
  const chosen = Math.min(most, points);
  for (let n = 0; n < chosen; n++) {
    const at = 3 * Math.floor((n * points) / chosen);
    const point: Vec3 = [surfaceMm[at]!, surfaceMm[at + 1]!, surfaceMm[at + 2]!];
    visit(point, sampleDistance(shape, point));
  }
}

/** Solves six symmetric equations by Gauss' elimination; null when they say nothing. */
function solve(matrix: Float64Array, right: Float64Array): Float64Array | null {
  const n = 6;
  const largest = Math.max(...Array.from({ length: n }, (_, a) => matrix[7 * a]!));
  if (!(largest > 0)) return null;
  for (let a = 0; a < n; a++) matrix[7 * a]! += DAMPING * largest;
  for (let a = 0; a < n; a++) {
    for (let b = a + 1; b < n; b++) {
      const factor = matrix[6 * b + a]! / matrix[7 * a]!;
      for (let c = a; c < n; c++) matrix[6 * b + c]! -= factor * matrix[6 * a + c]!;
      right[b]! -= factor * right[a]!;
    }
  }
  for (let a = n - 1; a >= 0; a--) {
    for (let b = a + 1; b < n; b++) right[a]! -= matrix[6 * a + b]! * right[b]!;
    right[a]! /= matrix[7 * a]!;
  }
  return right.every(Number.isFinite) ? right : null;
}
