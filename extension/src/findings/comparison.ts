import { CHANGE_WORDS, countedChanges } from '../../../server/src/findings/change-words.ts';
import type { Comparison, LesionChange } from '../../../server/src/findings/priors.ts';
import { axesMm, counted, signed, volumeMl } from './format.ts';

/** When the earlier scan was, such as '90 days before'. */
export function whenBefore({ intervalDays }: Comparison): string {
  if (intervalDays === null) return 'at an unknown time before';
  const days = Math.round(intervalDays);
  return days === 0 ? 'on the same day' : `${counted(days, 'day')} before`;
}

/** 'Earlier scan, 90 days before: 1 new, 1 grown' */
export function comparisonHeadline(comparison: Comparison): string {
  return `Earlier scan, ${whenBefore(comparison)}: ${countedChanges(comparison.lesions)}`;
}

/** What became of one lesion or of several, as it is shown and read out. */
export interface ChangeLine {
  /** Numbers of this scan's lesions; '–' for what is gone. */
  readonly lesions: string;
  readonly word: string;
  /** What it was: '5.57 ml, 22 × 21 mm'; empty for a new one. */
  readonly was: string;
  /** '+180 %'; empty without a counterpart. */
  readonly volume: string;
  /** '+10 mm' */
  readonly longAxis: string;
  /** 'volume doubles in 63 days' */
  readonly pace: string;
}

export function changeLine(change: LesionChange): ChangeLine {
  const { volumeChangePercent, longAxisChangeMm, doublingTimeDays } = change;
  return {
    lesions: change.lesions.length === 0 ? '–' : change.lesions.join(' + '),
    word: CHANGE_WORDS[change.change],
    was: change.priors
      .map((prior) => `${volumeMl(prior.volumeMl)} ml, ${axesMm(prior.longAxisMm, prior.shortAxisMm)} mm`)
      .join(' + '),
    volume: volumeChangePercent === null ? '' : `${signed(volumeChangePercent)} %`,
    longAxis: longAxisChangeMm === null ? '' : `${signed(longAxisChangeMm)} mm`,
    pace: doublingTimeDays === null ? '' : `volume doubles in ${counted(Math.round(doublingTimeDays), 'day')}`,
  };
}

/** 'grown (was 5.57 ml, 22 × 21 mm; volume +180 %; long axis +10 mm)' */
export function changeText(change: LesionChange): string {
  const { word, was, volume, longAxis, pace } = changeLine(change);
  const figures = [was && `was ${was}`, volume && `volume ${volume}`, longAxis && `long axis ${longAxis}`, pace].filter(
    Boolean,
  );
  return figures.length === 0 ? word : `${word} (${figures.join('; ')})`;
}

/** The sum of the targets' diameters, with the notice that it is no assessment; null without targets. */
export function sumText({ sumOfDiameters: sum }: Comparison): string | null {
  if (sum === null) return null;
  const now =
    sum.currentMm === null
      ? 'now not known'
      : `now ${sum.currentMm.toFixed(0)} mm${sum.changePercent === null ? '' : ` (${signed(sum.changePercent)} %)`}`;
  return `Sum of target diameters: ${sum.priorMm.toFixed(0)} mm, ${now}. ${sum.notice}`;
}
