import assert from 'node:assert/strict';
import fc from 'fast-check';
import { WindowBlend } from '../../../server/src/inference/blend.ts';
import { gaussianWeights, windowFor, windowStarts, windowsOver } from '../../../server/src/inference/tiles.ts';
import type { Vec3 } from '../../../server/src/volume/volume.ts';

const axis = fc.record({
  extent: fc.integer({ min: 1, max: 400 }),
  window: fc.integer({ min: 1, max: 64 }).map((half) => 2 * half),
  overlap: fc.double({ min: 0, max: 0.75, noNaN: true }),
});

describe('windows over a grid', () => {
  it('cover every voxel, stay inside, and overlap at least as much as asked', () => {
    fc.assert(
      fc.property(axis, ({ extent, window, overlap }) => {
        const starts = windowStarts(extent, window, overlap);
        assert.equal(starts[0], 0);
        if (extent <= window) return starts.length === 1;
        assert.equal(starts.at(-1)! + window, extent);
        const longest = Math.max(1, Math.floor(window * (1 - overlap)));
        return starts.every((start, n) => n === 0 || (start > starts[n - 1]! && start - starts[n - 1]! <= longest));
      }),
    );
  });

  it('are no more than needed', () => {
    assert.deepEqual(windowStarts(96, 96, 0.5), [0]);
    assert.deepEqual(windowStarts(97, 96, 0.5), [0, 1]);
    assert.deepEqual(windowStarts(192, 96, 0.5), [0, 48, 96]);
    assert.deepEqual(windowStarts(200, 96, 0), [0, 52, 104]);
  });

  it('weigh their centre most and no voxel nothing', () => {
    for (const window of [2, 32, 96, 256]) {
      const weights = gaussianWeights(window);
      assert.ok(weights.every((weight) => weight > 0 && weight <= 1));
      assert.deepEqual(weights, weights.toReversed());
      assert.ok(weights[window / 2]! >= weights[0]!);
      // One standard deviation, an eighth of a window, from the centre.
      const at = (window - 1) / 2 + window / 8;
      if (Number.isInteger(at)) assert.ok(Math.abs(weights[at]! - Math.exp(-0.5)) < 1e-6);
    }
  });
});

describe('windows that may be larger', () => {
  const edge = fc.integer({ min: 1, max: 300 });
  const stage = fc.record({
    windowVoxels: fc.constantFrom<[number, number, number]>([96, 96, 80], [32, 48, 64]),
    overlap: fc.constantFrom(0, 0.25, 0.5, 0.7),
    largerWindows: fc.record({
      stepVoxels: fc.constant(16),
      mostVoxels: fc.integer({ min: 1, max: 4_000_000 }),
    }),
  });
  const inAll = (shape: Vec3, size: Vec3, overlap: number) =>
    windowsOver(shape, size, overlap).length * size[0] * size[1] * size[2];

  it('are made of steps, keep to their limit, and cover a grid with no more voxels than the smallest do', () => {
    fc.assert(
      fc.property(fc.tuple(edge, edge, edge), stage, (extents, asked) => {
        const shape = extents as Vec3;
        const { windowVoxels, overlap, largerWindows } = asked;
        const size = windowFor(shape, asked);
        const isOwn = size.every((n, axis) => n === windowVoxels[axis]);
        assert.ok(isOwn || size[0] * size[1] * size[2] <= largerWindows.mostVoxels);
        assert.ok(size.every((n, axis) => n >= windowVoxels[axis]! && (n - windowVoxels[axis]!) % 16 === 0));
        const smallest = inAll(shape, windowVoxels, overlap);
        assert.ok(isOwn || inAll(shape, size, overlap) <= smallest);
        assert.deepEqual(windowFor(shape, { windowVoxels, overlap }), windowVoxels);
        // As good as any other that is allowed.
        const other: Vec3 = [windowVoxels[0] + 16, windowVoxels[1] + 32, windowVoxels[2]];
        const isAllowed = other[0] * other[1] * other[2] <= largerWindows.mostVoxels;
        assert.ok(!isAllowed || inAll(shape, size, overlap) <= inAll(shape, other, overlap));
      }),
      { numRuns: 200 },
    );
  });

  it('are one where the box of a liver fits', () => {
    const asked = {
      windowVoxels: [96, 96, 80] as [number, number, number],
      overlap: 0.25,
      largerWindows: { stepVoxels: 16, mostVoxels: 4_000_000 },
    };
    assert.deepEqual(windowFor([152, 124, 120], asked), [160, 128, 128]);
    assert.deepEqual(windowFor([60, 60, 60], asked), [96, 96, 80]);
    // 192 x 176 x 128 are too many: two along y.
    assert.deepEqual(windowFor([190, 165, 120], asked), [192, 96, 128]);
  });
});

const WINDOW: Vec3 = [8, 6, 4];
const VOXELS = 8 * 6 * 4;

