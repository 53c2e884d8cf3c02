import type { Intensity } from './manifest.ts';

/** Clips HU to [low, high], then takes (HU - centre) / scale. */
export interface HuTransform {
  readonly low: number;
  readonly high: number;
  readonly centre: number;
  readonly scale: number;
}

/** A stage's intensity rule as a transform. @param liverMedianHu used by the rule 'liver-median' alone */
export function huTransform(intensity: Intensity, liverMedianHu: number): HuTransform {
  switch (intensity.kind) {
    case 'window':
      return {
        low: intensity.lowHu,
        high: intensity.highHu,
        centre: intensity.centreHu,
        scale: intensity.scaleHu,
      };
    case 'liver-median':
      return {
        low: liverMedianHu - intensity.clipHu,
        high: liverMedianHu + intensity.clipHu,
        centre: liverMedianHu,
        scale: intensity.scaleHu,
      };
  }
}

/** The network's value of a voxel. */
export function transformed({ low, high, centre, scale }: HuTransform, hu: number): number {
  return ((hu < low ? low : hu > high ? high : hu) - centre) / scale;
}
