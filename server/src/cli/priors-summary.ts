import type { Change, Comparison, Priors } from '../findings/priors.ts';

const WORDS: Readonly<Record<Change, string>> = {
  new: 'new',
  grown: 'grown',
  shrunk: 'shrunk',
  stable: 'stable',
  merged: 'merged',
  split: 'split',
  gone: 'gone',
  'out-of-view': 'outside the other scan',
};

/** What a person wants to know of the comparison at a glance, a line each; [] without one. */
export function priorsSummary(priors: Priors | null): string[] {
  const comparison = priors?.comparison;
  return comparison ? [heading(comparison), ...comparison.lesions.map(lineOf), ...sumLine(comparison)] : [];
}

function heading({ intervalDays, alignment, lesions }: Comparison): string {
  const when = intervalDays === null ? '' : `, ${intervalDays} days before`;
  const counts = Object.entries(WORDS).flatMap(([change, word]) => {
    const count = lesions.filter((each) => each.change === change).length;
    return count === 0 ? [] : [`${count} ${word}`];
  });
  const found = counts.length === 0 ? 'no lesion in either' : counts.join(', ');
  return `Read against the patient's earlier scan${when} (livers overlap by Dice ${alignment.liverDice}): ${found}.`;
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
  return `  ${now}  ${WORDS[each.change]}${figures.length === 0 ? '' : `: ${figures.join('; ')}`}`;
}

function sumLine({ sumOfDiameters: sum }: Comparison): string[] {
  if (sum === null) return [];
  const now = sum.currentMm === null ? 'not known' : `${sum.currentMm} mm (${signed(sum.changePercent!)} %)`;
  return [`Sum of target diameters ${sum.priorMm} mm, now ${now}. ${sum.notice}`];
}

const signed = (value: number) => `${value > 0 ? '+' : ''}${value}`;
