import { parseInstance } from '../dicom/parse.ts';
import { segment } from '../inference/cascade.ts';
import { checkNetworks, type ModelRemark } from '../inference/check.ts';
import { ModelError } from '../inference/errors.ts';
import { loadModel, type Model } from '../inference/model.ts';
import { LESION } from '../inference/segmentation.ts';
import { scoreAgainstTruth } from '../phantom/score.ts';
import { collectSeries, makePhantomSeries, SAMPLE_GEOMETRY, SMALL_GEOMETRY } from '../phantom/series.ts';
import type { Progress } from '../progress.ts';
import { Refusal } from '../refusal.ts';
import { assemble } from '../volume/assemble.ts';
import { connectedComponents, paintComponents } from '../volume/components.ts';

export interface CheckOptions {
  /** A coarse phantom: the model is tried in seconds, its memory on a patient's scan is not told. */
  readonly small: boolean;
  readonly threads: number;
  readonly progress: Progress;
}

export interface CheckedModel {
  /** null when it cannot even be loaded. */
  readonly model: Model | null;
  readonly remarks: readonly ModelRemark[];
  readonly runs: readonly string[];
}

/** All that is wrong with the model in a folder, and how it does on the phantom where nothing is. */
export async function checkModel(dir: string, options: CheckOptions): Promise<CheckedModel> {
  let model: Model;
  try {
    model = await loadModel(dir);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    const remarks = error.problems.map((message): ModelRemark => ({ kind: 'problem', message }));
    return { model: null, remarks, runs: [] };
  }
  const { remarks, runs } = await checkNetworks(model, options.threads);
  if (remarks.some(({ kind }) => kind === 'problem')) return { model, remarks, runs };
  const tried = await tryOnPhantom(model, options);
  return { model, remarks: [...remarks, ...tried.remarks], runs: [...runs, ...tried.runs] };
}

/** The whole cascade over a scan whose answer is known. That a network sees nothing in made images is no fault of it. */
async function tryOnPhantom(model: Model, options: CheckOptions): Promise<Omit<CheckedModel, 'model'>> {
  const { small, threads, progress } = options;
  const phantom = makePhantomSeries({ seed: 1, geometry: small ? SMALL_GEOMETRY : SAMPLE_GEOMETRY });
  const { instances, truth } = collectSeries(phantom);
  const quiet = { signal: progress.signal, report: () => {} };
  const series = await assemble(parsed(instances), quiet, instances.length);
  const size = series.volume.grid.shape.join(' x ');
  const started = performance.now();
  try {
    const { labelMap, engine } = await segment(series, model, { provider: 'auto', threads }, progress);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const found = numbered(labelMap.labels, labelMap.grid.shape);
    const { liverDice, lesions, falseLesions } = scoreAgainstTruth({ truth: truth.labels, found, voxelVolumeMl: 1 });
    const peakMib = Math.round(process.resourceUsage().maxRSS / 1024);
    const hits = lesions.filter((lesion) => lesion.found).length;
    return {
      remarks: [],
      runs: [
        `phantom of ${size}: ${seconds} s to segment on ${engine.provider}, at most ${peakMib} MiB in this process; liver Dice ` +
          `${liverDice.toFixed(2)}, ${hits} of ${lesions.length} lesions found, ${falseLesions.length} false`,
      ],
    };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { remarks: [{ kind: 'note', message: `on the phantom of ${size}: ${error.message}` }], runs: [] };
  }
}

async function* parsed(instances: readonly { readonly bytes: Uint8Array }[]) {
  for (const { bytes } of instances) yield parseInstance(bytes);
}

/** Lesions as labels of their own, as the phantom's truth has them. */
function numbered(labels: Uint8Array, shape: readonly [number, number, number]): Uint16Array {
  const lesions = connectedComponents(labels, shape, (label) => label === LESION);
  const found = Uint16Array.from(labels, (label) => Math.min(label, 1));
  paintComponents(found, lesions, (label) => 1 + label);
  return found;
}
