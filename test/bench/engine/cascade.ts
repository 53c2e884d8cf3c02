/**
 * The cascade against one stage with the same fine network, whose windows overlap by half and cover the whole scan of
 * 300 slices on a grid of 1.5 mm; each from the scan to the labels on the scanner's grid, in turns; and the cascade over a
 * longer scan of the same liver. Prints a Markdown table.
 */
import { availableParallelism } from 'node:os';
import { bundledModelDir } from '../../../server/src/cli/bundled-model.ts';
import { segment } from '../../../server/src/inference/cascade.ts';
import { huTransform } from '../../../server/src/inference/intensity.ts';
import { loadModel, readNetwork } from '../../../server/src/inference/model.ts';
import { postprocess } from '../../../server/src/inference/postprocess.ts';
import { openSession } from '../../../server/src/inference/provider.ts';
import { decideOnScannerGrid } from '../../../server/src/inference/scanner-grid.ts';
import { ofOneSize } from '../../../server/src/inference/sliding.ts';
import { windowsOver } from '../../../server/src/inference/tiles.ts';
import { runWindows } from '../../../server/src/inference/windows.ts';
import { patientAlignedGrid, wholeBox } from '../../../server/src/volume/geometry.ts';
import { resampleHu } from '../../../server/src/volume/resample.ts';
import type { CtSeries } from '../../../server/src/volume/series.ts';
import { benchSeries } from './phantom-ct.ts';
import { heading, median, row } from './table.ts';

const SPACING_MM = [1.5, 1.5, 1.5] as const;
const OVERLAP = 0.5;
const ROUNDS = 5;
/** Slices of the same liver in a longer scan. */
const LONG = 1200;
const threads = availableParallelism();
const signal = new AbortController().signal;

const model = await loadModel(bundledModelDir());
const series = await benchSeries();
const long = await benchSeries(LONG);
const stage = {
  ...ofOneSize(model.manifest.cascade.segment),
  spacingMm: [...SPACING_MM] as [number, number, number],
  overlap: OVERLAP,
};
let windows = 0;

const spent = { cascade: [] as number[], oneStage: [] as number[], long: [] as number[] };
for (let round = 0; round < ROUNDS; round++) {
  spent.cascade.push(await secondsOf(() => lookTwice(series)));
  spent.oneStage.push(await secondsOf(lookOnce));
  spent.long.push(await secondsOf(() => lookTwice(long)));
}
const [cascade, oneStage, ofLong] = [median(spent.cascade), median(spent.oneStage), median(spent.long)];
heading(`300 slices of 512 x 512, median of ${ROUNDS}`, 'seconds');
row('cascade, to the labels on the scanner’s grid', cascade.toFixed(1));
row(`one stage, ${windows} windows at 1.5 mm, overlap 0.5, to the same`, oneStage.toFixed(1));
row('ratio', (cascade / oneStage).toFixed(2));
row(`cascade over ${LONG} slices`, ofLong.toFixed(1));
row('ratio to that over 300', (ofLong / cascade).toFixed(2));

async function lookTwice(of: CtSeries): Promise<void> {
  await segment(of, model, { provider: 'cpu', threads }, { signal, report: () => {} });
}

async function lookOnce(): Promise<void> {
  const session = await openSession((network) => readNetwork(model.dir, network), stage, 'cpu', threads);
  const grid = patientAlignedGrid(series.volume.grid, wholeBox(series.volume.grid), SPACING_MM);
  const { probabilities } = await runWindows(
    { grid, hu: resampleHu(series.volume, grid) },
    { stage, session, transform: huTransform(stage.intensity, 105), wanted: () => true, signal, done: () => {} },
  );
  await session.release();
  const decided = (await decideOnScannerGrid(probabilities, grid, series.volume.grid, signal))!;
  postprocess(decided.labelMap, decided.lesionProbability, model.manifest.postprocessing);
  windows = windowsOver(grid.shape, stage.windowVoxels, OVERLAP).length;
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