describe('blending windows', () => {
  const shape = fc.tuple(
    fc.integer({ min: 8, max: 21 }),
    fc.integer({ min: 6, max: 15 }),
    fc.integer({ min: 4, max: 9 }),
  );
  const share = fc.double({ min: 0, max: 1, noNaN: true });

  it('of a constant gives that constant', () => {
    fc.assert(
      fc.property(shape, share, share, (grid, liver, lesion) => {
        const blend = new WindowBlend(grid as Vec3, WINDOW);
        const constant = (value: number) => new Float32Array(VOXELS).fill(value);
        for (const start of windowsOver(grid as Vec3, WINDOW, 0.5)) {
          blend.add(start, { liver: constant(liver), lesion: constant(lesion) });
        }
        const blended = blend.finish();
        assert.ok(blended.liver.every((value) => Math.abs(value - liver) < 1e-6));
        assert.ok(blended.lesion.every((value) => Math.abs(value - lesion) < 1e-6));
      }),
      { numRuns: 30 },
    );
  });

  it('does not depend on the order of the windows, and is the weighted mean of what they say', () => {
    fc.assert(
      fc.property(shape, fc.integer(), (grid, seed) => {
        // Some windows are left out, as those without liver are.
        const starts = windowsOver(grid as Vec3, WINDOW, 0.5).filter((_, n) => ((seed >> (n % 24)) & 3) !== 0);
        const outputs = starts.map((_, n) => ({ liver: noise(VOXELS, seed + n), lesion: noise(VOXELS, seed - n - 1) }));
        const blended = (order: readonly number[]) => {
          const blend = new WindowBlend(grid as Vec3, WINDOW);
          for (const n of order) blend.add(starts[n]!, outputs[n]!);
          return blend.finish();
        };
        const order = starts.map((_, n) => n);
        const [one, other] = [blended(order), blended(order.toReversed())];
        assert.ok(one.both.every((value, at) => Math.abs(value - other.both[at]!) < 1e-5));

        for (let at = 0; at < one.liver.length; at += 5) {
          const voxel = [at % grid[0], Math.floor(at / grid[0]) % grid[1], Math.floor(at / (grid[0] * grid[1]))];
          const sums = { liver: 0, lesion: 0 };
          let weights = 0;
          for (const n of order) {
            const inWindow = voxel.map((place, i) => place - starts[n]![i]!) as unknown as Vec3;
            if (inWindow.some((place, i) => place < 0 || place >= WINDOW[i]!)) continue;
            const weight = inWindow.reduce((all, place, i) => all * gaussianWeights(WINDOW[i]!)[place]!, 1);
            const from = inWindow[0] + 8 * (inWindow[1] + 6 * inWindow[2]);
            for (const name of ['liver', 'lesion'] as const) sums[name] += weight * outputs[n]![name][from]!;
            weights += weight;
          }
          for (const name of ['liver', 'lesion'] as const) {
            const expected = weights === 0 ? 0 : sums[name] / weights;
            assert.ok(Math.abs(one[name][at]! - expected) < 1e-5, `${name} at ${voxel}`);
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it('is the same when slices are finished as soon as no window is left that reaches into them', () => {
    fc.assert(
      fc.property(shape, fc.integer(), (grid, seed) => {
        const starts = windowsOver(grid as Vec3, WINDOW, 0.5).filter((_, n) => ((seed >> (n % 24)) & 3) !== 0);
        const [early, late] = [new WindowBlend(grid as Vec3, WINDOW), new WindowBlend(grid as Vec3, WINDOW)];
        for (const [n, start] of starts.entries()) {
          const output = { liver: noise(VOXELS, seed + n), lesion: n % 3 === 0 ? null : noise(VOXELS, seed - n - 1) };
          for (const blend of [early, late]) blend.add(start, output);
          const next = starts[n + 1];
          if (next) early.finishBefore(next[2]);
        }
        assert.deepEqual(early.finish().both, late.finish().both);
        assert.ok(early.areNumbers);
      }),
      { numRuns: 30 },
    );
  });

  it('takes no window for slices that are finished', () => {
    const blend = new WindowBlend([8, 6, 9], WINDOW);
    const output = { liver: new Float32Array(VOXELS), lesion: null };
    blend.add([0, 0, 0], output);
    blend.finishBefore(3);
    blend.add([0, 0, 3], output);
    assert.throws(() => blend.add([0, 0, 2], output), /slice 2 is finished/);
  });

  it('takes the lesion of a network that knows none for zero', () => {
    const blend = new WindowBlend([8, 6, 4], WINDOW);
    blend.add([0, 0, 0], { liver: new Float32Array(VOXELS).fill(0.7), lesion: null });
    const { liver, lesion } = blend.finish();
    assert.ok(liver.every((value) => Math.abs(value - 0.7) < 1e-6) && lesion.every((value) => value === 0));
  });

  it('refuses a grid that a window does not fit in', () => {
    assert.throws(() => new WindowBlend([7, 6, 4], WINDOW), /7 x 6 x 4 voxels is smaller than a window of 8 x 6 x 4/);
  });
});

function noise(length: number, seed: number): Float32Array {
  let state = (seed >>> 0) + 1;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  });
}
