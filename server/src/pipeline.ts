import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CorrectionOrder, correct, type Result } from './correct.ts';
import type { Instance } from './dicom/instance.ts';
import { type ArchiveOptions, createArchive } from './dicomweb/archive.ts';
import { ArchiveError, SourceGone } from './dicomweb/errors.ts';
import { readFiles } from './dicomweb/files.ts';
import { findingsDocument } from './findings/document.ts';
import { measure } from './findings/measure.ts';
import { plausibilityWarnings } from './findings/plausibility.ts';
import type { FindingsDocument } from './findings/schema.ts';
import { segment } from './inference/cascade.ts';
import { type Model, readModel } from './inference/model.ts';
import type { ProviderPreference } from './inference/provider.ts';
import type { Sliding } from './inference/sliding.ts';
import { type PriorsSource, readAgainstPriors } from './priors/stage.ts';
import type { Progress } from './progress.ts';
import { makeObjects, onePreview, resultUids } from './reports/objects.ts';
import { DEFAULT_OPTIONS, type PlainFile, type ResultOptions } from './reports/options.ts';
import { type RestoreOrder, restore } from './restore.ts';
import { objectsIn, readFindings, writeFindings, writeObjects } from './result-folder.ts';
import { Stopwatch } from './stopwatch.ts';
import { VERSION } from './version.ts';
import { assemble } from './volume/assemble.ts';
import { readInstance } from './volume/damage.ts';
import type { CtSeries } from './volume/series.ts';

/** A series in an archive, or in a folder or zip of DICOM files. */
export type SeriesSource =
  | {
      readonly kind: 'dicomweb';
      readonly archive: ArchiveOptions;
      readonly studyInstanceUid: string;
      readonly seriesInstanceUid: string;
      /** SOP Instance UIDs that the run was named by: these are segmented, whatever has arrived since. */
      readonly instances?: readonly string[] | undefined;
    }
  | {
      readonly kind: 'files';
      readonly path: string;
      /** Which of its series; by default there is only one. */
      readonly seriesInstanceUid?: string | undefined;
      /** How many files it has, for progress. */
      readonly files?: number | undefined;
    };

/** On what a network runs, and how. */
export interface EngineSettings {
  readonly provider: ProviderPreference;
  /** Threads for inference; by default one for each core. */
  readonly threads?: number | undefined;
  /** Which of several GPUs, from 0; the first by default. */
  readonly device?: number | undefined;
  /** Whether a GPU that fails in the middle may be replaced by the CPU. Default false. */
  readonly cpuFallback?: boolean | undefined;
  /** What is asked of the windows beyond the model's manifest. */
  readonly sliding?: Sliding | undefined;
  /** Where what was measured of this machine is remembered; left out, nothing is measured. */
  readonly dataDir?: string | undefined;
}

export interface RunRequest extends EngineSettings {
  readonly runId: string;
  readonly source: SeriesSource;
  /** null for a correction and for what is read back, which need no model. */
  readonly modelDir: string | null;
  /** Files of the forms of the networks that are the fastest here. */
  readonly fastest?: readonly string[] | undefined;
  /** Receives the run's objects; findings.json is written last, so that it stands for a complete set. */
  readonly outDir: string;
  /** Which objects, and how they are encoded; DEFAULT_OPTIONS by default. */
  readonly options?: ResultOptions | undefined;
  /** Files for software that reads no DICOM, beside the objects; none by default. */
  readonly plainFiles?: readonly PlainFile[] | undefined;
  /** Draw a heat map as well, where the model has an output for it. Default false. */
  readonly heatMap?: boolean | undefined;
  /** Put the objects into the archive that the series came from. */
  readonly store: boolean;
  /** The run whose result this one takes the place of. */
  readonly supersedes: string | null;
  /** A person's correction of another run's result, to be worked in instead of segmenting the series. */
  readonly correction?: CorrectionOrder | undefined;
  /** The run's result is in the archive already: it is read back, and nothing is stored. */
  readonly archived?: RestoreOrder | undefined;
  /** ISO 8601; a retry passes the first attempt's, so that it makes the same objects. */
  readonly createdAt: string;
  /** Where to look for earlier results of the patient; left out, none are looked for. */
  readonly priors?: PriorsSource | undefined;
}

