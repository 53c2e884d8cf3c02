import type { Vec3 } from '../volume/volume.ts';
import type { Random } from './random.ts';
import type { Row } from './row.ts';
import { around, clamp, distanceBetween, length3, normalise, rotationTo, type Structure } from './shapes.ts';
import type { Trunk } from './trunk.ts';
import { landmarks } from './vessels.ts';

export const LESION_KINDS = ['hypodense', 'rim', 'cyst', 'hyperdense'] as const;
export type LesionKind = (typeof LESION_KINDS)[number];

/** A lesion that is asked for. Every lesion is an ellipsoid in patient space with the volume of a sphere of `diameterMm`. */
export interface LesionRequest {
  readonly diameterMm: number;
  /** Where it is asked for, it is put there, in or out of the liver; else a free place within the liver is found. */
  readonly centreMm?: Vec3;
  /** HU above the liver's; ignored for a cyst, which is water. */
  readonly contrastHu?: number;
  readonly kind?: LesionKind;
  /** Longest over shortest diameter; 1, a sphere, by default. */
  readonly elongation?: number;
  /** Number of an earlier lesion whose surface this one touches (both are then taken as spheres). */
  readonly touching?: number;
  /** With `touching`: distance between the two surfaces; below 0 they overlap. */
  readonly gapMm?: number;
  /** Direction of the longest diameter; any, by default. */
  readonly axis?: Vec3;
}

/** A lesion as it was made. `volumeMl` is that of the whole ellipsoid; overlapping lesions share their common part between them. */
export interface PhantomLesion {
  /** From 1; its label in the truth is 1 + number. */
  readonly number: number;
  readonly centreMm: Vec3;
  readonly diameterMm: number;
  readonly radiiMm: Vec3;
  /** Direction of the third radius. */
  readonly axis: Vec3;
  readonly kind: LesionKind;
  readonly contrastHu: number;
  readonly volumeMl: number;
}

/** Labels of the truth are bytes. */
export const MOST_LESIONS = 250;

/** A lesion finds no place; the message says how large it is. */
export class NoRoomError extends Error {
  override readonly name = 'NoRoomError';
  constructor(diameterMm: number, number: number) {
    super(`There is no room in the liver for lesion ${number} with a diameter of ${diameterMm} mm.`);
  }
}

/** `count` lesions between 10 and 40 mm, from large to small, each clearly visible; beyond eight they are smaller. */
export function usualLesions(count: number, random: Random): LesionRequest[] {
  const largest = count > 16 ? 20 : count > 8 ? 28 : 38;
  const smallest = count > 8 ? 7 : 12;
  return Array.from({ length: count }, (_, i) => {
    const t = count === 1 ? 0.35 : i / (count - 1);
    const kind = i % 5 === 1 ? 'rim' : 'hypodense';
    return {
      diameterMm: Math.round(10 * (smallest + (largest - smallest) * (1 - t) * (1 - 0.25 * t))) / 10,
      contrastHu: -Math.round(random.between(50, 68)),
      kind,
      elongation: random.between(1, 1.25),
    };
  });
}

const CLEARANCE_MM = 8;
const EDGE_MM = 3;
const TRIES = 3000;

/**
 * Gives every requested lesion its place: within the liver, away from its surface, the great vessels and one another.
 * @param isLiver whether a patient position lies in the liver
 * @throws NoRoomError
 * @throws RangeError for more lesions than there are labels
 */
export function placeLesions(
  requests: readonly LesionRequest[],
  trunk: Trunk,
  random: Random,
  isLiver: (point: Vec3) => boolean,
): PhantomLesion[] {
  if (requests.length > MOST_LESIONS) throw new RangeError(`At most ${MOST_LESIONS} lesions, not ${requests.length}.`);
  const lesions: PhantomLesion[] = [];
  for (const request of requests) {
    const { diameterMm, elongation = 1, kind = 'hypodense' } = request;
    const number = lesions.length + 1;
    // Radii (1/s, 1, s) times r keep the volume of a ball of radius r.
    const stretch = Math.sqrt(elongation);
    const radius = diameterMm / 2;
    const anyAxis: Vec3 = [random.normal(0, 1), random.normal(0, 1), random.normal(0, 1) + 0.01];
    const lesion = {
      number,
      diameterMm,
      radiiMm: [radius / stretch, radius, radius * stretch] as Vec3,
      axis: request.axis ?? anyAxis,
      kind,
      contrastHu: request.contrastHu ?? (kind === 'hyperdense' ? 45 : -55),
      volumeMl: ((Math.PI / 6) * diameterMm ** 3) / 1000,
    };
    const fits = (centreMm: Vec3, neighbour?: PhantomLesion) =>
      clearOfVessels(centreMm, radius, trunk) &&
      lesions.every((other) => other === neighbour || gap(centreMm, radius * stretch, other) >= CLEARANCE_MM) &&
      isInside(centreMm, radius * stretch + EDGE_MM, isLiver);
    const centreMm = request.centreMm ?? findPlace(request, lesions, trunk, random, fits);
    if (!centreMm) throw new NoRoomError(diameterMm, number);
    lesions.push({ ...lesion, centreMm });
  }
  return lesions;
}

