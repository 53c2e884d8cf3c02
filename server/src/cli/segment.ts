import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readConfig } from '../config.ts';
import { createArchive } from '../dicomweb/archive.ts';
import { surveyFiles } from '../dicomweb/survey.ts';
import { type FindingsDocument, NOTICE } from '../findings/schema.ts';
import { loadModel, type Model } from '../inference/model.ts';
import { type Sliding, slidingOptions } from '../inference/sliding.ts';
import { Engine } from '../jobs/engine.ts';
import { runId } from '../jobs/run.ts';
import type { RunRequest, SeriesSource } from '../pipeline.ts';
import type { Progress } from '../progress.ts';
import { Refusal } from '../refusal.ts';
import type { ArchivedRun } from '../reports/archived-run.ts';
import { DEFAULT_OPTIONS, OPTIONAL_OBJECTS, type ResultOptions, unusual } from '../reports/options.ts';
import type { RestoreOrder } from '../restore.ts';
import { defaultModelDir } from './bundled-model.ts';
import { type ChosenPrior, choosePrior } from './choose-prior.ts';
import { chooseSeries } from './choose-series.ts';
import { onInterrupt, parseOrExplain, UsageError } from './failure.ts';
import { priorsSummary } from './priors-summary.ts';
import { showProgress } from './progress-display.ts';
import { fetchObjects, type NamedRun, nameRun } from './stored-result.ts';

const USAGE = `usage: hepar segment INPUT --out DIR [options]

INPUT is a folder or zip of DICOM files, or with --dicomweb a STUDYUID or STUDYUID/SERIESUID.

  --out DIR         where the result goes: segmentation.dcm, report.dcm, findings.json, preview.png, the pictures as
                    DICOM in secondary-capture/, and a black-and-white PNG a slice in mask/ and mask-liver/
  --series UID      which series, when the input holds several
  --dicomweb URL    take the series from this archive; credentials in HEPAR_DICOMWEB_USERNAME and
                    HEPAR_DICOMWEB_PASSWORD, or HEPAR_DICOMWEB_TOKEN
  --heatmap         write heatmap.png as well: how probable it is, patch by patch, that there is lesion
  --store           put the result into that archive. One that it has already is read back, and nothing is made anew
  --again           with --store: make it anew, as a result that supersedes the one in the archive
  --nifti           also write the label map as labels.nii.gz
  --objects LIST    DICOM objects beside SEG and SR: none, or some of ${OPTIONAL_OBJECTS.join(', ')},
                    with commas between them (default: ${DEFAULT_OPTIONS.objects.join(',')})
  --seg NAME        binary, which every reader takes, or labelmap (default: ${DEFAULT_OPTIONS.seg})
  --liver WHERE     the liver's own voxels: together with the lesions, own-series, left-out, or auto: in a series of
                    their own beyond 400 frames (default: ${DEFAULT_OPTIONS.liver})
  --deflated        segmentations in the deflated transfer syntax
  --prior WHAT      read the result against an earlier one of the patient: a folder, zip or file with its
                    segmentation.dcm, or with --dicomweb also STUDYUID/SERIESUID. By default the newest in the
                    archive, and none for files
  --no-priors       look for none in the archive
  --model DIR       a model's folder (default: as hepar models default says, else the bundled one)
  --provider NAME   auto, cuda, directml, coreml, webgpu or cpu (default: auto)
  --threads N       threads for inference (default: one for each core)

Exit code: 0 done, 2 the input is unsuitable, 1 anything else.
${NOTICE}
`;

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

interface Options {
  readonly input: string;
  readonly out: string;
  readonly series: string | undefined;
  readonly dicomweb: string | undefined;
  readonly heatMap: boolean;
  readonly store: boolean;
  readonly again: boolean;
  readonly prior: string | undefined;
  readonly noPriors: boolean;
  readonly modelDir: string;
  readonly provider: RunRequest['provider'];
  readonly device: number;
  readonly cpuFallback: boolean;
  readonly dataDir: string;
  readonly sliding: Sliding;
  readonly threads: number | undefined;
  readonly results: ResultOptions;
  readonly nifti: boolean;
}

interface Chosen {
  readonly source: SeriesSource;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly instances: readonly string[];
}

/** `hepar segment`: segments one series of a folder, a zip or an archive, and writes the result into a folder. */
export async function segmentCommand(args: string[]): Promise<number> {
  const options = await readOptions(args);
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  using interrupt = onInterrupt();
  const model = await loadModel(options.modelDir);
  if (options.heatMap && !model.manifest.cascade.segment.presence) {
    const { id, version } = model.manifest;
    throw new UsageError(`--heatmap: the model ${id} ${version} has no output for a heat map.`);
  }
  const chosen =
    options.dicomweb === undefined ? await fromFiles(options, interrupt.signal) : await fromArchive(options);
  const prior = await choosePrior(options, chosen.source, interrupt.signal);
  const display = showProgress(process.stderr);
  try {
    const made = await run(chosen, prior, model, options, { signal: interrupt.signal, report: display.report });
    display.end();
    process.stdout.write(summary(made, options.out));
    return 0;
  } finally {
    display.end();
  }
}

