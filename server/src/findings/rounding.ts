import type { Vec3 } from '../volume/volume.ts';

/**
 * Results are rounded once, when they are measured, so that every object of a run states the same number: finer than
 * the voxels justify, short enough to read and for a DICOM decimal string.
 */
export const rounded = {
  /** Five significant digits, so that no lesion's volume reads as zero. */
  ml: (value: number): number => Number(value.toPrecision(5)),
  /** Hundredths of a millimetre, but never down to zero. */
  mm: (value: number): number => Math.max(0.01, decimals(value, 2)),
  hu: (value: number): number => decimals(value, 1),
  confidence: (value: number): number => decimals(value, 3),
} as const;

/** A position in hundredths of a millimetre. */
export function roundedPosition(positionMm: Vec3): [number, number, number] {
  return [decimals(positionMm[0], 2), decimals(positionMm[1], 2), decimals(positionMm[2], 2)];
}

/** Rounds to a number of decimals; never to minus zero, which JSON would lose. */
export function decimals(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits + 0;
}