function findPlace(
  request: LesionRequest,
  lesions: readonly PhantomLesion[],
  trunk: Trunk,
  random: Random,
  fits: (centreMm: Vec3, neighbour?: PhantomLesion) => boolean,
): Vec3 | null {
  const neighbour = lesions[(request.touching ?? 0) - 1];
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const candidate: Vec3 = neighbour
      ? beside(neighbour, request.diameterMm / 2 + (request.gapMm ?? 0), random)
      : [
          random.between(-trunk.halfWidth, 0.6 * trunk.halfWidth),
          random.between(-trunk.front, trunk.back),
          random.between(-90, trunk.rightDome),
        ];
    const centreMm = candidate.map((value) => Math.round(value * 100) / 100) as unknown as Vec3;
    if (fits(centreMm, neighbour)) return centreMm;
  }
  return null;
}

function beside({ centreMm, diameterMm }: PhantomLesion, radius: number, random: Random): Vec3 {
  const direction = normalise([random.normal(0, 1), random.normal(0, 1), random.normal(0, 1)]);
  const distance = diameterMm / 2 + radius;
  return centreMm.map((value, axis) => value + distance * direction[axis]!) as unknown as Vec3;
}

const gap = (centreMm: Vec3, reach: number, other: PhantomLesion) =>
  distanceBetween(centreMm, other.centreMm) - reach - Math.max(...other.radiiMm);

function clearOfVessels(centreMm: Vec3, radius: number, trunk: Trunk): boolean {
  const { ivc, hilum } = landmarks(trunk);
  const toIvc = distanceBetween([centreMm[0], centreMm[1], 0], [ivc.x, ivc.y, 0]);
  return toIvc > radius + 22 && distanceBetween(centreMm, hilum) > radius + 26;
}

/** Whether a ball lies in the liver, judged by its centre and 26 points of its surface. */
function isInside(centreMm: Vec3, radius: number, isLiver: (point: Vec3) => boolean): boolean {
  if (!isLiver(centreMm)) return false;
  for (let z = -1; z <= 1; z++) {
    for (let y = -1; y <= 1; y++) {
      for (let x = -1; x <= 1; x++) {
        if (x === 0 && y === 0 && z === 0) continue;
        const scale = radius / Math.sqrt(x * x + y * y + z * z);
        if (!isLiver([centreMm[0] + x * scale, centreMm[1] + y * scale, centreMm[2] + z * scale])) return false;
      }
    }
  }
  return true;
}

/** Structures of the lesions. Where two overlap, each point belongs to the one that it lies deeper in. */
export function lesionStructures(lesions: readonly PhantomLesion[], liverHu: number): Structure[] {
  const distances = lesions.map(lesionDistance);
  return lesions.map((lesion, n) => {
    const reach = Math.max(...lesion.radiiMm);
    const own = distances[n]!;
    const rivals = lesions
      .filter((other) => other !== lesion && gap(lesion.centreMm, reach, other) < 0)
      .map((other) => ({ distance: distances[other.number - 1]!, isLater: other.number > lesion.number }));
    const hu = lesionHu(lesion, liverHu);
    return {
      bounds: around(lesion.centreMm, [reach, reach, reach]),
      distance: (row, i) => {
        let d = own(row, i);
        if (d > 3 || rivals.length === 0) return d;
        const depth = d;
        for (const { distance, isLater } of rivals) {
          const border = (depth - distance(row, i)) / 2;
          // A point that is as deep in both goes to the earlier lesion.
          d = Math.max(d, border === 0 && isLater ? -1e-9 : border);
        }
        return d;
      },
      hu: (row, i) => hu(row, i, own(row, i)),
      label: 1 + lesion.number,
    };
  });
}

/** Signed distance to the lesion's surface in patient space, which no warp moves: that keeps its volume known. */
function lesionDistance({ centreMm, radiiMm, axis }: PhantomLesion) {
  const [u, v, w] = rotationTo(axis);
  const [a, b, c] = radiiMm;
  return (row: Row, i: number): number => {
    const x = row.px[i]! - centreMm[0];
    const y = row.py[i]! - centreMm[1];
    const z = row.pz[i]! - centreMm[2];
    const p = (x * u[0] + y * u[1] + z * u[2]) / a;
    const q = (x * v[0] + y * v[1] + z * v[2]) / b;
    const r = (x * w[0] + y * w[1] + z * w[2]) / c;
    const radius = Math.sqrt(p * p + q * q + r * r);
    if (radius < 0.2) return -0.8 * a;
    return (radius * (radius - 1)) / length3(p / a, q / b, r / c);
  };
}

function lesionHu({ kind, contrastHu, diameterMm }: PhantomLesion, liverHu: number) {
  const inner = kind === 'cyst' ? 8 : liverHu + contrastHu;
  const rim = Math.min(2, 0.07 * diameterMm);
  return (row: Row, _i: number, depth: number): number => {
    if (kind !== 'rim') return inner;
    const inRim = clamp((depth + rim) * row.sharpness + 0.5, 0, 1);
    return inner + inRim * (liverHu + 18 - inner);
  };
}
