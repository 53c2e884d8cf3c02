import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { boundingBox, plainLayout } from '../../../server/src/volume/bounding-box.ts';
import {
  type Components,
  type Connectivity,
  componentBox,
  connectedComponents,
  fillHoles,
  foregroundVoxels,
  largestComponent,
  paintComponents,
} from '../../../server/src/volume/components.ts';
import { voxelCount } from '../../../server/src/volume/geometry.ts';
import type { Box, Vec3 } from '../../../server/src/volume/volume.ts';
import { anyBox } from './arbitrary.ts';

const isSet = (value: number) => value > 0;

/** Values 0 to 2, from sparse to dense, and a box within them. */
const anyCase = fc
  .record({
    shape: fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: 1, max: 9 }))),
    share: fc.integer({ min: 5, max: 95 }),
  })
  .chain(({ shape, share }) =>
    fc.record({
      shape: fc.constant(shape as unknown as Vec3),
      box: anyBox(shape as unknown as Vec3),
      values: fc
        .array(fc.integer({ min: 0, max: 199 }), {
          minLength: voxelCount(shape as unknown as Vec3),
          maxLength: voxelCount(shape as unknown as Vec3),
        })
        .map((dice) => Uint8Array.from(dice, (d) => (d / 2 < share ? 1 + (d % 2) : 0))),
    }),
  );

describe('connected components: a lesion counted twice, or two counted as one', () => {
  for (const connectivity of [6, 26] as const) {
    it(`${connectivity}-connected labels, sizes and order equal a flood fill, in any box`, () => {
      fc.assert(
        fc.property(anyCase, ({ shape, box, values }) => {
          const found = connectedComponents(values, shape, isSet, { box, connectivity });
          const expected = floodFill(values, shape, box, connectivity);
          assert.deepEqual(labelArray(found, values.length), expected.labels);
          assert.deepEqual([...found.sizes], expected.sizes);
          assert.equal(found.count, expected.sizes.length - 1);
        }),
        { numRuns: 300 },
      );
    });
  }

  it('finds long stretches of any values, wherever they lie in memory', () => {
    const stretch = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.constantFrom(0, 1, 2, 255));
    const limits = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }));
    fc.assert(
      fc.property(fc.array(stretch, { minLength: 1, maxLength: 12 }), fc.nat(3), limits, (stretches, offset, ends) => {
        const list = stretches.flatMap(([length, value]) => new Array<number>(length).fill(value));
        const values = new Uint8Array(list.length + offset).subarray(offset);
        values.set(list);
        const shape: Vec3 = [list.length, 1, 1];
        const [first, last] = ends.map((share) => Math.floor(share * (list.length - 1))).toSorted((a, b) => a - b);
        const box: Box = { start: [first!, 0, 0], size: [last! + 1 - first!, 1, 1] };
        const isForeground = (value: number) => value === 1 || value === 255;
        const { runStarts, runLengths } = connectedComponents(values, shape, isForeground, { box });
        const found = new Set<number>();
        runStarts.forEach((start, run) => {
          for (let n = 0; n < runLengths[run]!; n++) found.add(start + n);
        });
        const expected = list.flatMap((value, at) => (isForeground(value) && at >= first! && at <= last! ? [at] : []));
        assert.deepEqual([...found], expected);
        assert.equal(foregroundVoxels(values, shape, isForeground, box), expected.length);
      }),
      { numRuns: 300 },
    );
  });

  it('labels one value apart from the others', () => {
    const values = Uint8Array.from([1, 2, 2, 1, 0, 2]);
    const { runStarts, runLengths, sizes } = connectedComponents(values, [6, 1, 1], (value) => value === 2);
    assert.deepEqual(
      [[...runStarts], [...runLengths], [...sizes]],
      [
        [1, 5],
        [2, 1],
        [0, 2, 1],
      ],
    );
  });

  it('agrees with scipy.ndimage.label on a scattered volume', function () {
    const shape: Vec3 = [40, 33, 27];
    // One voxel in ten, scattered: some thousand components, and more of them by faces than by corners.
    const values = Uint8Array.from({ length: voxelCount(shape) }, (_, at) =>
      Math.imul(at ^ (at >>> 7), 0x9e3779b1) >>> 0 < 0.1 * 2 ** 32 ? 1 : 0,
    );
    const script = `
import sys, numpy, scipy.ndimage as n
v = numpy.frombuffer(sys.stdin.buffer.read(), numpy.uint8).reshape(27, 33, 40)
for s in (n.generate_binary_structure(3, 1), numpy.ones((3, 3, 3))):
    labels, count = n.label(v, s)
    print(count, *sorted(numpy.bincount(labels.ravel())[1:]))`;
    let printed: string;
    try {
      printed = execFileSync('/usr/bin/python3', ['-c', script], { input: values, encoding: 'utf8', stdio: 'pipe' });
    } catch {
      this.skip();
    }
    const ours = ([6, 26] as const).map((connectivity) => {
      const { count, sizes } = connectedComponents(values, shape, isSet, { connectivity });
      return `${count} ${[...sizes.subarray(1)].sort((a, b) => a - b).join(' ')}`;
    });
    assert.deepEqual(ours, printed.trim().split('\n'));
    assert.notEqual(ours[0], ours[1]);
  });

  it('finds the largest, the first of equals, and none in nothing', () => {
    const of = (text: string) => connectedComponents(Uint8Array.from(text, Number), [text.length, 1, 1], isSet);
    assert.equal(largestComponent(of('1101110')), 2);
    assert.equal(largestComponent(of('110110111011')), 3);
    assert.equal(largestComponent(of('11011')), 1);
    assert.equal(largestComponent(of('000')), 0);
  });

  it('a component lies in its box, which is none too large', () => {
    fc.assert(
      fc.property(anyCase, ({ shape, values }) => {
        const components = connectedComponents(values, shape, isSet);
        for (let label = 1; label <= components.count; label++) {
          const alone = new Uint8Array(values.length);
          paintComponents(alone, components, (other) => (other === label ? 1 : null));
          assert.deepEqual(componentBox(components, shape, label), boundingBox(alone, plainLayout(shape)));
        }
        assert.equal(componentBox(components, shape, components.count + 1), null);
      }),
    );
  });

  it('paints components, and leaves those that are told to stay', () => {
    const values = Uint8Array.from('1101011', Number);
    paintComponents(
      values,
      connectedComponents(values, [7, 1, 1], isSet),
      (label) => [null, 7, null, 0][label] ?? null,
    );
    assert.deepEqual([...values], [7, 7, 0, 1, 0, 0, 0]);
  });
});

