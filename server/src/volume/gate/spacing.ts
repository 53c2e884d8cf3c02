import { Refusal } from '../../refusal.ts';
import { dot, length, scale, subtract } from '../geometry.ts';
import { imageName, type Slice } from '../slice.ts';
import type { Vec3 } from '../volume.ts';

/** Fewer slices are no scan of a liver. */
export const LEAST_SLICES = 10;

/** @throws Refusal 'too-few-slices' */
export function checkEnough(slices: readonly Slice[]): void {
  if (slices.length >= LEAST_SLICES) return;
  const have = slices.length === 1 ? '1 slice' : `${slices.length} slices`;
  throw new Refusal('too-few-slices', `The series has only ${have}; at least ${LEAST_SLICES} are needed.`, {
    slices: slices.length,
    needed: LEAST_SLICES,
  });
}

/**
 * Slices must stand on one another along their normal: no voxel may be a pixel or more off the line through slice 1.
 * @param slices sorted along the normal
 * @throws Refusal 'gantry-tilt' with the angle; 'uneven-slices' where single slices lie beside the others
 */
export function checkStraight(slices: readonly Slice[]): void {
  const first = slices[0]!;
  const last = slices.at(-1)!;
  const tolerance = Math.min(first.columnSpacingMm, first.rowSpacingMm);
  /** Part of the way from slice 1 that lies within the slices' plane. */
  const drift = (slice: Slice) => {
    const way = subtract(slice.positionMm, first.positionMm);
    return subtract(way, scale(first.normal, dot(way, first.normal)));
  };
  const whole = subtract(last.positionMm, first.positionMm);
  const height = dot(whole, first.normal);
  const lean = drift(last);
  const driftMm = Math.max(...slices.map((slice) => length(drift(slice))));
  if (driftMm <= tolerance) return;

  const offLine = slices.map((slice) => {
    const share = dot(subtract(slice.positionMm, first.positionMm), first.normal) / height;
    return length(subtract(drift(slice), scale(lean, share)));
  });
  const worst = offLine.indexOf(Math.max(...offLine));
  if (offLine[worst]! > tolerance) {
    throw new Refusal(
      'uneven-slices',
      `Slice ${worst + 1} of ${slices.length}${nameOf(slices[worst]!)} lies ${offLine[worst]!.toFixed(1)} mm beside the line of the others.`,
      { slice: worst + 1, offsetMm: offLine[worst]! },
    );
  }
  const degrees = (Math.atan2(length(lean), height) * 180) / Math.PI;
  throw new Refusal(
    'gantry-tilt',
    `The gantry was tilted by ${degrees.toFixed(1)} degrees: the slices do not stand straight on one another.`,
    { degrees, driftMm },
  );
}

/**
 * @param slices sorted along the normal
 * @returns distance between neighbouring slices, mm: the mean, so that the last slice is where it says
 * @throws Refusal 'uneven-slices' when a gap is off the median by more than max(0.1 mm, 2 %)
 */
export function checkEven(slices: readonly Slice[]): number {
  const gaps = gapsMm(slices);
  const expected = median(gaps);
  const tolerance = Math.max(0.1, 0.02 * expected) + 1e-6;
  const uneven = gaps.filter((gap) => Math.abs(gap - expected) > tolerance);
  if (uneven.length === 0) return gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;

  const gap = uneven.reduce((worst, next) => (Math.abs(next - expected) > Math.abs(worst - expected) ? next : worst));
  const after = gaps.indexOf(gap) + 1;
  const missing = Math.round(gap / expected) - 1;
  const explained = missing >= 1 && Math.abs(gap - (missing + 1) * expected) <= tolerance * (missing + 1);
  const figures: Record<string, number> = {
    gapMm: gap,
    expectedMm: expected,
    afterSlice: after,
    unevenGaps: uneven.length,
    slices: slices.length,
  };
  const instanceNumber = slices[after - 1]!.instanceNumber;
  if (instanceNumber !== null) figures.afterInstanceNumber = instanceNumber;
  const notes = [
    ...(explained ? [missing === 1 ? '1 slice is missing' : `${missing} slices are missing`] : []),
    ...(uneven.length > 1 ? [`${uneven.length} of ${gaps.length} gaps are uneven`] : []),
  ].join('; ');
  const where = `slice ${after} of ${slices.length}${nameOf(slices[after - 1]!)}`;
  throw new Refusal(
    'uneven-slices',
    `There is a gap of ${millimetres(gap, expected)} mm after ${where}, where ${millimetres(expected, gap)} mm were expected${notes && `: ${notes}`}.`,
    explained ? { ...figures, missingSlices: missing } : figures,
  );
}

/** No scanner sees wider, no patient is longer: a header that says so has lost a decimal point or its unit. */
const WIDEST_MM = 1500;
const LONGEST_MM = 3000;

/**
 * Grids are laid over the whole scan, so that one of absurd size would not fit in any memory.
 * @throws Refusal 'no-position'
 */
export function checkBelievable(slices: readonly Slice[], gapMm: number): void {
  const { columns, rows, columnSpacingMm, rowSpacingMm } = slices[0]!;
  const widthMm = Math.max(columns * columnSpacingMm, rows * rowSpacingMm);
  const lengthMm = slices.length * gapMm;
  if (widthMm > WIDEST_MM) {
    const pixels = `${columns} x ${rows} pixels of ${Number(columnSpacingMm.toFixed(3))} x ${Number(rowSpacingMm.toFixed(3))} mm`;
    throw new Refusal(
      'no-position',
      `The scale of the slices is not believable: ${pixels} are ${widthMm.toFixed(0)} mm wide, and at most ${WIDEST_MM} mm can be.`,
      { widthMm, mostMm: WIDEST_MM },
    );
  }
  if (lengthMm > LONGEST_MM) {
    throw new Refusal(
      'no-position',
      `The places of the slices are not believable: ${slices.length} slices ${gapMm.toFixed(1)} mm apart are ${lengthMm.toFixed(0)} mm long, and at most ${LONGEST_MM} mm can be.`,
      { lengthMm, mostMm: LONGEST_MM },
    );
  }
}

/** Distances along the normal of slice 1; the slices are sorted along it. */
export function gapsMm(slices: readonly Slice[]): number[] {
  const { normal } = slices[0]!;
  return slices.slice(1).map((slice, below) => dot(subtract(slice.positionMm, slices[below]!.positionMm), normal));
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

/** Slices are counted along their normal, images by the scanner: a technologist finds them by its number. */
function nameOf({ instanceNumber, frameNumber }: Slice): string {
  return instanceNumber === null && frameNumber === null ? '' : ` (${imageName(instanceNumber, frameNumber)})`;
}

/** With as many decimals as tell it from the other number. */
function millimetres(value: number, other: number): string {
  return value.toFixed(Math.abs(value - other) < 0.3 ? 2 : 1);
}

/** Orders slices along a normal; what stands at one place, by UID and frame. */
export function compareAlong(normal: Vec3): (a: Slice, b: Slice) => number {
  return (a, b) =>
    dot(a.positionMm, normal) - dot(b.positionMm, normal) ||
    (a.sopInstanceUid < b.sopInstanceUid ? -1 : a.sopInstanceUid > b.sopInstanceUid ? 1 : 0) ||
    (a.frameNumber ?? 0) - (b.frameNumber ?? 0);
}
