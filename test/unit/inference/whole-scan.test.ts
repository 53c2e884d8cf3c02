import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { segment } from '../../../server/src/inference/cascade.ts';
import type { Manifest, WholeScan } from '../../../server/src/inference/manifest.ts';
import { loadModel } from '../../../server/src/inference/model.ts';
import type { NetworkSession } from '../../../server/src/inference/session.ts';
import { networkAxes, withoutZeroBorder } from '../../../server/src/inference/whole-scan/axes.ts';
import type { Decision } from '../../../server/src/inference/whole-scan/decide.ts';
import type { NetworkInput } from '../../../server/src/inference/whole-scan/input.ts';
import { startsAlong, windowWeights } from '../../../server/src/inference/whole-scan/placement.ts';
import { coarseAxis, resizedCount, roundHalfEven } from '../../../server/src/inference/whole-scan/resize.ts';
import { slide } from '../../../server/src/inference/whole-scan/slide.ts';
import type { Progress } from '../../../server/src/progress.ts';
import { Refusal } from '../../../server/src/refusal.ts';
import { cross, normalise, voxelCount } from '../../../server/src/volume/geometry.ts';
import type { Grid, Vec3 } from '../../../server/src/volume/volume.ts';
import { gridAround, SCENE, seriesFrom, seriesOf, truthOn } from './scene.ts';
import { FAT, LIVER_HU, type TinyModelOptions, tinyStage, writeTinyModel } from './tiny-model.ts';
import { thresholdNetwork, tinyOnnx } from './tiny-onnx.ts';

const QUIET: Progress = { signal: new AbortController().signal, report: () => {} };
const RULES: WholeScan = {
  orientation: 'RAS',
  conventions: 'nnunet',
  resampling: {
    hu: { kernel: 'cubic', coarseAxis: { ratio: 3, kernel: 'nearest' } },
    output: { kernel: 'linear', coarseAxis: { ratio: 3, kernel: 'nearest' } },
  },
  resampled: 'output',
  weights: 'gaussian',
  mirrorAxes: ['x'],
  decide: 'largest',
};
const ROWS_ACROSS = normalise([0.93, 0.2, -0.18]);
const COLUMNS_ACROSS = normalise(cross(cross(ROWS_ACROSS, [-0.1, 0.9, 0.35]), ROWS_ACROSS));

/** The same anatomy as scanners and archives store it; thick slices are kept apart along another axis in each. */
const GRIDS: Readonly<Record<string, Grid>> = {
  'axial, feet to head': around([90, 80, 40], [1.5, 1.5, 2.5], [1, 0, 0], [0, 1, 0]),
  'head to feet, prone': around([90, 80, 40], [1.5, 1.5, 2.5], [1, 0, 0], [0, -1, 0]),
  'rows to the right, thick slices': around([90, 80, 18], [1.5, 1.5, 6], [-1, 0, 0], [0, 1, 0]),
  'coronal, thick slices': around([90, 70, 20], [1.5, 1.5, 5.5], [1, 0, 0], [0, 0, -1]),
  'sagittal, thick slices': around([80, 70, 20], [1.5, 1.5, 6.5], [0, 1, 0], [0, 0, -1]),
  oblique: around([96, 88, 46], [1.5, 1.5, 2.5], ROWS_ACROSS, COLUMNS_ACROSS),
};

