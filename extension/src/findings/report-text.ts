import type { Comparison } from '../../../server/src/findings/priors.ts';
import type { FindingsDocument, Lesion } from '../../../server/src/findings/schema.ts';
import { changeText, comparisonHeadline, sumText } from './comparison.ts';
import { axesMm, counted, hounsfield, percent, volumeMl } from './format.ts';
import { confident } from './order.ts';

export interface ReportContext {
  /** Lesions below it are left out, as on screen, and the text says so. */
  readonly lowestConfidence: number;
}

/** The findings as plain text for a radiologist's report. */
export function reportText(findings: FindingsDocument, { lowestConfidence }: ReportContext): string {
  const { liver, lesions, model } = findings;
  const comparison = findings.priors?.comparison ?? null;
  const listed = confident(lesions, lowestConfidence);
  const left = lesions.length - listed.length;
  return [
    `Liver volume: ${volumeMl(liver.volumeMl)} ml.`,
    ...(lesions.length === 0
      ? ['No liver lesion found.']
      : [
          `${counted(lesions.length, 'liver lesion')}, ${volumeMl(findings.lesionBurdenMl)} ml in all (${burdenShare(findings)} of the liver).`,
          ...listed.map((lesion) => lesionLine(lesion, comparison)),
          ...(left === 0
            ? []
            : [`${counted(left, 'lesion')} with a confidence below ${percent(lowestConfidence)} not listed.`]),
        ]),
    ...comparisonLines(comparison),
    ...findings.warnings.map(({ message }) => `Note: ${message}`),
    `Measured automatically by ${model.id} ${model.version}. ${findings.notice}`,
  ].join('\n');
}

export function burdenShare({ liver, lesionBurdenMl }: FindingsDocument): string {
  if (liver.volumeMl === 0) return '0 %';
  const share = (100 * lesionBurdenMl) / liver.volumeMl;
  return share > 0 && share < 0.1 ? '< 0.1 %' : `${share.toFixed(1)} %`;
}

/** How this scan stands against an earlier one; what is gone has no line of its own among the lesions. */
function comparisonLines(comparison: Comparison | null): string[] {
  if (comparison === null) return [];
  const gone = comparison.lesions.filter(({ lesions }) => lesions.length === 0);
  return [
    `${comparisonHeadline(comparison)}.`,
    ...gone.map((change) => `Lesion of the earlier scan: ${changeText(change)}.`),
    ...[sumText(comparison)].filter((text) => text !== null),
  ];
}

function lesionLine(lesion: Lesion, comparison: Comparison | null): string {
  const change = comparison?.lesions.find(({ lesions }) => lesions.includes(lesion.number));
  const { number, longAxisMm, shortAxisMm, meanHu, confidence } = lesion;
  return `Lesion ${number}: ${axesMm(longAxisMm, shortAxisMm)} mm, ${volumeMl(lesion.volumeMl)} ml, mean ${hounsfield(meanHu)} HU${confidence === null ? '' : `, confidence ${percent(confidence)}`}${change ? `; ${changeText(change)}` : ''}.`;
}
