import assert from 'node:assert/strict';
import { isUid } from '../../../server/src/dicom/uid.ts';
import { findingsDocument } from '../../../server/src/findings/document.ts';
import { measure } from '../../../server/src/findings/measure.ts';
import { findingsSchema } from '../../../server/src/findings/schema.ts';
import type { Segmentation } from '../../../server/src/inference/segmentation.ts';
import type { Progress } from '../../../server/src/progress.ts';
import {
  cross,
  length,
  normalise,
  subtract,
  toPatient,
  voxelCount,
  voxelMl,
} from '../../../server/src/volume/geometry.ts';
import type { CtSeries } from '../../../server/src/volume/series.ts';
import type { Box, Grid, Vec3 } from '../../../server/src/volume/volume.ts';
import { AXIAL } from '../../support/axial.ts';
import { gridAround, seriesFrom } from '../inference/scene.ts';

const PROGRESS: Progress = { signal: new AbortController().signal, report: () => {} };

/** A segmentation from formulas over patient positions; the liver is all that is no lesion. */
function found(grid: Grid, labelAt: (positionMm: Vec3) => number, huAt: (positionMm: Vec3) => number = () => 0) {
  const labels = new Uint8Array(voxelCount(grid.shape));
  const hu = new Int16Array(labels.length);
  const [nx, ny] = grid.shape;
  for (let at = 0; at < labels.length; at++) {
    const position = toPatient(grid, [at % nx, Math.floor(at / nx) % ny, Math.floor(at / (nx * ny))]);
    labels[at] = labelAt(position);
    hu[at] = huAt(position);
  }
  return { series: seriesFrom(grid, hu), segmentation: segmentationOf(grid, labels, 204) };
}

function segmentationOf(grid: Grid, labels: Uint8Array, probability: number): Segmentation {
  const box: Box = { start: [0, 0, 0], size: grid.shape };
  return {
    labelMap: { grid, labels },
    lesionProbability: { box, values: labels.map((label) => (label === 2 ? probability : 10)) },
    heatMap: null,
    liverMedianHu: 100,
    engine: { provider: 'cpu', device: 'CPU, 2 threads' },
  };
}

function inBall(centreMm: Vec3, radiusMm: number) {
  return (positionMm: Vec3) => length(subtract(positionMm, centreMm)) <= radiusMm;
}

const oblique = (() => {
  const i = normalise([0.95, 0.2, -0.15]);
  const k = normalise(cross(i, [0, 1, 0.2]));
  return [i, cross(k, i), k] as const;
})();

