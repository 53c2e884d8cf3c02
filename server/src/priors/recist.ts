import type { LesionChange, PriorLesion, SumOfDiameters } from '../findings/priors.ts';
import { decimals } from '../findings/rounding.ts';
import type { Lesion } from '../findings/schema.ts';
import { percentChange } from './change.ts';

/** RECIST 1.1: at least 10 mm in the axial plane, twice the slices where these are thicker than 5 mm; two an organ. */
const LEAST_TARGET_MM = 10;
const THICK_SLICE_MM = 5;
const MOST_TARGETS_AN_ORGAN = 2;

export const ARITHMETIC_NOTICE =
  'Sum of longest diameters by the rules of RECIST 1.1, computed; no assessment of response.';

/**
 * The sum of the targets' longest diameters then and now (Eisenhauer et al., European Journal of Cancer 45:228-247,
 * 2009). Targets are the earlier scan's largest lesions that can be measured, two of the liver. A lesion that is gone
 * counts 0; the parts of one that split count together; of targets that merged, the one lesion counts once.
 * @returns null when the earlier scan has no target
 */
export function sumOfDiameters(
  changes: readonly LesionChange[],
  lesions: readonly Pick<Lesion, 'number' | 'longAxisMm'>[],
  priorSliceSpacingMm: number,
): SumOfDiameters | null {
  const least = priorSliceSpacingMm > THICK_SLICE_MM ? 2 * priorSliceSpacingMm : LEAST_TARGET_MM;
  const chosen = changes
    .flatMap((change) => change.priors.map((prior) => ({ prior, change })))
    .filter(({ prior }) => prior.longAxisMm >= least)
    .sort((a, b) => b.prior.longAxisMm - a.prior.longAxisMm || a.prior.segmentNumber - b.prior.segmentNumber)
    .slice(0, MOST_TARGETS_AN_ORGAN);
  if (chosen.length === 0) return null;

  const counted = new Set<LesionChange>();
  const targets = chosen.map(({ prior, change }) => {
    const again = counted.has(change);
    counted.add(change);
    return {
      priorSegmentNumber: prior.segmentNumber,
      priorMm: prior.longAxisMm,
      lesions: change.lesions,
      currentMm: again || change.change === 'out-of-view' ? null : sum(change.lesions.map((n) => axisOf(lesions, n))),
    };
  });
  const priorMm = sum(chosen.map(({ prior }: { prior: PriorLesion }) => prior.longAxisMm));
  const isWhole = chosen.every(({ change }) => change.change !== 'out-of-view');
  const currentMm = isWhole ? sum(targets.map((target) => target.currentMm ?? 0)) : null;
  return {
    targets,
    priorMm,
    currentMm,
    changeMm: currentMm === null ? null : decimals(currentMm - priorMm, 2),
    changePercent: currentMm === null ? null : percentChange(priorMm, currentMm),
    notice: ARITHMETIC_NOTICE,
  };
}

function axisOf(lesions: readonly Pick<Lesion, 'number' | 'longAxisMm'>[], number: number): number {
  return lesions.find((lesion) => lesion.number === number)!.longAxisMm;
}

const sum = (values: readonly number[]) =>
  decimals(
    values.reduce((total, value) => total + value, 0),
    2,
  );
