import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Instance } from '../../server/src/dicom/instance.ts';
import { parseInstance } from '../../server/src/dicom/parse.ts';
import { buildSeg } from '../../server/src/reports/seg.ts';
import { assemble } from '../../server/src/volume/assemble.ts';
import type { CtSeries } from '../../server/src/volume/series.ts';
import type { LabelMap, SourceSlice } from '../../server/src/volume/volume.ts';
import { fakeLesion, MANIFEST } from '../unit/reports/fake-series.ts';
import type { SeriesSpec } from './seg-cases.ts';

const run = promisify(execFile);

/** Runs a script of this folder with the distribution's Python, which has pydicom; gives what it printed, as JSON. */
export async function python(script: string, ...args: string[]): Promise<unknown> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { stdout } = await run('/usr/bin/python3', [path, ...args], { maxBuffer: 1 << 28 });
  return stdout === '' ? null : JSON.parse(stdout);
}

/** Writes each series into FOLDER/UID/ct. */
export async function makeSeries(folder: string, specs: readonly SeriesSpec[]): Promise<void> {
  const file = join(folder, 'spec.json');
  await writeFile(file, JSON.stringify(specs.map((spec) => ({ ...spec, folder: join(folder, spec.uid, 'ct') }))));
  await python('make_series.py', file);
}

/** The labels that the pixels of a series of make_series.py state. */
export function labelsInPixels({ volume: { grid, hu } }: CtSeries): LabelMap<Uint16Array> {
  return { grid, labels: Uint16Array.from(hu, (value) => Math.round(value / 100)) };
}

export function writeSeg(series: CtSeries, segments: LabelMap<Uint16Array>): Uint8Array {
  const lesions = segments.labels.reduce((most, label) => Math.max(most, label), 1) - 1;
  return buildSeg({
    series,
    segments,
    lesions: Array.from({ length: lesions }, (_, n) => fakeLesion(n + 1)),
    manifest: MANIFEST,
    modelDigest: 'a1'.repeat(32),
    engine: { provider: 'cpu', device: 'CPU, 2 threads' },
    softwareVersion: '0.1.0',
    runId: series.seriesInstanceUid,
    supersedes: null,
    createdAt: new Date('2026-11-23T12:00:00Z'),
  });
}

/** What a SEG should say, known from elsewhere than the SEG. */
export interface Truth extends LabelMap<Uint16Array> {
  readonly frameOfReferenceUid: string;
  readonly seriesInstanceUid: string;
  /** slices[k] is the source image of the labels' k-th slice. */
  readonly slices: readonly Pick<SourceSlice, 'sopInstanceUid' | 'frameNumber' | 'positionMm'>[];
}

/** Labels on a series' own slices. */
export function truthOf(series: CtSeries, segments: LabelMap<Uint16Array>): Truth {
  const { frameOfReferenceUid, seriesInstanceUid, slices } = series;
  return { ...segments, frameOfReferenceUid, seriesInstanceUid, slices };
}

/** Puts the SEG into a folder, with the truth as read_seg.py wants it. */
export async function writeCase(folder: string, seg: Uint8Array, { grid, labels, ...truth }: Truth): Promise<void> {
  await writeFile(join(folder, 'plan.json'), JSON.stringify({ ...grid, ...truth }));
  await writeFile(join(folder, 'labels.raw'), labels);
  await writeFile(join(folder, 'seg.dcm'), seg);
}

/** Reads the files of a folder, in the order of their names, as one series. */
export async function readSeries(folder: string): Promise<CtSeries> {
  const files = (await readdir(folder)).sort();
  async function* instances(): AsyncGenerator<Instance> {
    for (const file of files) yield parseInstance(await readFile(join(folder, file)));
  }
  return assemble(instances(), { signal: new AbortController().signal, report: () => {} });
}