describe('measuring', () => {
  for (const [name, axes] of [
    ['axial', AXIAL],
    ['oblique', oblique],
  ] as const) {
    it(`a ball of 30 mm on an ${name} grid of flat voxels: volume, diameters, centre, slice`, async () => {
      const centre: Vec3 = [-37.3, 12.6, 84.2];
      const grid = gridAround([-35, 12, 85], [64, 52, 24], [0.8, 1, 2], axes);
      const ball = inBall(centre, 15);
      const { series, segmentation } = found(
        grid,
        (p) => (ball(p) ? 2 : 1),
        (p) => (ball(p) ? 55 : 120),
      );
      const { findings } = await measure(series, segmentation, 'run-1', PROGRESS);
      assert.equal(findings.lesions.length, 1);
      const lesion = findings.lesions[0]!;
      near(lesion.volumeMl, (4 / 3) * Math.PI * 1.5 ** 3, 0.15);
      near(lesion.longAxisMm, 30, 1);
      near(lesion.shortAxisMm, 30, 1);
      for (const axis of [0, 1, 2]) near(lesion.centroidMm[axis]!, centre[axis]!, 0.15);
      assert.deepEqual([lesion.meanHu, lesion.huSd, lesion.confidence], [55, 0, 0.8]);
      assert.ok(isUid(lesion.trackingUid));

      const [a, b] = lesion.longAxisEndsMm;
      near(length(subtract(b, a)), lesion.longAxisMm, 0.03);
      const k = series.slices.findIndex((slice) => slice.sopInstanceUid === lesion.sliceUid);
      for (const end of [a, b]) {
        near(along(grid, subtract(end, series.slices[k]!.positionMm)), 0, 0.02);
        near(length(subtract(end, centre)), 15, 1.5);
      }
      const middle = along(grid, subtract(centre, series.slices[k]!.positionMm));
      assert.ok(Math.abs(middle) <= 4, `the slice lies ${middle.toFixed(1)} mm from the ball's centre`);
    });
  }

  it('numbers lesions by falling volume and keeps segments apart', async () => {
    const grid = gridAround([0, 0, 0], [80, 40, 20], [1, 1, 2], AXIAL);
    const balls = [inBall([-28, 0, 0], 5), inBall([0, 0, 0], 9), inBall([26, 0, 0], 7)];
    const { series, segmentation } = found(grid, (p) => (balls.some((ball) => ball(p)) ? 2 : p[1] > 15 ? 0 : 1));
    const { findings, segments } = await measure(series, segmentation, 'run-1', PROGRESS);
    assert.deepEqual(
      findings.lesions.map((lesion) => Math.round(lesion.centroidMm[0])),
      [0, 26, -28],
    );
    assert.deepEqual(
      findings.lesions.map((lesion) => [lesion.number, lesion.segmentNumber]),
      [
        [1, 2],
        [2, 3],
        [3, 4],
      ],
    );

    const { labels } = segmentation.labelMap;
    const counts = new Map<number, number>();
    for (const [at, segment] of segments.labels.entries()) {
      counts.set(segment, (counts.get(segment) ?? 0) + 1);
      assert.equal(Math.min(segment, 2), labels[at], 'a segment is what the label was');
    }
    const ml = voxelMl(grid);
    for (const lesion of findings.lesions) near(lesion.volumeMl, counts.get(lesion.segmentNumber)! * ml, 1e-4);
    near(findings.liver.parenchymaMl, counts.get(1)! * ml, 1e-2);
    near(
      findings.lesionBurdenMl,
      findings.lesions.reduce((sum, lesion) => sum + lesion.volumeMl, 0),
      1e-3,
    );
    near(findings.liver.volumeMl, findings.liver.parenchymaMl + findings.lesionBurdenMl, 2e-2);
  });

  it('joins voxels that touch at a corner, and tells equal lesions apart the same way each time', async () => {
    const grid = gridAround([0, 0, 0], [9, 3, 3], [1, 1, 1], AXIAL);
    const labels = new Uint8Array(81).fill(1);
    const at = (i: number, j: number, k: number) => i + 9 * (j + 3 * k);
    for (const voxel of [at(0, 0, 0), at(1, 1, 1), at(4, 0, 0), at(4, 1, 0), at(7, 1, 2), at(8, 2, 2)])
      labels[voxel] = 2;
    const series = seriesFrom(grid, new Int16Array(81));
    const one = await measure(series, segmentationOf(grid, labels, 255), 'run-1', PROGRESS);
    assert.deepEqual(
      one.findings.lesions.map((lesion) => lesion.volumeMl),
      [0.002, 0.002, 0.002],
    );
    assert.deepEqual(
      [at(1, 1, 1), at(4, 1, 0), at(8, 2, 2)].map((voxel) => one.segments.labels[voxel]),
      [2, 3, 4],
    );
    assert.deepEqual(await measure(series, segmentationOf(grid, labels, 255), 'run-1', PROGRESS), one);
    const other = await measure(series, segmentationOf(grid, labels, 255), 'run-2', PROGRESS);
    const uids = [...one.findings.lesions, ...other.findings.lesions].map((lesion) => lesion.trackingUid);
    assert.equal(new Set(uids).size, 6, 'a tracking UID is of one lesion of one run');
  });

  it('gives the mean and the standard deviation of HU, and the mean probability', async () => {
    const grid = gridAround([0, 0, 0], [4, 1, 1], [1, 1, 1], AXIAL);
    const series = seriesFrom(grid, Int16Array.of(10, 20, 60, 999));
    const segmentation: Segmentation = {
      ...segmentationOf(grid, Uint8Array.of(2, 2, 2, 1), 0),
      lesionProbability: { box: { start: [0, 0, 0], size: [4, 1, 1] }, values: Uint8Array.of(0, 255, 51, 0) },
    };
    const { lesions } = (await measure(series, segmentation, 'run-1', PROGRESS)).findings;
    assert.deepEqual([lesions[0]!.meanHu, lesions[0]!.huSd, lesions[0]!.confidence], [30, 21.6, 0.4]);
  });

  it('finds in a long scan what lies in the box that holds all labels, wherever it is', async () => {
    const grid = gridAround([0, 0, 0], [6, 5, 9], [1, 1, 1], AXIAL);
    const labels = new Uint8Array(6 * 5 * 9);
    const at = (i: number, j: number, k: number) => i + 6 * (j + 5 * k);
    for (let k = 5; k < 8; k++) for (let j = 1; j < 4; j++) for (let i = 2; i < 6; i++) labels[at(i, j, k)] = 1;
    labels[at(2, 1, 5)] = 2;
    labels[at(5, 3, 7)] = 2;
    const box: Box = { start: [2, 1, 5], size: [4, 3, 3] };
    const segmentation: Segmentation = {
      ...segmentationOf(grid, labels, 0),
      lesionProbability: { box, values: Uint8Array.from({ length: 36 }, (_, n) => (n === 0 ? 255 : 51)) },
    };
    const series = seriesFrom(grid, new Int16Array(labels.length));
    const { findings, segments } = await measure(series, segmentation, 'run-1', PROGRESS);
    assert.deepEqual(
      segments.labels,
      Uint16Array.from(labels, (label, voxel) => (label === 2 ? (voxel === at(2, 1, 5) ? 2 : 3) : label)),
    );
    assert.equal(findings.liver.volumeMl, 0.036);
    assert.deepEqual(
      findings.lesions.map(({ confidence }) => confidence),
      [1, 0.2],
    );
  });

  it('measures a single voxel, however small', async () => {
    const grid = gridAround([0, 0, 0], [3, 3, 3], [0.4, 0.5, 0.5], AXIAL);
    const labels = new Uint8Array(27).fill(1);
    labels[13] = 2;
    const { lesions } = (
      await measure(seriesFrom(grid, new Int16Array(27)), segmentationOf(grid, labels, 255), 'run-1', PROGRESS)
    ).findings;
    const { volumeMl, longAxisMm, shortAxisMm, centroidMm } = lesions[0]!;
    assert.deepEqual(
      { volumeMl, longAxisMm, shortAxisMm, centroidMm },
      { volumeMl: 0.0001, longAxisMm: 0.5, shortAxisMm: 0.4, centroidMm: [0, 0, 0] },
    );
  });

  it('stops with the reason given', async () => {
    const { series, segmentation } = found(gridAround([0, 0, 0], [8, 8, 4], [1, 1, 1], AXIAL), inBallLabel);
    const reason = new Error('cancelled by the test');
    const cancelled = measure(series, segmentation, 'run-1', { ...PROGRESS, signal: AbortSignal.abort(reason) });
    await assert.rejects(cancelled, (error) => error === reason);
  });

  it('measures a lesion of a million voxels in under a second', async () => {
    const grid = gridAround([0, 0, 0], [180, 180, 100], [0.7, 0.7, 1.25], AXIAL);
    const { series, segmentation } = found(grid, (p) => (inBall([0, 0, 0], 55)(p) ? 2 : 1));
    const started = performance.now();
    const { findings } = await measure(series, segmentation, 'run-1', PROGRESS);
    const ms = performance.now() - started;
    assert.ok(findings.lesions[0]!.volumeMl / voxelMl(grid) > 1e6);
    assert.ok(ms < 1000, `${ms.toFixed(0)} ms`);
  });
});