describe('a network that sees the whole scan', function () {
  this.timeout(60_000);
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-whole-scan-'));
  });
  after(() => rm(dir, { recursive: true }));

  const model = async (changes: Partial<WholeScan> = {}, options: TinyModelOptions = {}) => {
    const onnx = tinyOnnx(thresholdNetwork([-10, 130, 400]));
    const stage = tinyStage('segment.onnx', onnx, options.segment ?? {});
    const cascade: Partial<Manifest['cascade']> = {
      leastLiverMl: 20,
      segment: { ...stage, wholeScan: { ...RULES, ...changes } },
      ...options.cascade,
    };
    // Left out of the manifest, a default of the tiny model's is not.
    await writeTinyModel(dir, { ...options, cascade: { ...cascade, locate: undefined } });
    return loadModel(dir);
  };

  for (const [name, grid] of Object.entries(GRIDS)) {
    it(`puts the mask where the anatomy is: ${name}`, async () => {
      const truth = truthOn(SCENE, grid);
      for (const conventions of ['nnunet', 'monai'] as const) {
        const found = await segment(
          seriesOf(SCENE, grid),
          await model({ conventions }),
          { provider: 'cpu', threads: 1 },
          QUIET,
        );
        const { labels } = found.labelMap;
        const [liver, lesion] = [
          dice(truth, labels, (label) => label > 0),
          dice(truth, labels, (label) => label === 2),
        ];
        assert.ok(liver > 0.95 && lesion > 0.9, `${conventions}: Dice ${liver.toFixed(3)}, ${lesion.toFixed(3)}`);
        assert.ok(Math.abs(found.liverMedianHu - LIVER_HU) < 1, `${found.liverMedianHu} HU`);
        assert.equal(found.heatMap, null);
        const { box, values } = found.lesionProbability;
        assert.deepEqual(box.size, grid.shape);
        assert.ok(values[labels.indexOf(2)]! > 127, 'a lesion is probable where it is');
      }
    });
  }

  it('runs over a scan that is smaller than a window', async () => {
    const grid = around([40, 36, 20], [2, 2, 3], [1, 0, 0], [0, 1, 0]);
    const small = await model({}, { segment: { windowVoxels: [64, 64, 48], spacingMm: [2, 2, 2] } });
    const { labelMap } = await segment(seriesOf(SCENE, grid), small, { provider: 'cpu', threads: 1 }, QUIET);
    const liver = dice(truthOn(SCENE, grid), labelMap.labels, (label) => label > 0);
    assert.ok(liver > 0.95, `Dice ${liver.toFixed(3)}`);
  });

  it('refuses a scan without a liver, and ends when it is cancelled', async () => {
    const grid = GRIDS['axial, feet to head']!;
    const empty = seriesFrom(grid, new Int16Array(voxelCount(grid.shape)).fill(FAT));
    const loaded = await model();
    const isRefusal = (error: Error) => error instanceof Refusal && error.code === 'no-liver-in-view';
    await assert.rejects(segment(empty, loaded, { provider: 'cpu', threads: 1 }, QUIET), isRefusal);
    const controller = new AbortController();
    const report = (_phase: string, fraction: number) => {
      if (fraction > 0.2) controller.abort(new Error('enough'));
    };
    const progress = { signal: controller.signal, report };
    await assert.rejects(segment(seriesOf(SCENE, grid), loaded, { provider: 'cpu', threads: 1 }, progress), /enough/);
  });

  it('is refused with rules that go with another kind of model', async () => {
    const problem = async (options: TinyModelOptions, changes: Partial<WholeScan> = {}) =>
      model(changes, options).then(
        () => '',
        (error: Error) => error.message,
      );
    const presence = {
      output: 'presence',
      activation: 'logits' as const,
      patchVoxels: [8, 8, 8] as [number, number, number],
    };
    assert.match(await problem({ segment: { presence } }), /presence: is for a network that sees the box/);
    assert.match(await problem({}, { decide: 'regions' }), /none of them is 'background'/);
    assert.match(await problem({}, { mirrorAxes: ['x', 'x'] }), /an axis is named twice/);
    assert.match(await problem({}, { orientation: 'XYZ' }), /wholeScan\.orientation: three letters such as RAS/);
    const median = { kind: 'liver-median', clipHu: 100, scaleHu: 40 } as const;
    assert.match(await problem({ segment: { intensity: median } }), /the liver median is not known/);
    await writeTinyModel(dir, { segment: { wholeScan: RULES } });
    await assert.rejects(loadModel(dir), /locate: a network that sees the whole scan needs none/);
    await writeTinyModel(dir, { cascade: { locate: undefined } });
    await assert.rejects(loadModel(dir), /locate: is missing/);
    await writeTinyModel(dir, { segment: { intensity: { kind: 'scan-zscore' } } });
    await assert.rejects(loadModel(dir), /'scan-zscore' is for a network that sees the whole scan/);
  });
});

