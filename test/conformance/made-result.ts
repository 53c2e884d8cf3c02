import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Findings, measure } from '../../server/src/findings/measure.ts';
import type { FindingsDocument } from '../../server/src/findings/schema.ts';
import { LESION, type Segmentation } from '../../server/src/inference/segmentation.ts';
import { makeObjects, type ResultInput, resultUids } from '../../server/src/reports/objects.ts';
import type { CtSeries } from '../../server/src/volume/series.ts';
import type { LabelMap } from '../../server/src/volume/volume.ts';
import { MANIFEST } from '../unit/reports/fake-series.ts';

/** A result on a series, made as the pipeline makes it from the measuring on. */
export interface MadeResult {
  readonly series: CtSeries;
  readonly findings: Findings;
  readonly segments: LabelMap<Uint16Array>;
  /** What its objects were made from. */
  readonly input: ResultInput;
  readonly objects: {
    readonly uids: FindingsDocument['objects'];
    /** Content by file name. */
    readonly files: Readonly<Record<string, Uint8Array>>;
  };
}

/** @param labels on the series' grid: 0 background, 1 liver, 2 and above lesion */
export async function makeResult(
  series: CtSeries,
  labels: Uint8Array | Uint16Array,
  changes: Partial<ResultInput> = {},
): Promise<MadeResult> {
  const { grid } = series.volume;
  const segmentation: Segmentation = {
    labelMap: { grid, labels: Uint8Array.from(labels, (label) => Math.min(label, LESION)) },
    lesionProbability: {
      box: { start: [0, 0, 0], size: grid.shape },
      values: Uint8Array.from(labels, (label, at) => (label >= LESION ? 200 + (at % 50) : label === 1 ? 3 : 0)),
    },
    heatMap: null,
    liverMedianHu: 100,
    engine: { provider: 'cpu', device: 'CPU' },
  };
  const quiet = { signal: new AbortController().signal, report: () => {} };
  const runId = changes.runId ?? `run-${series.seriesInstanceUid}`;
  const { findings, segments } = await measure(series, segmentation, runId, quiet);
  const input: ResultInput = {
    series,
    segments,
    findings,
    runId,
    supersedes: null,
    manifest: MANIFEST,
    modelDigest: 'a1'.repeat(32),
    engine: segmentation.engine,
    probability: segmentation.lesionProbability,
    softwareVersion: '0.1.0',
    createdAt: new Date('2026-11-23T12:00:00Z'),
    ...changes,
  };
  const objects = { uids: resultUids(runId, input.options), files: Object.fromEntries(makeObjects(input)) };
  return { series, findings, segments, input, objects };
}

/** Writes a result's files into a folder. */
export async function writeResult(folder: string, { objects }: MadeResult): Promise<void> {
  for (const [name, content] of Object.entries(objects.files)) await writeInto(folder, name, content);
}

export async function writeInto(folder: string, name: string, content: Uint8Array): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), content);
}
