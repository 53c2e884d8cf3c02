import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { segment } from '../../../server/src/inference/cascade.ts';
import { loadModel, type Model } from '../../../server/src/inference/model.ts';
import type { Segmentation } from '../../../server/src/inference/segmentation.ts';
import type { Progress } from '../../../server/src/progress.ts';
import { probabilityAt } from '../../../server/src/reports/heat-map.ts';
import { cross, length, normalise, subtract, toPatient, voxelMl } from '../../../server/src/volume/geometry.ts';
import type { CtSeries } from '../../../server/src/volume/series.ts';
import type { Grid, Vec3 } from '../../../server/src/volume/volume.ts';
import { AXIAL } from '../../support/axial.ts';
import { gridAround, SCENE, seriesFrom, seriesOf, truthOn } from './scene.ts';
import { FAT, LIVER_HU, type TinyModelOptions, writeTinyModel } from './tiny-model.ts';

const TILTED = tilted(normalise([0.93, 0.2, -0.18]), [-0.1, 0.9, 0.35]);

/** The same anatomy as scanners and archives store it. */
const GEOMETRIES: Readonly<Record<string, Grid>> = {
  'axial, feet to head': around([90, 80, 40], [1.5, 1.5, 2.5], AXIAL),
  'negated row and column cosines': around(
    [90, 80, 40],
    [1.5, 1.5, 2.5],
    [
      [-1, 0, 0],
      [0, -1, 0],
      [0, 0, 1],
    ],
  ),
  'head to feet (prone: columns run to anterior)': around(
    [90, 80, 40],
    [1.5, 1.5, 2.5],
    [
      [1, 0, 0],
      [0, -1, 0],
      [0, 0, -1],
    ],
  ),
  'feet first, rows run to the right': around(
    [90, 80, 40],
    [1.5, 1.5, 2.5],
    [
      [-1, 0, 0],
      [0, 1, 0],
      [0, 0, -1],
    ],
  ),
  'non-square pixels, Rows != Columns': around([140, 64, 34], [0.9, 1.7, 3], AXIAL),
  'rows along the patient, columns across': around(
    [72, 100, 40],
    [1.5, 1.3, 2.5],
    [
      [0, 1, 0],
      [-1, 0, 0],
      [0, 0, 1],
    ],
  ),
  oblique: around([96, 88, 46], [1.5, 1.5, 2.5], TILTED),
  'oblique and reversed': around([96, 88, 46], [1.5, 1.5, 2.5], [TILTED[0], negated(TILTED[1]), negated(TILTED[2])]),
};