describe('the grids and windows of other systems', () => {
  it('leave out a border of zeros, on whichever side of the patient it is', () => {
    const grid = around([6, 5, 4], [1, 1, 1], [-1, 0, 0], [0, 1, 0]);
    const hu = new Int16Array(120);
    hu[2 + 6 * (1 + 5 * 2)] = 7;
    hu[4 + 6 * (3 + 5 * 3)] = -3;
    for (const orientation of ['RAS', 'LPS', 'LAI']) {
      const { shape, first, steps } = withoutZeroBorder(networkAxes(grid, orientation), hu);
      assert.deepEqual(shape, [3, 3, 2], orientation);
      const last = first + 2 * steps[0] + 2 * steps[1] + steps[2];
      const corners = [0, 1, 2, 3, 4, 5, 6, 7].map(
        (n) => hu[first + (n & 1 ? 2 * steps[0] : 0) + (n & 2 ? 2 * steps[1] : 0) + (n & 4 ? steps[2] : 0)],
      );
      assert.deepEqual(corners.filter((value) => value !== 0).sort(), [-3, 7], orientation);
      assert.ok(last >= 0 && last < hu.length);
    }
    const zeros = networkAxes(grid, 'RAS');
    assert.equal(withoutZeroBorder(zeros, new Int16Array(120)), zeros, 'nothing but zeros');
  });

  it('round as Python does', () => {
    assert.deepEqual([0.5, 1.5, 2.5, 2.4, 2.6, 3.5].map(roundHalfEven), [0, 2, 2, 2, 3, 4]);
    assert.equal(resizedCount('nnunet', 5, 1, 2), 2, '2.5 voxels');
    assert.equal(resizedCount('monai', 6, 1, 2), 4, '3.5 voxels');
  });

  it('keep the coarsest axis apart only where it is one, and coarse enough', () => {
    const rule = { kernel: 'cubic', coarseAxis: { ratio: 3, kernel: 'nearest' } } as const;
    assert.equal(coarseAxis(rule, [1, 1, 3], [1, 1, 1]), null);
    assert.equal(coarseAxis(rule, [1, 1, 3.1], [1, 1, 1]), 2);
    assert.equal(coarseAxis(rule, [1, 1, 1], [4, 1, 1]), 0);
    assert.equal(coarseAxis(rule, [0.24, 1.25, 1.25], [1, 1, 1]), null, 'two coarse axes');
    assert.equal(coarseAxis({ kernel: 'cubic' }, [1, 1, 9], [1, 1, 1]), null);
  });

  it('cover every voxel by windows that stay inside', () => {
    for (const conventions of ['nnunet', 'monai'] as const) {
      for (const overlap of [0, 0.25, 0.5, 0.75]) {
        for (const window of [4, 8, 12, 30]) {
          for (let extent = window; extent < 4 * window; extent++) {
            const starts = startsAlong(conventions, extent, window, overlap);
            assert.equal(starts[0], 0);
            assert.equal(starts.at(-1), extent - window);
            for (const [n, start] of starts.slice(1).entries()) {
              assert.ok(start > starts[n]! && start - starts[n]! <= window, `${conventions} ${extent} ${window}`);
            }
          }
        }
      }
    }
  });

  it('give the same slices however many windows run at once', async () => {
    const shape: Vec3 = [20, 18, 22];
    const values = Float32Array.from({ length: voxelCount(shape) }, (_, n) => Math.sin(n * n));
    const input: NetworkInput = { inner: shape, before: [0, 0, 0], shape, values };
    const stage = tinyStage('n.onnx', new Uint8Array(), {
      channels: ['background', 'liver', 'lesion'],
      windowVoxels: [8, 10, 12],
      wholeScan: { ...RULES, mirrorAxes: ['x', 'z'] },
    });
    const slices = async (batch: number) => {
      const taken: Float32Array[] = [];
      const decision = { add: (z: number, slice: Float32Array) => taken.splice(z, 0, slice) } as unknown as Decision;
      await slide(stage, positional(batch), input, decision, QUIET.signal, () => {});
      return taken;
    };
    const expected = await slices(1);
    assert.equal(expected.length, shape[2]);
    for (const batch of [2, 3, 7]) assert.deepEqual(await slices(batch), expected, `${batch} at once`);
  });

  it('weigh no voxel nothing', () => {
    const windowVoxels: [number, number, number] = [64, 48, 128];
    for (const conventions of ['nnunet', 'monai'] as const) {
      const weights = windowWeights({ windowVoxels, wholeScan: { ...RULES, conventions } });
      assert.ok(weights.every((weight) => weight > 0 && weight <= 1));
    }
  });
});

/** A made-up network whose answer depends on the place in the window: one that is put together wrongly shows. */
function positional(batch: number): NetworkSession {
  return {
    engine: { provider: 'cpu', device: 'none' },
    batch,
    run: async (input, windows = 1) => {
      const voxels = input.length / windows;
      const classes = new Float32Array(3 * input.length);
      for (let n = 0; n < classes.length; n++) {
        const window = Math.floor(n / (3 * voxels));
        classes[n] = Math.fround(input[window * voxels + (n % voxels)]! * (1 + (n % (3 * voxels)) / voxels));
      }
      return { classes, presence: null };
    },
    probabilities: () => assert.fail('what is blended is as the network gives it'),
    release: async () => {},
  };
}

function around(shape: Vec3, spacingMm: Vec3, rows: Vec3, columns: Vec3): Grid {
  return gridAround(SCENE.centreMm, shape, spacingMm, [rows, columns, cross(rows, columns)]);
}

function dice(truth: Uint8Array, found: Uint8Array, is: (label: number) => boolean): number {
  let [both, all] = [0, 0];
  for (let voxel = 0; voxel < truth.length; voxel++) {
    const [a, b] = [is(truth[voxel]!), is(found[voxel]!)];
    if (a && b) both++;
    all += Number(a) + Number(b);
  }
  return (2 * both) / all;
}
