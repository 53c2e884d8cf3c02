import type { Progress } from '../../progress.ts';
import { voxelMl } from '../../volume/geometry.ts';
import type { CtSeries, Warning } from '../../volume/series.ts';
import { noLiver } from '../locate.ts';
import type { Model } from '../model.ts';
import { postprocess } from '../postprocess.ts';
import { BACKGROUND, LIVER, type Segmentation } from '../segmentation.ts';
import { type SegmentOptions, withNetwork } from '../with-network.ts';
import { networkAxes, withoutZeroBorder } from './axes.ts';
import { Decision } from './decide.ts';
import { networkInput } from './input.ts';
import { slide } from './slide.ts';

/** Share of the work at which the network's grid is ready, and at which its windows are done. */
const PREPARED = 0.03;
const WINDOWS_DONE = 0.97;

/**
 * Segments the liver and its lesions with one network that sees the whole scan, as the system that trained it does: on
 * the scanner's own slices, put in the order and turned to the sides that it knows.
 * Needs 4 bytes a voxel of the larger grid, 2 of the scanner's, and 4 a channel for as many slices as a window has.
 * @throws Refusal 'no-liver-in-view'; ProviderError; NetworkError; ModelError when a network changed since it was loaded;
 * the signal's reason when cancelled
 */
export async function segmentWholeScan(
  { volume }: CtSeries,
  model: Model,
  options: SegmentOptions,
  { signal, report }: Progress,
): Promise<Segmentation> {
  const { cascade, postprocessing } = model.manifest;
  const { segment: stage, leastLiverMl } = cascade;
  const { orientation, conventions } = stage.wholeScan!;
  report('segment', 0);
  const whole = networkAxes(volume.grid, orientation);
  const axes = conventions === 'nnunet' ? withoutZeroBorder(whole, volume.hu) : whole;
  const warnings: Warning[] = [];
  const { decision, engine } = await withNetwork(
    model,
    { stage },
    options,
    signal,
    warnings,
    async () => {
      const input = await networkInput(volume.hu, axes, stage, signal);
      report('segment', PREPARED);
      return input;
    },
    async (session, input) => {
      const decision = new Decision(stage, volume.grid, axes, input);
      await slide(stage, session, input, decision, signal, (fraction) =>
        report('segment', PREPARED + (WINDOWS_DONE - PREPARED) * fraction),
      );
      return { decision, engine: session.engine };
    },
  );

  const decided = decision.finish();
  postprocess(decided.labelMap, decided.lesionProbability, postprocessing);
  const { labels } = decided.labelMap;
  let found = 0;
  for (const label of labels) if (label !== BACKGROUND) found++;
  const foundMl = found * voxelMl(volume.grid);
  if (found === 0 || foundMl < leastLiverMl) throw noLiver(foundMl, leastLiverMl);
  report('segment', 1);
  return { ...decided, heatMap: null, liverMedianHu: medianHu(volume.hu, labels), engine, warnings };
}

/** Median HU of the liver without its lesions; of all that was labelled where there is no such voxel. */
function medianHu(hu: Int16Array, labels: Uint8Array): number {
  const wanted = labels.includes(LIVER) ? (label: number) => label === LIVER : (label: number) => label !== BACKGROUND;
  const counts = new Map<number, number>();
  let all = 0;
  for (let voxel = 0; voxel < labels.length; voxel++) {
    if (!wanted(labels[voxel]!)) continue;
    counts.set(hu[voxel]!, (counts.get(hu[voxel]!) ?? 0) + 1);
    all++;
  }
  let below = 0;
  for (const value of [...counts.keys()].sort((a, b) => a - b)) {
    below += counts.get(value)!;
    if (2 * below >= all) return value;
  }
  return Number.NaN;
}
