import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LabelMap } from '../../server/src/volume/volume.ts';
import { differentInDcmqi, isByteAligned } from './dcmqi.ts';
import { SEG_CASES } from './seg-cases.ts';
import {
  dciodvfyErrors,
  labelsInPixels,
  makeSeries,
  type Reading,
  readCases,
  readSeries,
  writeCase,
} from './seg-support.ts';

describe('DICOM SEG as others read it', () => {
  let folder: string;
  const maps = new Map<string, LabelMap<Uint16Array>>();
  const readings = new Map<string, Reading>();
  const table: string[] = [];

  before(async function () {
    this.timeout(120_000);
    folder = await mkdtemp(join(tmpdir(), 'hepar-seg-'));
    await makeSeries(folder, SEG_CASES);
    for (const { uid } of SEG_CASES) {
      const series = await readSeries(join(folder, uid, 'ct'));
      const segments = labelsInPixels(series);
      maps.set(uid, segments);
      await writeCase(join(folder, uid), series, segments);
    }
    const read = await readCases(SEG_CASES.map(({ uid }) => join(folder, uid)));
    for (const [n, reading] of read.entries()) readings.set(SEG_CASES[n]!.uid, reading);
  });

  after(async () => {
    process.stdout.write(
      `\n${'geometry'.padEnd(32)}  frames  voxels  pydicom  dcmtk  dcmqi  off plane  dciodvfy errors\n${table.join('\n')}\n`,
    );
    await rm(folder, { recursive: true, force: true });
  });

  for (const spec of SEG_CASES) {
    const { name, uid, lesions } = spec;
    it(`${name}: every voxel on its own slice, for pydicom and dcmqi, and no dciodvfy error`, async () => {
      const reading = readings.get(uid)!;
      const dcmqi = isByteAligned(spec) ? await differentInDcmqi(join(folder, uid, 'seg.dcm'), maps.get(uid)!) : null;
      const errors = await dciodvfyErrors(join(folder, uid, 'seg.dcm'));
      const pydicom = Math.max(reading.differentBySource, reading.differentByPlane, reading.differentFromSourcePixels);
      const figures = [
        reading.frames,
        reading.voxels,
        pydicom,
        reading.differentInDcmtk,
        dcmqi ?? '-',
        reading.offPlane,
        errors.length,
      ];
      const widths = [6, 6, 7, 5, 5, 9, 15];
      table.push(`${name.padEnd(32)}  ${figures.map((figure, n) => String(figure).padStart(widths[n]!)).join('  ')}`);

      assert.ok(reading.voxels > 0);
      assert.equal(reading.differentBySource, 0, 'voxels differ by the source image that frames name');
      assert.equal(reading.differentByPlane, 0, "voxels differ by the frames' planes");
      assert.equal(reading.differentFromSourcePixels, 0, 'voxels differ from what the source pixels state');
      assert.equal(reading.differentInDcmtk, 0, 'voxels differ in dcmtk');
      assert.ok(dcmqi === null || dcmqi === 0, `${dcmqi} voxels differ in dcmqi`);
      assert.equal(reading.offPlane, 0);
      assert.equal(reading.overlaps, 0);
      assert.equal(reading.frames, reading.expectedFrames, 'an empty frame was written, or one left out');
      assert.ok(reading.ordered, 'frames are not by segment, then slice');
      assert.ok(reading.orientationError < 1e-6, `orientation is off by ${reading.orientationError}`);
      assert.ok(reading.spacingErrorMm < 1e-6, `spacing is off by ${reading.spacingErrorMm} mm`);
      assert.ok(reading.sameFrameOfReference && reading.sameSeries);
      assert.deepEqual(
        reading.segments.map(({ number, label, algorithm }) => [number, label, algorithm]),
        Array.from({ length: lesions.length + 1 }, (_, n) => [n + 1, n === 0 ? 'Liver' : `Lesion ${n}`, 'AUTOMATIC']),
      );
      assert.deepEqual(errors, []);
    });
  }
});
