import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type FindingsDocument, NOTICE } from '../findings/schema.ts';
import { loadModel, type Model } from '../inference/model.ts';
import { slidingOptions } from '../inference/sliding.ts';
import { Engine } from '../jobs/engine.ts';
import { runId } from '../jobs/run.ts';
import type { Progress } from '../progress.ts';
import type { ArchivedRun } from '../reports/archived-run.ts';
import { unusual } from '../reports/options.ts';
import type { RestoreOrder } from '../restore.ts';
import { type ChosenPrior, choosePrior } from './choose-prior.ts';
import { type ChosenSource, chooseSource } from './choose-source.ts';
import { onInterrupt, UsageError } from './failure.ts';
import { priorsSummary } from './priors-summary.ts';
import { showProgress } from './progress-display.ts';
import { readOptions, type SegmentOptions, USAGE } from './segment-options.ts';
import { fetchObjects, type NamedRun, nameRun } from './stored-result.ts';

/** What a result may consist of. */
const RESULT_FILES = [
  'findings.json',
  'heatmap.png',
  'labels.nii.gz',
  'liver.dcm',
  'mask',
  'mask-liver',
  'mask.dcm',
  'preview.png',
  'probability.dcm',
  'report.dcm',
  'rtstruct.dcm',
  'secondary-capture',
  'segmentation.dcm',
];

/** `hepar segment`: segments one series of a folder, a zip or an archive, and writes the result into a folder. */
export async function segmentCommand(args: string[]): Promise<number> {
  const options = await readOptions(args);
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  using interrupt = onInterrupt();
  await using stack = new AsyncDisposableStack();
  // What takes its time goes on beside the rest: the start of the engine, what the archive answers, the reading of the networks.
  const engine = new Engine();
  stack.defer(() => engine.close());
  engine.prepare();
  const ended = new AbortController();
  stack.defer(() => ended.abort());
  const signal = AbortSignal.any([interrupt.signal, ended.signal]);
  const choosing = chooseSource(options, signal);
  choosing.catch(() => {});
  const model = await loadModel(options.modelDir);
  if (options.heatMap && !model.manifest.cascade.segment.presence) {
    const { id, version } = model.manifest;
    throw new UsageError(`--heatmap: the model ${id} ${version} has no output for a heat map.`);
  }
  const chosen = await choosing;
  const prior = await choosePrior(options, chosen.source, signal);
  const display = showProgress(process.stderr);
  try {
    const made = await run(engine, chosen, prior, model, options, { signal, report: display.report });
    display.end();
    process.stdout.write(summary(made, options.out));
    return 0;
  } finally {
    display.end();
  }
}

/** The result is made beside the folder that receives it, and moved in when it is complete. */
async function run(
  engine: Engine,
  chosen: ChosenSource,
  prior: ChosenPrior,
  model: Model,
  options: SegmentOptions,
  progress: Progress,
): Promise<{ readonly findings: FindingsDocument; readonly isReadBack: boolean }> {
  const { out, modelDir, heatMap, store, results, nifti } = options;
  await mkdir(out, { recursive: true });
  await refuseForeignFolders(out);
  const { runId, archived, supersedes } = await named(chosen, prior, model, options);
  const unfinished = await mkdtemp(join(out, '.unfinished-'));
  const made = join(unfinished, 'result');
  try {
    const findings = await engine.run(
      {
        runId,
        source: chosen.source,
        modelDir: archived ? null : modelDir,
        ...options.engine,
        outDir: made,
        options: results,
        plainFiles: nifti ? ['masks', 'nifti'] : ['masks'],
        heatMap: heatMap && !archived,
        store: store && !archived,
        supersedes,
        archived: archived ? restoreOrder(archived) : undefined,
        createdAt: (archived?.createdAt ?? new Date()).toISOString(),
        priors: prior.source,
      },
      progress,
    );
    if (archived && chosen.source.kind === 'dicomweb') {
      await fetchObjects(runId, chosen.studyInstanceUid, chosen.source.archive, made, progress.signal);
    }
    // Nothing of an earlier result may be taken for this one's.
    for (const name of RESULT_FILES) await rm(join(out, name), { recursive: true, force: true });
    for (const name of await readdir(made)) await rename(join(made, name), join(out, name));
    return { findings, isReadBack: archived !== null };
  } finally {
    await engine.close();
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** The run by its name; where it is to be stored, one that gives no second content to what the archive has. */
async function named(
  chosen: ChosenSource,
  prior: ChosenPrior,
  { manifest, digest }: Model,
  { store, again, results, engine }: SegmentOptions,
): Promise<NamedRun> {
  const parts = { ...chosen, model: { id: manifest.id, version: manifest.version, digest } };
  const changing = { ...unusual(results), ...slidingOptions(engine.sliding), ...prior.options };
  if (store && chosen.source.kind === 'dicomweb') return nameRun(parts, changing, chosen.source.archive, again);
  return { runId: runId({ ...parts, repeat: 0 }, changing), archived: null, supersedes: null };
}

const restoreOrder = ({ model, engine, confidences }: ArchivedRun): RestoreOrder => ({ model, engine, confidences });

/**
 * Folders of an earlier result are replaced: none may hold anything else.
 * @throws UsageError
 */
async function refuseForeignFolders(out: string): Promise<void> {
  for (const name of RESULT_FILES.filter((file) => !file.includes('.'))) {
    const files = await readdir(join(out, name)).catch(() => []);
    const foreign = files.find((file) => !/^\d{4,}\.(png|dcm)$/.test(file));
    if (foreign !== undefined) {
      throw new UsageError(
        `--out ${out}: its folder ${name} holds ${foreign}, which is no result; choose another folder.`,
      );
    }
  }
}

const READ_BACK = 'Note: The archive has this result already. It was read back; nothing was made or stored anew.';

/** What a person wants to know at a glance. */
function summary({ findings, isReadBack }: Awaited<ReturnType<typeof run>>, out: string): string {
  const { liver, lesions, lesionBurdenMl, engine, priors, warnings } = findings;
  const found =
    lesions.length === 0
      ? 'No lesion found.'
      : `${lesions.length} lesion${lesions.length === 1 ? '' : 's'}, ${lesionBurdenMl} ml in all:`;
  const rows = lesions.map(
    ({ number, volumeMl, longAxisMm, shortAxisMm, meanHu, confidence }) =>
      `  ${String(number).padStart(2)}  ${volumeMl} ml  ${longAxisMm} x ${shortAxisMm} mm  ${meanHu} HU  confidence ${confidence}`,
  );
  return [
    `Liver ${liver.volumeMl} ml. ${found}`,
    ...rows,
    ...priorsSummary(priors),
    ...warnings.map(({ message }) => `Note: ${message}`),
    ...(isReadBack ? [READ_BACK] : []),
    `Written to ${out} (${engine.provider}: ${engine.device}).`,
    NOTICE,
    '',
  ].join('\n');
}
