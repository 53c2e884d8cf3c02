import assert from 'node:assert/strict';
import type { Comparison } from '../../../server/src/findings/priors.ts';
import type { GeometryOptions } from '../../../server/src/phantom/geometry.ts';
import type { Pose } from '../../../server/src/phantom/pose.ts';
import { align } from '../../../server/src/priors/align.ts';
import { compareScans } from '../../../server/src/priors/compare.ts';
import { signedDistance } from '../../../server/src/priors/distance.ts';
import { moved } from '../../../server/src/priors/rigid.ts';
import { liverShape } from '../../../server/src/priors/shape.ts';
import type { Grid, LabelMap, Vec3 } from '../../../server/src/volume/volume.ts';
import { asPrior, type Scan, scan } from './pairs.ts';

const GEOMETRY: GeometryOptions = {
  rows: 72,
  columns: 78,
  slices: 50,
  pixelSpacingMm: [3.5, 3.5],
  sliceSpacingMm: 5,
};
const LESIONS = [
  { diameterMm: 24, centreMm: [-70, 0, 10] },
  { diameterMm: 16, centreMm: [-40, -40, 20] },
] as const;

const shapeOf = ({ segments, series }: Scan) => liverShape(segments, series.volume.grid)!;

/** The part of a label map with slices from `first` on, as a scan that begins there. */
function cut(whole: Scan, first: number, slices: number): Scan {
  const { grid, labels } = whole.segments;
  const perSlice = grid.shape[0] * grid.shape[1];
  const part: Grid = {
    ...grid,
    shape: [grid.shape[0], grid.shape[1], slices],
    originMm: grid.originMm.map((mm, axis) => mm + grid.axes[2][axis]! * grid.spacingMm[2] * first) as unknown as Vec3,
  };
  const segments: LabelMap<Uint16Array> = {
    grid: part,
    labels: labels.slice(perSlice * first, perSlice * (first + slices)),
  };
  return { ...whole, segments, series: { ...whole.series, volume: { grid: part } } };
}

describe('the distance to a surface', () => {
  it('is that to the nearest voxel of the other kind, found by looking at all', () => {
    const shape: Vec3 = [7, 6, 5];
    let state = 3;
    const inside = Uint8Array.from({ length: 210 }, () => {
      state = (state * 1103515245 + 12345) % 2 ** 31;
      return state / 2 ** 31 < 0.3 ? 1 : 0;
    });
    const place = (at: number) => [at % 7, Math.floor(at / 7) % 6, Math.floor(at / 42)];
    const found = signedDistance(inside, shape);
    for (let at = 0; at < 210; at++) {
      const distances = [...inside.keys()]
        .filter((other) => inside[other] !== inside[at])
        .map((other) => Math.hypot(...place(other).map((x, axis) => x - place(at)[axis]!)));
      const nearest = Math.min(...distances) - 0.5;
      assert.ok(Math.abs(found[at]! - (inside[at] ? -nearest : nearest)) < 1e-5);
    }
  });
});

describe('laying an earlier liver over this one', () => {
  let first: Scan;
  before(async () => {
    first = await scan(3, LESIONS, GEOMETRY, null);
  });

  const POSES: Record<string, Pose> = {
    'shifted by 60 mm along the body': { rotationDeg: [0, 0, 0], shiftMm: [4, -7, 60] },
    'turned by 30 degrees about the body’s axis': { rotationDeg: [0, 0, 30], shiftMm: [20, 15, -25] },
    'turned about all axes': { rotationDeg: [14, -12, 18], shiftMm: [-20, 10, 33] },
  };
  for (const [name, pose] of Object.entries(POSES)) {
    it(`${name}: finds every place again within 2.5 mm`, async () => {
      const second = await scan(3, LESIONS, { ...GEOMETRY, patientPosition: 'FFP', negateRows: true }, pose);
      const aligned = align(shapeOf(second), shapeOf(first), false);
      assert.ok(aligned.isGood, JSON.stringify(aligned));
      for (const [n, lesion] of first.findings.lesions.entries()) {
        const back = moved(aligned.toPrior, second.findings.lesions[n]!.centroidMm);
        const off = Math.hypot(...back.map((mm, axis) => mm - lesion.centroidMm[axis]!));
        assert.ok(off < 2.5, `lesion ${n + 1} is ${off.toFixed(1)} mm off`);
      }
    });
  }

  it('keeps shared coordinates to the last bit, and leaves them when the livers do not agree', async () => {
    const same = align(shapeOf(first), shapeOf(first), true);
    assert.deepEqual([same.method, same.liverDice, same.surfaceDistanceMm], ['frame-of-reference', 1, 0]);
    const breathedOut = await scan(3, LESIONS, GEOMETRY, { rotationDeg: [0, 0, 0], shiftMm: [0, 0, 22] });
    const moving = align(shapeOf(breathedOut), shapeOf(first), true);
    assert.deepEqual([moving.method, moving.isGood], ['liver', true]);
  });

  it('aligns a scan that shows only part of the liver, and calls nothing gone that it does not reach', async () => {
    const pose: Pose = { rotationDeg: [3, -4, 6], shiftMm: [10, -10, 20] };
    const second = await scan(3, LESIONS, GEOMETRY, pose);
    const { grid } = second.series.volume;
    // Ends 12 mm below the upper lesion's middle, in slices of 5 mm that count upwards.
    const top = Math.max(...second.findings.lesions.map(({ centroidMm }) => centroidMm[2])) - 20;
    const slices = Math.floor((top - grid.originMm[2]) / 5);
    const part = cut(second, 0, slices);
    const lesions = second.findings.lesions.filter(({ centroidMm }) => centroidMm[2] < top);
    const comparison = compareScans(
      { ...part, findings: { ...second.findings, lesions } },
      asPrior(first),
    ) as Comparison;
    const upper = comparison.lesions.filter(({ change }) => change === 'out-of-view');
    assert.equal(upper.length, 2 - lesions.length, JSON.stringify(comparison));
    assert.ok(comparison.lesions.every(({ change }) => change !== 'gone'));
  });

  it('refuses a liver of another form, and says how far off it is', () => {
    const { grid, labels } = first.segments;
    const [nx] = grid.shape;
    const others: Record<string, (at: number) => number> = {
      'left for right': (at) => labels[at - (at % nx) + (nx - 1 - (at % nx))]!,
      'the right lobe resected': (at) => (at % nx < nx * 0.42 ? 0 : labels[at]!),
    };
    for (const [name, labelAt] of Object.entries(others)) {
      const segments = { grid, labels: labels.map((_, at) => labelAt(at)) };
      const refused = compareScans({ ...first, segments }, asPrior(first));
      assert.ok('message' in refused, `${name}: ${JSON.stringify(refused)}`);
      assert.match(refused.message, /Dice 0\.\d+, surfaces \d+(\.\d+)? mm apart/);
      assert.ok(refused.figures.liverDice < 0.85 || refused.figures.surfaceDistanceMm > 5, name);
    }
  });
});
