/**
 * The cascade against one stage with the same fine network, whose windows overlap by half and cover the whole scan of
 * 300 slices on a grid of 1.5 mm; each from the scan to the labels on the scanner's grid. Prints a Markdown table.
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
import { benchSeries } from './phantom-ct.ts';
import { heading, row } from './table.ts';

const SPACING_MM = [1.5, 1.5, 1.5] as const;
const OVERLAP = 0.5;
const threads = availableParallelism();
const signal = new AbortController().signal;

const model = await loadModel(bundledModelDir());
const series = await benchSeries();
const cascade = await timed(() => segment(series, model, { provider: 'cpu', threads }, { signal, report: () => {} }));

const stage = {
  ...ofOneSize(model.manifest.cascade.segment),
  spacingMm: [...SPACING_MM] as [number, number, number],
  overlap: OVERLAP,
};
const oneStage = await timed(async () => {
  const session = await openSession((network) => readNetwork(model.dir, network), stage, 'cpu', threads);
  const grid = patientAlignedGrid(series.volume.grid, wholeBox(series.volume.grid), SPACING_MM);
  const { probabilities } = await runWindows(
    { grid, hu: resampleHu(series.volume, grid) },
    { stage, session, transform: huTransform(stage.intensity, 105), wanted: () => true, signal, done: () => {} },
  );
  await session.release();
  const field = { grid, channels: 2, values: probabilities.both };
  const decided = (await decideOnScannerGrid(field, series.volume.grid, signal))!;
  postprocess(decided.labelMap, decided.lesionProbability, model.manifest.postprocessing);
  return windowsOver(grid.shape, stage.windowVoxels, OVERLAP).length;
});
heading('300 slices of 512 x 512', 'seconds');
row('cascade, to the labels on the scanner’s grid', cascade.seconds.toFixed(1));
row(`one stage, ${oneStage.result} windows at 1.5 mm, overlap 0.5, to the same`, oneStage.seconds.toFixed(1));
row('ratio', (cascade.seconds / oneStage.seconds).toFixed(2));

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const started = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - started) / 1000 };
}
