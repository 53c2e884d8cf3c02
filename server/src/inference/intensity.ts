import type { Intensity } from './manifest.ts';

/** Clips HU to [low, high], then takes (HU - centre) / scale. */
export interface HuTransform {
  readonly low: number;
  readonly high: number;
  readonly centre: number;
  readonly scale: number;
}

export const UNCHANGED: HuTransform = { low: -Infinity, high: Infinity, centre: 0, scale: 1 };

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
    case 'scan-zscore':
    case 'scan-range':
      throw new TypeError(`'${intensity.kind}' needs the whole scan`);
  }
}

/** The same for a network that sees the whole scan: `values` are the HU that the rule's figures are taken from. */
export function scanTransform(intensity: Intensity, values: Int16Array | Float32Array): HuTransform {
  if (intensity.kind !== 'scan-zscore' && intensity.kind !== 'scan-range') return huTransform(intensity, Number.NaN);
  let [low, high, sum] = [Infinity, -Infinity, 0];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
    sum += value;
  }
  const everything = { low: -Infinity, high: Infinity };
  if (intensity.kind === 'scan-range') return { ...everything, centre: low, scale: Math.max(high - low, LEAST_SCALE) };
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { ...everything, centre: mean, scale: Math.max(Math.sqrt(squares / values.length), LEAST_SCALE) };
}

/** A scan of one value alone is divided by this. */
const LEAST_SCALE = 1e-8;

/** The network's value of a voxel. */
export function transformed({ low, high, centre, scale }: HuTransform, hu: number): number {
  return (Math.min(high, Math.max(low, hu)) - centre) / scale;
}