describe('the cascade on a scene whose answer is known', function () {
  this.timeout(20_000);
  let dir: string;
  let model: Model;
  let shifted: Model;
  let patches: Model;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-cascade-'));
    model = await tinyModel('plain');
    shifted = await tinyModel('shifted', { shifted: true });
    patches = await tinyModel('patches', { patchVoxels: 4 });
  });
  after(() => rm(dir, { recursive: true }));

  const tinyModel = async (name: string, options?: TinyModelOptions) => {
    await writeTinyModel(join(dir, name), options);
    return loadModel(join(dir, name));
  };

  it('gives the same with windows as large as the box of the liver', async () => {
    const largerWindows = { stepVoxels: 16, mostVoxels: 1e6 };
    const larger = await tinyModel('larger', { patchVoxels: 4, segment: { largerWindows } });
    for (const grid of [GEOMETRIES.oblique!, GEOMETRIES['non-square pixels, Rows != Columns']!]) {
      const series = seriesOf(SCENE, grid);
      const [one, many] = [await run(series, larger), await run(series, patches)];
      assert.deepEqual(one.labelMap.labels, many.labelMap.labels);
      for (const { heatMap } of [one, many]) {
        for (const { centreMm } of SCENE.lesions) assert.ok(probabilityAt(heatMap!, centreMm)! > 0.8, `${centreMm}`);
      }
    }
  });

  it('lets stage 1 have its share in what is liver, in its place', async () => {
    const half = await tinyModel('half', { cascade: { locateShare: 0.5 } });
    const blind = await tinyModel('blind', { bias: 1e6, cascade: { locateShare: 0.75 } });
    for (const grid of [GEOMETRIES.oblique!, GEOMETRIES['head to feet (prone: columns run to anterior)']!]) {
      const series = seriesOf(SCENE, grid);
      const truth = truthOn(SCENE, grid);
      const both = (await run(series, half)).labelMap.labels;
      assert.ok(dice(truth, both, (label) => label > 0) > 0.97);
      assert.ok(dice(truth, both, (label) => label === 2) > 0.93);
      // Stage 2 takes all for something else: what stage 1 says is left, on its coarse grid.
      const { labels } = (await run(series, blind)).labelMap;
      const liver = dice(truth, labels, (label) => label > 0);
      assert.ok(liver > 0.94, `Dice of the liver ${liver.toFixed(4)}`);
      assert.ok(!labels.includes(2));
    }
  });

  it('says nothing of patches where the model has no output for them', async () => {
    const { heatMap } = await run(seriesOf(SCENE, GEOMETRIES.oblique!), model);
    assert.equal(heatMap, null);
  });

  for (const [name, grid] of Object.entries(GEOMETRIES)) {
    it(`puts the heat where the lesions are: ${name}`, async () => {
      const { heatMap } = await run(seriesOf(SCENE, grid), patches);
      assert.deepEqual(heatMap!.patchMm, [8, 8, 8]);
      for (const { centreMm } of SCENE.lesions) assert.ok(probabilityAt(heatMap!, centreMm)! > 0.8, `${centreMm}`);
      assert.ok(probabilityAt(heatMap!, [-40, 30, 190])! < 0.02, 'liver without lesion');
      assert.equal(probabilityAt(heatMap!, [400, 0, 200]), null);
      const { field } = heatMap!;
      for (const [cell, value] of field.values.entries()) {
        if (value < 0.5) continue;
        const distances = SCENE.lesions.map(
          (lesion) => length(subtract(centreOf(field.grid, cell), lesion.centreMm)) - lesion.radiusMm,
        );
        assert.ok(Math.min(...distances) < 8, `heat ${Math.min(...distances).toFixed(1)} mm outside the lesions`);
      }
    });
  }

  const volumes: Record<string, readonly [number, number]> = {};
  for (const [name, grid] of Object.entries(GEOMETRIES)) {
    it(`puts the mask where the anatomy is: ${name}`, async () => {
      const result = await run(seriesOf(SCENE, grid), model);
      const truth = truthOn(SCENE, grid);
      const { labels } = result.labelMap;
      const liver = dice(truth, labels, (label) => label > 0);
      const lesion = dice(truth, labels, (label) => label === 2);
      assert.ok(liver > 0.97, `Dice of the liver ${liver.toFixed(4)}`);
      assert.ok(lesion > 0.93, `Dice of the lesions ${lesion.toFixed(4)}`);
      assert.deepEqual(result.labelMap.grid, grid);
      // Half a voxel's shift, which Dice hardly sees.
      const [found, expected] = [centroid(grid, labels), centroid(grid, truth)];
      for (const axis of [0, 1, 2] as const) {
        const off = found[axis] - expected[axis];
        assert.ok(Math.abs(off) < 0.15, `${off.toFixed(2)} mm off along patient axis ${axis}`);
      }
      volumes[name] = [ml(labels, grid, 1), ml(labels, grid, 2)];
    });

    it(`shows the network the patient from the same side: ${name}`, async () => {
      const centroidBy = async (by: Model) => centroid(grid, (await run(seriesOf(SCENE, grid), by)).labelMap.labels);
      const [before, after] = [await centroidBy(model), await centroidBy(shifted)];
      // One voxel of 2 mm to the patient's Left, Posterior and Superior.
      for (const axis of [0, 1, 2] as const) {
        const move = after[axis] - before[axis];
        assert.ok(Math.abs(move - 2) < 0.5, `moved ${move.toFixed(2)} mm along patient axis ${axis}`);
      }
    });
  }

  it('measures the same millilitres in every geometry', () => {
    const truthMl = (4 / 3) * Math.PI * ((SCENE.radiiMm[0] * SCENE.radiiMm[1] * SCENE.radiiMm[2]) / 1000);
    for (const [name, [liverMl, lesionMl]] of Object.entries(volumes)) {
      const error = (liverMl + lesionMl) / truthMl - 1;
      assert.ok(Math.abs(error) < 0.03, `${name}: ${(100 * error).toFixed(1)} % off`);
    }
    assert.equal(Object.keys(volumes).length, Object.keys(GEOMETRIES).length);
  });

  it('names the liver median and the probability of lesions', async () => {
    const grid = GEOMETRIES['axial, feet to head']!;
    const { liverMedianHu, lesionProbability, labelMap, engine } = await run(seriesOf(SCENE, grid), model);
    assert.ok(Math.abs(liverMedianHu - LIVER_HU) < 1, `${liverMedianHu} HU`);
    assert.deepEqual(engine, { provider: 'cpu', device: 'CPU, 1 thread' });
    const { box, values } = lesionProbability;
    for (const [n, value] of values.entries()) {
      const [i, j, k] = [
        n % box.size[0],
        Math.floor(n / box.size[0]) % box.size[1],
        Math.floor(n / (box.size[0] * box.size[1])),
      ];
      const at = box.start[0] + i + grid.shape[0] * (box.start[1] + j + grid.shape[1] * (box.start[2] + k));
      if (labelMap.labels[at] === 2) assert.ok(value >= 85, `probability ${value} / 255 in a lesion`);
    }
  });

  it('refuses a scan without a liver, with the volume that it found', async () => {
    const grid = around([40, 40, 20], [3, 3, 3], AXIAL);
    const empty = seriesFrom(grid, new Int16Array(40 * 40 * 20).fill(FAT));
    await assert.rejects(run(empty, model), {
      name: 'Refusal',
      code: 'no-liver-in-view',
      figures: { foundMl: 0, leastMl: 20 },
    });
    const small = { ...SCENE, radiiMm: [15, 14, 13] as Vec3, lesions: [] };
    await assert.rejects(run(seriesOf(small, grid), model), (error: { code: string; figures: { foundMl: number } }) => {
      assert.equal(error.code, 'no-liver-in-view');
      assert.ok(error.figures.foundMl > 5 && error.figures.foundMl < 20, `${error.figures.foundMl} ml`);
      return true;
    });
  });

  it('sees a liver that the scan cuts, and one that fills a scan smaller than a window', async () => {
    const grid = gridAround([SCENE.centreMm[0], SCENE.centreMm[1], 195], [60, 50, 12], [1.5, 1.5, 3], AXIAL);
    const { labelMap } = await run(seriesOf(SCENE, grid), model);
    const overlap = dice(truthOn(SCENE, grid), labelMap.labels, (label) => label > 0);
    assert.ok(overlap > 0.97, `Dice ${overlap.toFixed(4)}`);
  });

  it('does not take values that are no numbers for background', async () => {
    const broken = await tinyModel('broken', { bias: Number.NaN });
    await assert.rejects(run(seriesOf(SCENE, GEOMETRIES.oblique!), broken), {
      name: 'NetworkError',
      message: 'network segment.onnx: gives values that are no numbers on cpu',
    });
  });

  it('gives the same bytes twice, whatever other scan the process has segmented in between', async () => {
    const series = seriesOf(SCENE, GEOMETRIES.oblique!);
    const one = await run(series, model);
    for (const name of ['axial, feet to head', 'non-square pixels, Rows != Columns', 'oblique and reversed']) {
      await run(seriesOf(SCENE, GEOMETRIES[name]!), model);
      assert.deepEqual(await run(series, model), one, name);
    }
  });

  it('reports rising progress and stops between windows with the reason given', async () => {
    const fractions: number[] = [];
    const cancelling = new AbortController();
    const reason = new Error('cancelled by the test');
    const progress: Progress = {
      signal: cancelling.signal,
      report: (phase, fraction) => {
        assert.equal(phase, 'segment');
        fractions.push(fraction);
      },
    };
    const series = seriesOf(SCENE, GEOMETRIES['axial, feet to head']!);
    await segment(series, model, { provider: 'cpu', threads: 1 }, progress);
    assert.ok(fractions.length > 10);
    assert.deepEqual(
      fractions,
      fractions.toSorted((a, b) => a - b),
    );
    assert.deepEqual([fractions[0], fractions.at(-1)], [0, 1]);

    // A message from outside, as a parent process sends it, gets in while the windows run.
    let windows = 0;
    const report: Progress['report'] = () => {
      if (++windows === 3) setImmediate(() => cancelling.abort(reason));
    };
    const cancelled = segment(series, model, { provider: 'cpu', threads: 1 }, { signal: cancelling.signal, report });
    await assert.rejects(cancelled, (error) => error === reason);
    assert.ok(windows <= 5, `${windows} reports before it stopped`);
  });
});