/** Which earlier results an unfinished run was read against. */
const PRIORS_LOOKED_AT = 'priors.json';

/**
 * The way of one series: from where it lies to its result. Objects that an earlier attempt has completed are stored as
 * they are and never made again, so that one SOP Instance UID never has two contents.
 *
 * @throws Refusal when the series is unsuitable; SourceGone when it has been deleted; the signal's reason when it is
 * cancelled
 */
export async function runPipeline(request: RunRequest, progress: Progress): Promise<FindingsDocument> {
  const findings =
    (await readFindings(request.outDir)) ??
    (await compute(request, progress).catch(async (error) => {
      // A series that is deleted while it is read ends in one of several ways.
      if (error instanceof ArchiveError && !progress.signal.aborted) await requireSource(request, progress);
      throw error;
    }));
  return request.store && request.source.kind === 'dicomweb' ? store(request, findings, progress) : findings;
}

async function compute(request: RunRequest, progress: Progress): Promise<FindingsDocument> {
  const { runId, source, supersedes, archived } = request;
  const correction = request.correction ?? archived?.correction;
  const clock = new Stopwatch();
  // Its networks are checked when they are read.
  const model = request.modelDir === null ? null : await readModel(request.modelDir);
  const instances = parsed(clock.waiting('retrieve', retrieve(source, progress)), source, progress);
  // Instances are decoded as they arrive: what a person sees of both is how many have arrived.
  const quiet = { signal: progress.signal, report: () => {} };
  const series = await clock.time('assemble', () => assemble(instances, quiet, expectedFiles(source)));
  progress.report('assemble', 1);
  const result = model
    ? await segmented(series, model, request, clock, progress)
    : await fromArchive(series, request, clock, progress);
  const { findings, segments, engine, priors, warnings } = result;
  const options = request.options ?? DEFAULT_OPTIONS;
  // Of what is in the archive only the picture is made once more: never two contents under one SOP Instance UID.
  const objects = archived
    ? onePreview({ series, segments, lesions: findings.lesions })
    : makeObjects(
        {
          series,
          segments,
          findings,
          comparison: priors?.comparison ?? null,
          runId,
          supersedes,
          correction,
          manifest: result.model.manifest,
          modelDigest: result.model.digest,
          engine,
          softwareVersion: VERSION,
          createdAt: new Date(request.createdAt),
          probability: result.probability,
          heatMap: result.heatMap,
          options,
        },
        (fraction) => {
          progress.signal.throwIfAborted();
          progress.report('report', fraction);
        },
      );
  await clock.time('report', () =>
    writeObjects(request.outDir, { objects, segments, plainFiles: request.plainFiles ?? [] }),
  );
  const document = findingsDocument({
    runId,
    supersedes,
    correction,
    model: result.model,
    engine,
    timingsMs: { ...clock.timingsMs(), store: archived ? 0 : null },
    series,
    objects: resultUids(runId, options),
    findings,
    priors,
    warnings,
  });
  progress.signal.throwIfAborted();
  await writeFindings(request.outDir, document);
  return document;
}

/** What the model finds, read against the patient's earlier scan where that is asked for. */
async function segmented(
  series: CtSeries,
  model: Model,
  request: RunRequest,
  clock: Stopwatch,
  progress: Progress,
): Promise<Result> {
  const segmentation = await clock.time('segment', () => segment(series, model, request, progress));
  const found = await clock.time('measure', async () => {
    const measured = await measure(series, segmentation, request.runId, request.priors ? half(progress, 0) : progress);
    const read = await againstPriors(request, { series, ...measured }, progress);
    const doubts = plausibilityWarnings(measured.findings, measured.segments);
    return { ...measured, ...read, warnings: [...(segmentation.warnings ?? []), ...doubts, ...read.warnings] };
  });
  const { engine, lesionProbability: probability } = segmentation;
  return { ...found, model, engine, probability, heatMap: request.heatMap ? segmentation.heatMap : null };
}

/**
 * What rests on a result in the archive: what a person made of it, read against the patient's earlier scan as a model's is,
 * or the same again.
 */