describe('findings.json', () => {
  const document = (series: CtSeries, findings: Awaited<ReturnType<typeof measure>>['findings']) =>
    findingsDocument({
      runId: 'run-1',
      supersedes: null,
      model: { manifest: { id: 'tiny', version: '1.0.0' } as never, digest: 'ab'.repeat(32) },
      engine: { provider: 'cpu', device: 'CPU, 2 threads' },
      timingsMs: { retrieve: 1.26, assemble: 2, segment: 3000.5, measure: 4, report: 5, store: null },
      series: { ...series, warnings: [{ code: 'thick-slices', message: 'slices of 6 mm' }] },
      objects: { seg: { seriesInstanceUID: '1.2', sopInstanceUID: '1.2.1' }, sr: null, secondaryCapture: null },
      findings,
    });

  it('is what its schema says, with lesions and without, and survives JSON', async () => {
    const grid = gridAround([0, 0, 0], [16, 16, 8], [0.664062, 0.664062, 2.5], AXIAL);
    for (const labelAt of [inBallLabel, () => 1]) {
      const { series, segmentation } = found(grid, labelAt);
      const { findings } = await measure(series, segmentation, 'run-1', PROGRESS);
      const written = document(series, findings);
      assert.deepEqual(findingsSchema.parse(JSON.parse(JSON.stringify(written))), written);
      assert.deepEqual(written.series, {
        studyInstanceUID: '1.2.3',
        seriesInstanceUID: '1.2.3.4',
        slices: 8,
        columns: 16,
        rows: 16,
        spacingMm: [0.6641, 0.6641, 2.5],
      });
      assert.equal(written.engine.timingsMs.segment, 3001);
      assert.deepEqual(written.warnings, [{ code: 'thick-slices', message: 'slices of 6 mm' }]);
      if (labelAt !== inBallLabel) {
        assert.deepEqual([written.lesions, written.lesionBurdenMl], [[], 0]);
        near(written.liver.volumeMl, voxelCount(grid.shape) * voxelMl(grid), 1e-3);
      }
    }
  });
});

function inBallLabel(positionMm: Vec3): number {
  return inBall([0, 0, 0], 3)(positionMm) ? 2 : 1;
}

/** Part of a vector along the slice normal, mm. */
function along(grid: Grid, [x, y, z]: Vec3): number {
  return x * grid.axes[2][0] + y * grid.axes[2][1] + z * grid.axes[2][2];
}

function near(value: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(value - expected) <= tolerance, `${value} is not ${expected} within ${tolerance}`);
}