function run(series: CtSeries, model: Model): Promise<Segmentation> {
  const progress: Progress = { signal: new AbortController().signal, report: () => {} };
  return segment(series, model, { provider: 'cpu', threads: 1 }, progress);
}

function around(shape: Vec3, spacingMm: Vec3, axes: Grid['axes']): Grid {
  return gridAround(SCENE.centreMm, shape, spacingMm, axes);
}

/** Right-handed axes with this first one; the second is near `towards`. */
function tilted(first: Vec3, towards: Vec3): Grid['axes'] {
  const third = normalise(cross(first, towards));
  return [first, cross(third, first), third];
}

function negated([x, y, z]: Vec3): Vec3 {
  return [-x, -y, -z];
}

function dice(truth: Uint8Array, found: Uint8Array, counts: (label: number) => boolean): number {
  let [both, sum] = [0, 0];
  for (const [at, label] of truth.entries()) {
    const [a, b] = [counts(label), counts(found[at]!)];
    if (a && b) both++;
    sum += Number(a) + Number(b);
  }
  return (2 * both) / sum;
}

function ml(labels: Uint8Array, grid: Grid, label: number): number {
  return labels.filter((value) => value === label).length * voxelMl(grid);
}

/** Mean position of liver and lesions together. */
function centroid(grid: Grid, labels: Uint8Array): Vec3 {
  const [nx, ny] = grid.shape;
  const sum = [0, 0, 0];
  let count = 0;
  for (const [at, label] of labels.entries()) {
    if (label === 0) continue;
    const position = toPatient(grid, [at % nx, Math.floor(at / nx) % ny, Math.floor(at / (nx * ny))]);
    for (const axis of [0, 1, 2]) sum[axis]! += position[axis]!;
    count++;
  }
  return [sum[0]! / count, sum[1]! / count, sum[2]! / count];
}

function centreOf(grid: Grid, voxel: number): Vec3 {
  const [nx, ny] = grid.shape;
  return toPatient(grid, [voxel % nx, Math.floor(voxel / nx) % ny, Math.floor(voxel / (nx * ny))]);
}
