import type { Warning } from '../volume/series.ts';
import type { LabelMap } from '../volume/volume.ts';
import type { Findings } from './measure.ts';

/** Livers weigh 1 to 2.5 kg; one with twice that is rare, and more often something else has been taken for liver. */
const LARGEST_ML = 5_000;
/** What a slice at the end of the series must show of the liver to say that there is more of it beyond, in cm². */
const LEAST_CUT_CM2 = 3;

/**
 * What a reader must know before the figures of a liver are used.
 * @param segments on the series' grid; anything but 0 is liver or lesion
 */
export function plausibilityWarnings({ liver }: Pick<Findings, 'liver'>, segments: LabelMap<Uint16Array>): Warning[] {
  const warnings: Warning[] = [];
  if (liver.volumeMl > LARGEST_ML) {
    const message =
      `A liver of ${Math.round(liver.volumeMl).toLocaleString('en')} ml is hardly believable: ` +
      'what lies around it may have been taken for liver. Look at its outline before any figure is used.';
    warnings.push({ code: 'liver-too-large', message });
  }
  const ends = cutEnds(segments);
  if (ends.length > 0) {
    const message = `The liver goes on beyond the ${ends.join(' and the ')} end of the series: its volume is of what is in view.`;
    warnings.push({ code: 'liver-cut-off', message });
  }
  return warnings;
}

/** Which ends of the stack of slices cut the liver off. Series are axial: their normal points to the head or to the feet. */
function cutEnds({ grid: { shape, spacingMm, axes }, labels }: LabelMap<Uint16Array>): string[] {
  const [columns, rows, slices] = shape;
  const pixelCm2 = (spacingMm[0] * spacingMm[1]) / 100;
  const isCut = (k: number) => {
    const slice = labels.subarray(k * columns * rows, (k + 1) * columns * rows);
    return slice.reduce((pixels, label) => pixels + (label > 0 ? 1 : 0), 0) * pixelCm2 >= LEAST_CUT_CM2;
  };
  const headward = axes[2][2] > 0 ? slices - 1 : 0;
  const ends = [
    ['upper', headward],
    ['lower', slices - 1 - headward],
  ] as const;
  return ends.filter(([, k]) => isCut(k)).map(([end]) => end);
}
