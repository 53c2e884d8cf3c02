import type { Progress } from '../progress.ts';
import { foregroundVoxels } from '../volume/components.ts';
import { patientAlignedGrid, voxelMl, widen } from '../volume/geometry.ts';
import { resampleHu } from '../volume/resample.ts';
import type { CtSeries, Warning } from '../volume/series.ts';
import type { Grid, Vec3, Volume } from '../volume/volume.ts';
import { huTransform } from './intensity.ts';
import { coarseField, coarseWindows, type LocatedLiver, locateLiver, lookForLiver, noLiver } from './locate.ts';
import type { Manifest, Stage } from './manifest.ts';
import type { Model } from './model.ts';
import { clearOutside, holdsAny, surroundings } from './near.ts';
import { postprocess } from './postprocess.ts';
import { type Probabilities, useAgain } from './probabilities.ts';
import { decideOnScannerGrid } from './scanner-grid.ts';
import { BACKGROUND, type Segmentation } from './segmentation.ts';
import type { NetworkSession } from './session.ts';
import { liverOn, shareIn } from './share.ts';
import { asAsked, mirroring } from './sliding.ts';
import { windowFor, windowsNeeded } from './tiles.ts';
import { segmentWholeScan } from './whole-scan/segment.ts';
import { atLeastWindow, runWindows } from './windows.ts';
import { type SegmentOptions, withNetwork } from './with-network.ts';

export type { SegmentOptions } from './with-network.ts';

/** Share of the whole at which each part of the work ends: time on a typical abdominal scan. */
const LOCATED = 0.25;
const WINDOWS_DONE = 0.95;

/**
 * Segments the liver and its lesions. Stage 1 finds the liver on a coarse grid over the whole scan; stage 2 looks at the
 * box around it in fine windows; its probabilities go back to the scanner's own grid, where the labels are decided.
 * Both stages see the patient from the same side, however the slices are stored or tilted. A model without stage 1 sees
 * the whole scan, as the system that trained it does.
 * @throws Refusal 'no-liver-in-view'; ProviderError; NetworkError; ModelError when a network changed since it was loaded;
 * the signal's reason when cancelled
 */
export async function segment(
  series: CtSeries,
  model: Model,
  options: SegmentOptions,
  { signal, report }: Progress,
): Promise<Segmentation> {
  const { volume } = series;
  const { cascade, postprocessing } = model.manifest;
  if (!cascade.locate) return segmentWholeScan(series, model, options, { signal, report });
  const { locate, leastLiverMl } = cascade;
  const stage = asAsked(cascade.segment, options.sliding);
  const progress = (from: number, to: number) => (fraction: number) => report('segment', from + (to - from) * fraction);
  report('segment', 0);

  const warnings: Warning[] = [];
  const { lost, seen } = await withNetwork(
    model,
    { stage: locate, windows: coarseWindows(volume.grid, locate) },
    options,
    signal,
    warnings,
    () => coarseField(volume, locate, leastLiverMl),
    async (session, field) => ({
      // Taken out when it is used: a long scan's memory is not kept through stage 2.
      seen: [{ field, found: await lookForLiver(field, locate, session, signal, progress(0, LOCATED)) }],
      lost: session.faults && session.engine.provider === 'cpu' ? session.engine : null,
    }),
  );
  // A GPU that was lost to stage 1 is not asked again.
  const rest = lost ? { ...options, provider: lost.provider } : options;
  const located = locateLiver(seen[0]!.field, seen[0]!.found, leastLiverMl);
  const frame = frameOf(located, cascade.marginMm, stage);
  const { probabilities, heatMap, engine } = await withNetwork(
    model,
    { stage, size: frame.stage.windowVoxels, windows: frame.windows },
    rest,
    signal,
    warnings,
    () => closeUp(volume, located, frame, seen.pop()!.found, cascade),
    async (session, close) => {
      const network = mirroring(session, frame.stage, options.sliding);
      const result = await lookClosely(frame, close, located, network, signal, progress(LOCATED, WINDOWS_DONE));
      return { ...result, engine: lost ?? session.engine };
    },
  );

  const decided = await decideOnScannerGrid(probabilities, frame.grid, volume.grid, signal);
  if (decided === null) throw noLiver(0, leastLiverMl);
  postprocess(decided.labelMap, decided.lesionProbability, postprocessing);
  const { labelMap, lesionProbability } = decided;
  const isLabelled = (label: number) => label !== BACKGROUND;
  const found = foregroundVoxels(labelMap.labels, volume.grid.shape, isLabelled, lesionProbability.box);
  const foundMl = found * voxelMl(volume.grid);
  if (foundMl === 0 || foundMl < leastLiverMl) throw noLiver(foundMl, leastLiverMl);
  report('segment', 1);
  return { ...decided, heatMap, liverMedianHu: located.medianHu, engine, warnings };
}

/** The box around the located liver: what stage 2 looks at, and how. */
interface Frame {
  readonly grid: Grid;
  /** With windows of the size that suits it. */
  readonly stage: Stage;
  /** How many of them cover it. */
  readonly windows: number;
}

function frameOf({ grid, box }: LocatedLiver, marginMm: number, stage: Stage): Frame {
  const tight = patientAlignedGrid(grid, widen(grid, box, marginMm) ?? box, stage.spacingMm);
  const windowVoxels = windowFor(tight.shape, stage);
  return {
    grid: atLeastWindow(tight, windowVoxels),
    stage: { ...stage, windowVoxels: [...windowVoxels] },
    windows: windowsNeeded(tight.shape, windowVoxels, stage.overlap),
  };
}

/** What stage 2 is shown, and where the liver may be. */
interface CloseUp {
  /** On the grid of the frame. */
  readonly hu: Float32Array;
  /** 1 there, on the grid of the located liver. */
  readonly near: Uint8Array;
  /** What stage 1 says of whether a voxel of the fine grid is liver, diseased or not; null where it has no share in that. */
  readonly before: { readonly probability: Float32Array; readonly share: number } | null;
}

function closeUp(
  volume: Volume,
  located: LocatedLiver,
  { grid }: Frame,
  found: Probabilities,
  { marginMm, locateShare: share = 0 }: Manifest['cascade'],
): CloseUp {
  const before = share > 0 ? { probability: liverOn(grid, found, located.grid), share } : null;
  useAgain(found);
  return { hu: resampleHu(volume, grid), near: surroundings(located, marginMm), before };
}

/** Stage 2: probabilities on the fine grid, and of its patches. */
async function lookClosely(
  { grid, stage }: Frame,
  { hu, near, before }: CloseUp,
  located: LocatedLiver,
  session: NetworkSession,
  signal: AbortSignal,
  done: (fraction: number) => void,
) {
  const { probabilities, presence } = await runWindows(
    { grid, hu },
    {
      stage,
      session,
      transform: huTransform(stage.intensity, located.medianHu),
      wanted: (start) => holdsAny(near, located.grid, grid, start, stage.windowVoxels),
      signal,
      done,
    },
  );
  if (before) shareIn(probabilities, before.probability, before.share);
  clearOutside(probabilities, grid, near, located.grid);
  return {
    probabilities,
    heatMap: presence && { field: presence, patchMm: patchMm(stage) },
  };
}

function patchMm({ presence, spacingMm }: Stage): Vec3 {
  const [x, y, z] = presence!.patchVoxels;
  return [x * spacingMm[0], y * spacingMm[1], z * spacingMm[2]];
}
