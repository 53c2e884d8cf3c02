import assert from 'node:assert/strict';
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
import type { LabelMap } from '../../server/src/volume/volume.ts';
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

export async function readSeries(folder: string): Promise<CtSeries> {
  const files = (await readdir(folder)).sort();
  async function* instances(): AsyncGenerator<Instance> {
    for (const file of files) yield parseInstance(await readFile(join(folder, file)));
  }
  return assemble(instances(), { signal: new AbortController().signal, report: () => {} });
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

/** Writes the SEG of a label map into a folder, with what read_seg.py must know to check it. */
export async function writeCase(folder: string, series: CtSeries, segments: LabelMap<Uint16Array>): Promise<void> {
  const plan = {
    ...series.volume.grid,
    frameOfReferenceUid: series.frameOfReferenceUid,
    seriesInstanceUid: series.seriesInstanceUid,
    slices: series.slices,
  };
  await writeFile(join(folder, 'plan.json'), JSON.stringify(plan));
  await writeFile(join(folder, 'labels.raw'), segments.labels);
  await writeFile(join(folder, 'seg.dcm'), writeSeg(series, segments));
}

/** What read_seg.py found. */
export interface Reading {
  readonly frames: number;
  readonly expectedFrames: number;
  readonly voxels: number;
  readonly differentBySource: number;
  readonly differentByPlane: number;
  readonly differentFromSourcePixels: number;
  readonly differentInDcmtk: number;
  readonly offPlane: number;
  readonly overlaps: number;
  readonly ordered: boolean;
  readonly orientationError: number;
  readonly spacingErrorMm: number;
  readonly sameFrameOfReference: boolean;
  readonly sameSeries: boolean;
  readonly segments: readonly { number: number; label: string; trackingUid: string; algorithm: string }[];
}

/** Has read_seg.py read the SEG in each folder. */
export async function readCases(folders: readonly string[]): Promise<Reading[]> {
  return (await python('read_seg.py', ...folders)) as Reading[];
}

/** The lines in which dciodvfy, which must take the file for this kind of object, speaks of an error. */
export async function dciodvfyErrors(file: string, kind = 'Segmentation'): Promise<string[]> {
  const { stdout, stderr } = await run('dciodvfy', [file]).catch(
    (failure: { stdout: string; stderr: string }) => failure,
  );
  const lines = `${stdout}\n${stderr}`.split('\n');
  assert.ok(lines.includes(kind), `dciodvfy did not take it for a ${kind}: ${lines.join(' ')}`);
  return lines.filter((line) => line.startsWith('Error'));
}
