import type { Instance } from '../dicom/instance.ts';
import { derivedUid } from '../dicom/uid.ts';
import type { Progress } from '../progress.ts';
import { type Collection, Collector, type StackedSlice } from './collect.ts';
import { nothingToSegment } from './gate/kind.ts';
import { checkOnePhase, withoutDuplicates } from './gate/phases.ts';
import { checkBelievable, checkEnough, checkEven, checkStraight, compareAlong } from './gate/spacing.ts';
import {
  type Dropped,
  droppedWarnings,
  headerWarnings,
  mintedFrameOfReference,
  pixelWarnings,
  sliceWarnings,
} from './gate/warnings.ts';
import type { CtSeries } from './series.ts';
import type { Grid } from './volume.ts';

/**
 * Reads the instances of one series, in any order, into a volume in HU, or refuses it with the reason. What the headers
 * alone forbid is refused at the instance that shows it. Peak memory is one Int16 volume, one decoded frame, and two
 * instances: the one at hand and the one whose header the results copy.
 * @param expected number of instances that will come, for progress and to make room once; null when unknown (the volume
 * then grows by half at a time, which adds up to one more volume for a moment)
 * @throws Refusal; the signal's reason when cancelled
 */
export async function assemble(
  instances: AsyncIterable<Instance>,
  progress: Progress,
  expected: number | null = null,
): Promise<CtSeries> {
  const collector = new Collector(expected ?? 64, progress.signal);
  progress.signal.throwIfAborted();
  let seen = 0;
  for await (const instance of instances) {
    progress.signal.throwIfAborted();
    await collector.take(instance, (fraction) => {
      if (expected !== null) progress.report('assemble', Math.min(1, (seen + fraction) / expected));
    });
    seen++;
  }
  progress.signal.throwIfAborted();
  const collection = collector.collection();
  if (collection === null) throw nothingToSegment(collector.dropped);
  const series = passGate(collection, collector.dropped);
  progress.report('assemble', 1);
  return series;
}

/** The checks that need all slices, and the series that passed them. The collection's stack is used up. */
function passGate(collection: Collection, dropped: Omit<Dropped, 'duplicates'>): CtSeries {
  const { stack, membership, header } = collection;
  const sorted = collection.slices.toSorted(compareAlong(collection.slices[0]!.normal));
  const slices = withoutDuplicates(sorted, (a, b) => stack.equal(a.number, b.number));
  checkEnough(slices);
  checkStraight(slices);
  checkOnePhase(slices);
  const gapMm = checkEven(slices);
  checkBelievable(slices, gapMm);

  const frameOfReference = derivedFrameOfReference(membership.seriesInstanceUid);
  const lossy = slices.find((slice) => slice.lossy !== null)?.lossy ?? null;
  return {
    studyInstanceUid: membership.studyInstanceUid,
    seriesInstanceUid: membership.seriesInstanceUid,
    frameOfReferenceUid: membership.frameOfReferenceUid || frameOfReference,
    volume: { grid: gridOf(slices, gapMm), hu: stack.intoVolume(slices.map((slice) => slice.number)) },
    slices: slices.map(({ sopClassUid, sopInstanceUid, frameNumber, positionMm }) => ({
      sopClassUid,
      sopInstanceUid,
      frameNumber,
      positionMm,
    })),
    header,
    lossy,
    warnings: [
      ...droppedWarnings({ ...dropped, duplicates: sorted.length - slices.length }),
      ...sliceWarnings(slices, gapMm),
      ...pixelWarnings(lossy, collection.oddities),
      ...headerWarnings(header),
      ...(membership.frameOfReferenceUid === '' ? [mintedFrameOfReference(frameOfReference)] : []),
    ],
  };
}

function gridOf(slices: readonly StackedSlice[], gapMm: number): Grid {
  const first = slices[0]!;
  return {
    shape: [first.columns, first.rows, slices.length],
    spacingMm: [first.columnSpacingMm, first.rowSpacingMm, gapMm],
    originMm: first.positionMm,
    axes: [first.rowAxis, first.columnAxis, first.normal],
  };
}

/** The frame of reference of a series that states none. */
export function derivedFrameOfReference(seriesInstanceUid: string): string {
  return derivedUid('frame-of-reference', seriesInstanceUid);
}
