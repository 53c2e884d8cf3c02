import type { Code } from '../../dicom/codes.ts';
import { derivedUid } from '../../dicom/uid.ts';
import { CHANGE_WORDS } from '../../findings/change-words.ts';
import type { Change, Comparison, LesionChange, SumOfDiameters } from '../../findings/priors.ts';
import { CONCEPTS, UNITS } from './concepts.ts';
import { code, type Item, numeric, text, uidReference } from './content.ts';

/**
 * This scan read against an earlier one. PS3.16 has no coded concepts for the change of a finding: these are of a
 * private scheme (PS3.3 section 8.2), and each is said in plain words beside it.
 */
const own = (value: string, meaning: string): Code => ({ value, scheme: '99HEPAR', meaning });

export const COMPARISON = {
  change: own('CHANGE', 'Change since the earlier scan'),
  volumeChange: own('VOLUME_CHANGE', 'Change of volume since the earlier scan'),
  longAxisChange: own('AXIS_CHANGE', 'Change of long axis since the earlier scan'),
  doublingTime: own('DOUBLING_TIME', 'Volume doubling time'),
  interval: own('INTERVAL', 'Time since the earlier scan'),
  earlierSegmentation: own('EARLIER_SEG', 'Segmentation of the earlier scan'),
  earlierSum: own('EARLIER_SUM', 'Sum of target diameters in the earlier scan'),
  sum: own('SUM', 'Sum of target diameters'),
  burdenChange: own('BURDEN_CHANGE', 'Change of total lesion volume'),
} as const satisfies Record<string, Code>;

/** As the beginning of a sentence. */
const wordsOf = (change: Change) => CHANGE_WORDS[change].replace(/^./, (first) => first.toUpperCase());

/** What became of one lesion of this scan: for its measurement group. */
export function changeItems(lesionNumber: number, comparison: Comparison | null): Item[] {
  const change = comparison?.lesions.find(({ lesions }) => lesions.includes(lesionNumber));
  if (!comparison || !change) return [];
  return [
    code(COMPARISON.change, own(change.change.toUpperCase(), wordsOf(change.change))),
    ...optional(COMPARISON.volumeChange, change.volumeChangePercent, UNITS.percent),
    ...optional(COMPARISON.longAxisChange, change.longAxisChangeMm, UNITS.millimetre),
    ...optional(COMPARISON.doublingTime, change.doublingTimeDays, UNITS.days),
    text(CONCEPTS.comment, `${sentence(change)} ${when(comparison)}`),
  ];
}

/** The comparison as a whole: content of a group of its own, with the lesions that are gone. */
export function comparisonItems(comparison: Comparison): Item[] {
  const { intervalDays, seg, lesionBurden, sumOfDiameters, lesions, alignment } = comparison;
  const gone = lesions.filter((change) => change.lesions.length === 0);
  return [
    uidReference(COMPARISON.earlierSegmentation, seg.sopInstanceUID),
    ...optional(COMPARISON.interval, intervalDays, UNITS.days),
    ...optional(COMPARISON.burdenChange, lesionBurden.changePercent, UNITS.percent),
    ...sumItems(sumOfDiameters),
    ...gone.map((change) => text(CONCEPTS.comment, sentence(change))),
    text(
      CONCEPTS.comment,
      `Livers aligned by ${alignment.method === 'liver' ? 'their surfaces' : 'the frame of reference'}: Dice ` +
        `${alignment.liverDice}, surfaces ${alignment.surfaceDistanceMm} mm apart. ${when(comparison)}`,
    ),
  ];
}

/** The group of a comparison is tracked by what was compared. */
export function comparisonUid(runId: string, { run }: Comparison): string {
  return derivedUid('hepar', runId, 'comparison', run);
}

function sumItems(sum: SumOfDiameters | null): Item[] {
  if (sum === null) return [];
  return [
    numeric(COMPARISON.earlierSum, sum.priorMm, UNITS.millimetre),
    ...optional(COMPARISON.sum, sum.currentMm, UNITS.millimetre),
    text(CONCEPTS.comment, sum.notice),
  ];
}

function sentence({ change, priors, volumeChangePercent, longAxisChangeMm }: LesionChange): string {
  const was = priors.map(({ volumeMl, longAxisMm }) => `${volumeMl} ml and ${longAxisMm} mm`).join(', ');
  const figures = [
    was === '' ? null : `was ${was}`,
    volumeChangePercent === null ? null : `volume ${signed(volumeChangePercent)} %`,
    longAxisChangeMm === null ? null : `long axis ${signed(longAxisChangeMm)} mm`,
  ].filter((each) => each !== null);
  return `${[wordsOf(change), ...figures].join('; ')}.`;
}

const when = ({ intervalDays }: Comparison) =>
  intervalDays === null ? 'The time between the scans is not known.' : `Earlier scan: ${intervalDays} days before.`;

const signed = (value: number) => `${value > 0 ? '+' : ''}${value}`;

const optional = (concept: Code, value: number | null, unit: Code): Item[] =>
  value === null ? [] : [numeric(concept, value, unit)];