async function fromArchive(
  series: CtSeries,
  request: RunRequest,
  clock: Stopwatch,
  progress: Progress,
): Promise<Result> {
  const { runId, source, correction, archived } = request;
  if (source.kind !== 'dicomweb' || !(correction ?? archived)) {
    throw new TypeError('There is neither a model nor a result in an archive.');
  }
  const run = { runId, archive: source.archive };
  if (archived) return restore(series, archived, run, clock, progress);
  const result = await correct(series, correction!, run, clock, progress);
  const read = await clock.time('measure', () => againstPriors(request, { series, ...result }, progress));
  return { ...result, ...read, warnings: [...result.warnings, ...read.warnings] };
}

/** The findings as the patient's earlier scan has them named, and what has changed; as they are where none is asked for. */
async function againstPriors(
  { outDir, priors }: RunRequest,
  current: Pick<Result, 'findings' | 'segments'> & { readonly series: CtSeries },
  progress: Progress,
): Promise<Pick<Result, 'findings' | 'priors' | 'warnings'>> {
  if (!priors) return { findings: current.findings, priors: null, warnings: [] };
  const read = await readAgainstPriors(current, priors, join(outDir, PRIORS_LOOKED_AT), half(progress, 0.5));
  progress.report('measure', 1);
  return read;
}

/** Reports half of a phase, from `first` on. */
const half = ({ signal, report }: Progress, first: number): Progress => ({
  signal,
  report: (phase, fraction) => report(phase, first + fraction / 2),
});

function retrieve(source: SeriesSource, { signal }: Progress): AsyncIterable<Uint8Array> {
  if (source.kind === 'files') return readFiles(source.path, { seriesInstanceUid: source.seriesInstanceUid, signal });
  const { archive, studyInstanceUid, seriesInstanceUid, instances } = source;
  return createArchive(archive).retrieveSeries(studyInstanceUid, seriesInstanceUid, {
    signal,
    ...(instances ? { instances } : {}),
  });
}

async function* parsed(
  files: AsyncIterable<Uint8Array>,
  source: SeriesSource,
  progress: Progress,
): AsyncIterable<Instance> {
  const expected = expectedFiles(source) ?? 0;
  let arrived = 0;
  // An archive may take its time before the first.
  progress.report('retrieve', 0);
  for await (const file of files) {
    progress.signal.throwIfAborted();
    yield readInstance(file);
    progress.report('retrieve', ++arrived / Math.max(expected, arrived));
  }
}

function expectedFiles(source: SeriesSource): number | null {
  return (source.kind === 'files' ? source.files : source.instances?.length) ?? null;
}

/** @throws SourceGone when the archive has nothing left of the series */
async function requireSource({ source }: RunRequest, { signal }: Progress): Promise<void> {
  if (source.kind !== 'dicomweb') return;
  const archive = createArchive(source.archive);
  try {
    if (!(await archive.holdsSeries(source.studyInstanceUid, source.seriesInstanceUid, { signal }))) {
      throw new SourceGone(archive.url);
    }
  } finally {
    archive.close();
  }
}

async function store(request: RunRequest, findings: FindingsDocument, progress: Progress): Promise<FindingsDocument> {
  const { outDir, source } = request;
  if (source.kind !== 'dicomweb' || findings.engine.timingsMs.store !== null) return findings;
  progress.report('store', 0);
  await requireSource(request, progress);
  const started = performance.now();
  const archive = createArchive(source.archive);
  const { others, sr } = await objectsIn(outDir);
  const objects = [...others, ...sr];
  async function* contents(names: readonly string[]): AsyncGenerator<Uint8Array> {
    for (const name of names) {
      yield await readFile(join(outDir, name));
      progress.report('store', (objects.indexOf(name) + 1) / (objects.length + 1));
    }
  }
  try {
    // In a request of its own: the SR makes the result current, so it must not arrive where another object was refused.
    for (const names of [others, sr]) {
      await archive.store(contents(names), source.studyInstanceUid, { signal: progress.signal });
    }
  } finally {
    archive.close();
  }
  const timingsMs = { ...findings.engine.timingsMs, store: Math.round(performance.now() - started) };
  const stored = { ...findings, engine: { ...findings.engine, timingsMs } };
  await writeFindings(outDir, stored);
  progress.report('store', 1);
  return stored;
}
