import { CHANGE_WORDS, countedChanges } from '../findings/change-words.ts';
import type { Comparison, Priors } from '../findings/priors.ts';

/** What a person wants to know of the comparison at a glance, a line each; [] without one. */
export function priorsSummary(priors: Priors | null): string[] {
  const comparison = priors?.comparison;
  return comparison ? [heading(comparison), ...comparison.lesions.map(lineOf), ...sumLine(comparison)] : [];
}

function heading({ intervalDays, alignment, lesions }: Comparison): string {
  const when = intervalDays === null ? '' : `, ${intervalDays} days before`;
  return `Read against the patient's earlier scan${when} (livers overlap by Dice ${alignment.liverDice}): ${countedChanges(lesions)}.`;
}

function lineOf(each: Comparison['lesions'][number]): string {
  const now = each.lesions.length === 0 ? ' -' : each.lesions.map((n) => String(n).padStart(2)).join(' +');
  const then = each.priors.map(({ volumeMl, longAxisMm }) => `${volumeMl} ml, ${longAxisMm} mm`).join(' + ');
  const figures = [
    then && `was ${then}`,
    each.volumeChangePercent !== null && `volume ${signed(each.volumeChangePercent)} %`,
    each.longAxisChangeMm !== null && `diameter ${signed(each.longAxisChangeMm)} mm`,
    each.doublingTimeDays !== null && `doubles in ${each.doublingTimeDays} days`,
  ].filter(Boolean);
  return `  ${now}  ${CHANGE_WORDS[each.change]}${figures.length === 0 ? '' : `: ${figures.join('; ')}`}`;
}

function sumLine({ sumOfDiameters: sum }: Comparison): string[] {
  if (sum === null) return [];
  const now = sum.currentMm === null ? 'not known' : `${sum.currentMm} mm (${signed(sum.changePercent!)} %)`;
  return [`Sum of target diameters ${sum.priorMm} mm, now ${now}. ${sum.notice}`];
}

const signed = (value: number) => `${value > 0 ? '+' : ''}${value}`;
