import type { Findings } from '../findings/measure.ts';
import type { Comparison, LesionChange, PriorLesion } from '../findings/priors.ts';
import { decimals, rounded, roundedPosition } from '../findings/rounding.ts';
import type { Lesion } from '../findings/schema.ts';
import type { CtSeries } from '../volume/series.ts';
import type { Grid, LabelMap } from '../volume/volume.ts';
import { type Aligned, align, describeAlignment, LEAST_DICE, MOST_SURFACE_DISTANCE_MM } from './align.ts';
import { describeChange, percentChange } from './change.ts';
import { matchLesions } from './match.ts';
import { commonVolumes } from './overlap.ts';
import type { PriorResult } from './read-result.ts';
import { sumOfDiameters } from './recist.ts';
import { inverse, moved } from './rigid.ts';
import { isInView, liverShape } from './shape.ts';

/** This scan's result. */
export interface CurrentResult {
  readonly series: Pick<CtSeries, 'frameOfReferenceUid'> & { readonly volume: { readonly grid: Grid } };
  readonly segments: LabelMap<Uint16Array>;
  readonly findings: Findings;
}

/** An earlier result, with what its segmentation does not say. */
export interface EarlierScan {
  readonly result: PriorResult;
  /** All that the scan shows; null when its images are not at hand: then as far as its segments reach. */
  readonly fieldOfView: Grid | null;
  readonly intervalDays: number | null;
}

/** Two livers that do not lie over one another well enough, with the figures. */
export interface PoorAlignment {
  readonly message: string;
  readonly figures: { readonly liverDice: number; readonly surfaceDistanceMm: number };
}

/** Reads a scan's result against an earlier one. */
export function compareScans(current: CurrentResult, earlier: EarlierScan): Comparison | PoorAlignment {
  const { series, segments, findings } = current;
  const { result, intervalDays } = earlier;
  const priorView = earlier.fieldOfView ?? result.segments.grid;
  const currentShape = liverShape(segments, series.volume.grid);
  const priorShape = liverShape(result.segments, priorView);
  if (currentShape === null || priorShape === null) return tooPoor({ liverDice: 0, surfaceDistanceMm: 0 });
  const aligned = align(currentShape, priorShape, series.frameOfReferenceUid === result.frameOfReferenceUid);
  if (!aligned.isGood) return tooPoor(aligned);

  const { toPrior } = aligned;
  const toCurrent = inverse(toPrior);
  const priors: PriorLesion[] = result.lesions.map((lesion) => ({
    ...lesion,
    alignedCentroidMm: roundedPosition(moved(toCurrent, lesion.centroidMm)),
  }));
  const { lesions } = findings;
  const common = commonVolumes(segments, result.segments, (segment) => segment > 1, toPrior);
  const groups = matchLesions(
    priors.map(({ alignedCentroidMm, volumeMl }) => ({ centroidMm: alignedCentroidMm, volumeMl })),
    lesions,
    (p, c) => common.get(priors[p]!.segmentNumber)?.get(lesions[c]!.segmentNumber) ?? 0,
  );
  const changes = groups.map((group) =>
    describeChange(group, lesions, priors, {
      intervalDays,
      isInPrior: (at) => earlier.fieldOfView === null || isInView(priorView, moved(toPrior, at)),
      isInCurrent: (at) => isInView(series.volume.grid, at),
    }),
  );
  const priorBurdenMl = priors.reduce((sum, { volumeMl }) => sum + volumeMl, 0);
  return {
    run: result.provenance.runId,
    studyInstanceUID: result.studyInstanceUid,
    seriesInstanceUID: result.source.seriesInstanceUid,
    seg: result.seg,
    intervalDays,
    alignment: describeAlignment(aligned, currentShape.centroidMm),
    liver: {
      priorMl: rounded.ml(result.liverVolumeMl),
      changePercent: percentChange(result.liverVolumeMl, findings.liver.volumeMl),
    },
    lesionBurden: {
      priorMl: rounded.ml(priorBurdenMl),
      changeMl: rounded.ml(findings.lesionBurdenMl - priorBurdenMl),
      changePercent: priorBurdenMl === 0 ? null : percentChange(priorBurdenMl, findings.lesionBurdenMl),
    },
    lesions: changes,
    sumOfDiameters: sumOfDiameters(changes, lesions, result.segments.grid.spacingMm[2]),
  };
}

/**
 * The lesions with the Tracking UIDs of the earlier result, so that a lesion has one name in both: that of the largest
 * of those that merged, and for the largest of the parts that it split into.
 */
export function withTrackingUids(lesions: readonly Lesion[], changes: readonly LesionChange[]): Lesion[] {
  const carried = new Map<number, string>();
  const taken = new Set<string>();
  for (const { lesions: numbers, priors } of changes) {
    const [largest] = [...priors].sort((a, b) => b.volumeMl - a.volumeMl);
    // Lesions are numbered by falling volume.
    const uid = largest?.trackingUid ?? null;
    if (numbers[0] === undefined || uid === null || taken.has(uid)) continue;
    taken.add(uid);
    carried.set(numbers[0], uid);
  }
  // A lesion whose own UID went to another (a person divided it, say) takes what that one had.
  const owner = new Map(
    [...carried].map(([number, uid]) => [uid, lesions.find((lesion) => lesion.number === number)!]),
  );
  const free = (uid: string): string => {
    const taker = owner.get(uid);
    return taker === undefined || taker.trackingUid === uid ? uid : free(taker.trackingUid);
  };
  return lesions.map((lesion) => ({
    ...lesion,
    trackingUid: carried.get(lesion.number) ?? free(lesion.trackingUid),
  }));
}

function tooPoor({ liverDice, surfaceDistanceMm }: Pick<Aligned, 'liverDice' | 'surfaceDistanceMm'>): PoorAlignment {
  const figures = {
    liverDice: decimals(liverDice, 3),
    surfaceDistanceMm: decimals(Math.min(surfaceDistanceMm, 999), 1),
  };
  return {
    message:
      `An earlier result was not used: its liver does not lie over this one (Dice ${figures.liverDice}, surfaces ` +
      `${figures.surfaceDistanceMm} mm apart; needed: ${LEAST_DICE} and ${MOST_SURFACE_DISTANCE_MM} mm).`,
    figures,
  };
}