/** The result is made beside the folder that receives it, and moved in when it is complete. */
async function run(
  chosen: Chosen,
  prior: ChosenPrior,
  model: Model,
  options: Options,
  progress: Progress,
): Promise<{ readonly findings: FindingsDocument; readonly isReadBack: boolean }> {
  const { out, modelDir, provider, device, cpuFallback, dataDir, sliding, threads, heatMap, store, results, nifti } =
    options;
  await mkdir(out, { recursive: true });
  await refuseForeignFolders(out);
  const { runId, archived, supersedes } = await named(chosen, prior, model, options);
  const unfinished = await mkdtemp(join(out, '.unfinished-'));
  const made = join(unfinished, 'result');
  const engine = new Engine();
  try {
    const findings = await engine.run(
      {
        runId,
        source: chosen.source,
        modelDir: archived ? null : modelDir,
        provider,
        device,
        cpuFallback,
        dataDir,
        sliding,
        threads,
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
  chosen: Chosen,
  prior: ChosenPrior,
  { manifest, digest }: Model,
  { store, again, results, sliding }: Options,
): Promise<NamedRun> {
  const parts = { ...chosen, model: { id: manifest.id, version: manifest.version, digest } };
  const changing = { ...unusual(results), ...slidingOptions(sliding), ...prior.options };
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

async function fromFiles({ input, series }: Options, signal: AbortSignal): Promise<Chosen> {
  const path = resolve(input);
  const survey = await surveyFiles(path, { signal });
  const chosen = chooseSeries(
    survey.map((each) => ({ ...each, uids: each.instances, instances: each.instances.length })),
    series,
  );
  const { studyInstanceUid, seriesInstanceUid, uids } = chosen;
  return {
    source: { kind: 'files', path, seriesInstanceUid, files: chosen.files },
    studyInstanceUid: studyInstanceUid ?? '',
    seriesInstanceUid,
    instances: uids,
  };
}

async function fromArchive({ input, series, dicomweb }: Options): Promise<Chosen> {
  const { archive } = readConfig({ ...process.env, HEPAR_DICOMWEB_URL: dicomweb });
  const [studyInstanceUid = '', inPath] = input.split('/', 2);
  const client = createArchive(archive!);
  try {
    const candidates = (await client.findSeries(studyInstanceUid)).map((each) => ({
      ...each,
      instances: each.instances ?? 0,
    }));
    if (candidates.length === 0)
      throw new Refusal('no-such-series', `There is no study ${studyInstanceUid} in the archive.`);
    const { seriesInstanceUid } = chooseSeries(candidates, series ?? inPath);
    const instances = await client.findInstances(studyInstanceUid, seriesInstanceUid);
    return {
      source: { kind: 'dicomweb', archive: archive!, studyInstanceUid, seriesInstanceUid, instances },
      studyInstanceUid,
      seriesInstanceUid,
      instances,
    };
  } finally {
    client.close();
  }
}

async function readOptions(args: string[]): Promise<Options | 'help'> {
  const { values, positionals } = parse(args);
  if (values.help) return 'help';
  const [input, ...others] = positionals;
  if (input === undefined || others.length > 0) throw new UsageError(`give one INPUT.\n${USAGE}`);
  if (values.out === undefined) throw new UsageError(`--out DIR is missing.\n${USAGE}`);
  if (values.store && values.dicomweb === undefined) throw new UsageError('--store needs --dicomweb URL.');
  if (values.again && !values.store) throw new UsageError('--again needs --store.');
  if (values.prior !== undefined && values['no-priors']) throw new UsageError('--prior or --no-priors, not both.');
  const { provider, device, cpuFallback, dataDir, sliding, threads, results } = readConfig({
    HEPAR_OVERLAP: process.env.HEPAR_OVERLAP,
    HEPAR_MIRROR: process.env.HEPAR_MIRROR,
    HEPAR_DATA: process.env.HEPAR_DATA,
    HEPAR_PROVIDER: values.provider ?? process.env.HEPAR_PROVIDER,
    HEPAR_DEVICE: process.env.HEPAR_DEVICE,
    HEPAR_CPU_FALLBACK: process.env.HEPAR_CPU_FALLBACK,
    HEPAR_THREADS: values.threads ?? process.env.HEPAR_THREADS,
    HEPAR_OBJECTS: values.objects ?? process.env.HEPAR_OBJECTS,
    HEPAR_SEG: values.seg ?? process.env.HEPAR_SEG,
    HEPAR_SEG_LIVER: values.liver ?? process.env.HEPAR_SEG_LIVER,
    HEPAR_SEG_DEFLATED: values.deflated ? 'on' : process.env.HEPAR_SEG_DEFLATED,
  });
  return {
    input,
    out: resolve(values.out),
    series: values.series,
    dicomweb: values.dicomweb,
    heatMap: values.heatmap ?? false,
    store: values.store ?? false,
    again: values.again ?? false,
    prior: values.prior,
    noPriors: values['no-priors'] ?? false,
    modelDir: values.model === undefined ? await defaultModelDir() : resolve(values.model),
    provider,
    device,
    cpuFallback,
    dataDir,
    sliding,
    threads,
    results,
    nifti: values.nifti ?? false,
  };
}

function parse(args: string[]) {
  return parseOrExplain(USAGE, {
    args,
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      series: { type: 'string' },
      dicomweb: { type: 'string' },
      heatmap: { type: 'boolean' },
      store: { type: 'boolean' },
      again: { type: 'boolean' },
      prior: { type: 'string' },
      'no-priors': { type: 'boolean' },
      model: { type: 'string' },
      provider: { type: 'string' },
      threads: { type: 'string' },
      objects: { type: 'string' },
      seg: { type: 'string' },
      liver: { type: 'string' },
      deflated: { type: 'boolean' },
      nifti: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
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
