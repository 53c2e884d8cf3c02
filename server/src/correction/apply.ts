import { LIVER_SEGMENT } from '../findings/measure.ts';
import { Refusal } from '../refusal.ts';
import type { CtSeries } from '../volume/series.ts';
import type { LabelMap } from '../volume/volume.ts';
import type { Correction, EditedSegment } from './schema.ts';

/** An edited label map on the series' grid. */
export interface Edited {
  /** 0 background, LIVER_SEGMENT liver without its lesions, LIVER_SEGMENT + n the n-th of `lesions`. */
  readonly segments: LabelMap<Uint16Array>;
  /** In the order of their declaration; some may have no voxel. */
  readonly lesions: readonly EditedSegment[];
}

/**
 * Puts a correction on the series' own slices. Lesions go before liver, of two lesions the later run counts.
 * @throws Refusal when its slices are not the series'
 */
export function applyCorrection({ volume: { grid }, slices }: CtSeries, correction: Correction): Edited {
  const [columns, rows, count] = grid.shape;
  const indices = new Map(slices.map(({ sopInstanceUid, frameNumber }, k) => [`${sopInstanceUid}/${frameNumber}`, k]));
  const lesions = correction.segments.filter(({ kind }) => kind === 'lesion');
  const livers = correction.segments.filter(({ kind }) => kind === 'liver');
  const labelOf = {
    liver: new Map(livers.map(({ segment }) => [segment, LIVER_SEGMENT])),
    lesion: new Map(lesions.map(({ segment }, n) => [segment, LIVER_SEGMENT + 1 + n])),
  };
  const labels = new Uint16Array(columns * rows * count);
  if (correction.columns !== columns || correction.rows !== rows || correction.slices.length !== count) {
    throw notItsSlices(`the series has ${count} of ${columns} x ${rows}`);
  }
  for (const { sopInstanceUID, frame, runs } of correction.slices) {
    const k = indices.get(`${sopInstanceUID}/${frame}`);
    if (k === undefined) throw notItsSlices(`${sopInstanceUID} is none of them`);
    const start = k * columns * rows;
    for (const pass of ['liver', 'lesion'] as const) {
      for (let at = 0; at < runs.length; at += 3) {
        const label = labelOf[pass].get(runs[at]!);
        if (label === undefined) continue;
        const first = start + runs[at + 1]!;
        labels.fill(label, first, first + runs[at + 2]!);
      }
    }
  }
  return { segments: { grid, labels }, lesions };
}

function notItsSlices(why: string): Refusal {
  return new Refusal('other-slices', `The correction is not of the slices that were segmented: ${why}.`);
}

/** Leaves the liver where it was, in place, wherever nothing else was drawn. */
export function keepLiver({ segments: { labels } }: Edited, before: Uint16Array): void {
  for (let voxel = 0; voxel < labels.length; voxel++) {
    if (labels[voxel] === 0 && before[voxel] === LIVER_SEGMENT) labels[voxel] = LIVER_SEGMENT;
  }
}