describe('hole filling: parenchyma lost inside the liver', () => {
  it('fills what a flood from the faces of the box cannot reach, up to the volume', () => {
    fc.assert(
      fc.property(anyCase, fc.integer({ min: 0, max: 6 }), ({ shape, box, values }, largest) => {
        const expected = values.slice();
        const open = Uint8Array.from(values, (value) => (value === 0 ? 1 : 0));
        const { labels, sizes } = floodFill(open, shape, box, 6);
        const outside = new Set(voxelsOf(shape, box).flatMap(({ at, onFace }) => (onFace ? [labels[at]!] : [])));
        let count = 0;
        for (const { at } of voxelsOf(shape, box)) {
          const label = labels[at]!;
          if (label === 0 || outside.has(label) || sizes[label]! > largest) continue;
          expected[at] = 9;
          count++;
        }
        assert.equal(
          fillHoles(values, shape, (value) => value === 0, 9, largest, box),
          count,
        );
        assert.deepEqual(values, expected);
      }),
      { numRuns: 200 },
    );
  });

  it('a hollow ball is filled, a cup is not', () => {
    const ball = Uint8Array.from({ length: 343 }, (_, at) => {
      const r = Math.hypot((at % 7) - 3, (Math.floor(at / 7) % 7) - 3, Math.floor(at / 49) - 3);
      return r > 1.5 && r < 3 ? 1 : 0;
    });
    const cup = ball.slice();
    for (let k = 0; k < 3; k++) cup[3 + 7 * 3 + 49 * k] = 0;
    assert.equal(
      fillHoles(ball, [7, 7, 7], (value) => value === 0, 1, 1000),
      19,
    );
    assert.equal(
      fillHoles(cup, [7, 7, 7], (value) => value === 0, 1, 1000),
      0,
    );
  });
});

function labelArray({ runStarts, runLengths, runLabels }: Components, voxels: number): number[] {
  const labels = new Array<number>(voxels).fill(0);
  runLabels.forEach((label, run) => {
    labels.fill(label, runStarts[run]!, runStarts[run]! + runLengths[run]!);
  });
  return labels;
}

/** The plainest way to the same answer: from each unlabelled voxel, in the order of memory, over all its neighbours. */
function floodFill(values: Uint8Array, shape: Vec3, box: Box, connectivity: Connectivity) {
  const labels = new Array<number>(values.length).fill(0);
  const sizes = [0];
  const inside = new Map(voxelsOf(shape, box).map(({ at, voxel }) => [at, voxel]));
  for (const first of inside.keys()) {
    if (!isSet(values[first]!) || labels[first] !== 0) continue;
    const label = sizes.length;
    sizes.push(0);
    const waiting = [first];
    labels[first] = label;
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      sizes[label]!++;
      const [i, j, k] = inside.get(at)!;
      for (let n = 0; n < 27; n++) {
        const step: Vec3 = [(n % 3) - 1, (Math.floor(n / 3) % 3) - 1, Math.floor(n / 9) - 1];
        if (connectivity === 6 && Math.abs(step[0]) + Math.abs(step[1]) + Math.abs(step[2]) !== 1) continue;
        const [x, y, z] = [i + step[0], j + step[1], k + step[2]];
        const next = x + shape[0] * (y + shape[1] * z);
        const there = inside.get(next);
        if (there === undefined || there[0] !== x || there[1] !== y || there[2] !== z) continue;
        if (!isSet(values[next]!) || labels[next] !== 0) continue;
        labels[next] = label;
        waiting.push(next);
      }
    }
  }
  return { labels, sizes };
}

function voxelsOf([nx, ny]: Vec3, { start, size }: Box): { at: number; voxel: Vec3; onFace: boolean }[] {
  return Array.from({ length: voxelCount(size) }, (_, n) => {
    const [i, j, k] = [n % size[0], Math.floor(n / size[0]) % size[1], Math.floor(n / (size[0] * size[1]))];
    const voxel: Vec3 = [start[0] + i, start[1] + j, start[2] + k];
    const onFace = [i, j, k].some((index, axis) => index === 0 || index === size[axis]! - 1);
    return { at: voxel[0] + nx * (voxel[1] + ny * voxel[2]), voxel, onFace };
  });
}
