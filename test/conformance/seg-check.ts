import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { differentInDcmqi, isByteAligned } from './dcmqi.ts';
import { python, type Truth } from './seg-support.ts';

const run = promisify(execFile);

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

/** What the readers and the validator say of one SEG. */
export interface Verdict extends Reading {
  /** Voxels that dcmqi reads otherwise; null where it cannot read the size. */
  readonly differentInDcmqi: number | null;
  readonly dciodvfyErrors: readonly string[];
}

/** Has pydicom, dcmtk, dcmqi and dciodvfy read the SEG in each folder (see writeCase). */
export async function readCases(cases: readonly { folder: string; truth: Truth }[]): Promise<Verdict[]> {
  const readings = (await python('read_seg.py', ...cases.map(({ folder }) => folder))) as Reading[];
  const verdicts: Verdict[] = [];
  for (const [n, { folder, truth }] of cases.entries()) {
    const seg = join(folder, 'seg.dcm');
    verdicts.push({
      ...readings[n]!,
      differentInDcmqi: isByteAligned(truth.grid) ? await differentInDcmqi(seg, truth) : null,
      dciodvfyErrors: await dciodvfyErrors(seg),
    });
  }
  return verdicts;
}

/**
 * Fails unless every reader finds every voxel where it belongs.
 * @param algorithms who drew each segment, by segment number; the model when it is left out
 */
export function assertFaithful(verdict: Verdict, lesions: number, algorithms?: readonly string[]): void {
  assert.ok(verdict.voxels > 0, 'nothing was labelled');
  assert.equal(verdict.differentBySource, 0, 'voxels differ by the source image that frames name');
  assert.equal(verdict.differentByPlane, 0, "voxels differ by the frames' planes");
  assert.equal(verdict.differentFromSourcePixels, 0, 'voxels differ from what the source pixels state');
  assert.equal(verdict.differentInDcmtk, 0, 'voxels differ in dcmtk');
  assert.ok(!verdict.differentInDcmqi, `${verdict.differentInDcmqi} voxels differ in dcmqi`);
  assert.equal(verdict.offPlane, 0, 'frames lie off their plane');
  assert.equal(verdict.overlaps, 0, 'segments overlap');
  assert.equal(verdict.frames, verdict.expectedFrames, 'an empty frame was written, or one left out');
  assert.ok(verdict.ordered, 'frames are not by segment, then slice');
  assert.ok(verdict.orientationError < 1e-6, `orientation is off by ${verdict.orientationError}`);
  assert.ok(verdict.spacingErrorMm < 1e-6, `spacing is off by ${verdict.spacingErrorMm} mm`);
  assert.ok(verdict.sameFrameOfReference && verdict.sameSeries, 'it refers to another frame of reference or series');
  assert.deepEqual(
    verdict.segments.map(({ number, label, algorithm }) => [number, label, algorithm]),
    Array.from({ length: lesions + 1 }, (_, n) => [
      n + 1,
      n === 0 ? 'Liver' : `Lesion ${n}`,
      algorithms?.[n] ?? 'AUTOMATIC',
    ]),
  );
  assert.deepEqual(verdict.dciodvfyErrors, []);
}

/** The figures of each case as a table: differing voxels for each reader, frames off their plane, errors. */
export function tableOf(verdicts: ReadonlyMap<string, Verdict>): string {
  const head = ['frames', 'voxels', 'pydicom', 'dcmtk', 'dcmqi', 'off plane', 'dciodvfy errors'];
  const line = (name: string, cells: readonly (string | number)[]): string =>
    [name.padEnd(34), ...cells.map((cell, n) => String(cell).padStart(head[n]!.length))].join('  ');
  const rows = [...verdicts].map(([name, verdict]) =>
    line(name, [
      verdict.frames,
      verdict.voxels,
      Math.max(verdict.differentBySource, verdict.differentByPlane, verdict.differentFromSourcePixels),
      verdict.differentInDcmtk,
      verdict.differentInDcmqi ?? '-',
      verdict.offPlane,
      verdict.dciodvfyErrors.length,
    ]),
  );
  return `\n${[line('geometry', head), ...rows].join('\n')}\n`;
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
