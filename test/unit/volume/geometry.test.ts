import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  boxOnGrid,
  cross,
  degreesBetweenLines,
  dot,
  gridOfBox,
  intersect,
  length,
  normalise,
  patientAlignedGrid,
  stepsBetween,
  toPatient,
  toVoxel,
  voxelCount,
  voxelMl,
  wholeBox,
  widen,
} from '../../../server/src/volume/geometry.ts';
import type { Box, Grid, Vec3 } from '../../../server/src/volume/volume.ts';
import { anyBox, anyGrid } from './arbitrary.ts';

describe('geometry: what a wrong affine would move in the patient', () => {
  it('voxel to patient and back is the same voxel, on any oblique grid', () => {
    fc.assert(
      fc.property(
        anyGrid,
        fc.tuple(...[0, 1, 2].map(() => fc.double({ min: -50, max: 600, noNaN: true }))),
        (grid, voxel) => {
          assertClose(toVoxel(grid, toPatient(grid, voxel as unknown as Vec3)), voxel as unknown as Vec3, 1e-6);
        },
      ),
    );
  });

  it('follows the equation of PS3.3 C.7.6.2.1.1 for the pixels of a slice', () => {
    const grid: Grid = {
      shape: [4, 5, 6],
      spacingMm: [0.5, 0.75, 3],
      originMm: [10, 20, 30],
      axes: [
        [0, 1, 0],
        [-1, 0, 0],
        [0, 0, 1],
      ],
    };
    assert.deepEqual(toPatient(grid, [2, 4, 1]), [10 - 4 * 0.75, 20 + 2 * 0.5, 33]);
    assert.equal(voxelMl(grid), (0.5 * 0.75 * 3) / 1000);
    assert.equal(voxelCount(grid.shape), 120);
  });

  it('steps from grid to grid add up to the affine', () => {
    fc.assert(
      fc.property(anyGrid, anyGrid, (from, to) => {
        const [di, dj, dk] = stepsBetween(from, to);
        const start = toVoxel(to, toPatient(from, [0, 0, 0]));
        const expected = toVoxel(to, toPatient(from, [3, 5, 7]));
        const stepped = start.map((s, a) => s + 3 * di[a]! + 5 * dj[a]! + 7 * dk[a]!);
        assertClose(stepped as unknown as Vec3, expected, 1e-6);
      }),
    );
  });

  it('cross is right-handed, at right angles, and of the area of the parallelogram', () => {
    const vector = fc.tuple(
      ...[0, 1, 2].map(() => fc.double({ min: -9, max: 9, noNaN: true })),
    ) as unknown as fc.Arbitrary<Vec3>;
    fc.assert(
      fc.property(vector, vector, (a, b) => {
        const c = cross(a, b);
        assert.ok(Math.abs(dot(c, a)) < 1e-9 && Math.abs(dot(c, b)) < 1e-9);
        assert.ok(Math.abs(dot(c, c) + dot(a, b) ** 2 - dot(a, a) * dot(b, b)) < 1e-8);
      }),
    );
    assert.deepEqual(cross([1, 0, 0], [0, 1, 0]), [0, 0, 1]);
    assert.ok(Math.abs(length(normalise([3, -4, 12])) - 1) < 1e-15);
    assert.equal(degreesBetweenLines([0, 0, -2], [0, 0, 5]), 0);
    assert.ok(Math.abs(degreesBetweenLines([1, 0, 1], [0, 0, -1]) - 45) < 1e-12);
  });
});

describe('geometry: what a box too small would cut off', () => {
  it('a patient-aligned grid covers every corner of the box, with less than one voxel to spare', () => {
    fc.assert(
      fc.property(gridAndBox(), fc.double({ min: 0.5, max: 5, noNaN: true }), ({ grid, box }, spacing) => {
        const aligned = patientAlignedGrid(grid, box, [spacing, spacing, spacing * 1.5]);
        assert.deepEqual(aligned.axes, [
          [1, 0, 0],
          [0, 1, 0],
          [0, 0, 1],
        ]);
        const seen = faceCorners(box).map((corner) => toVoxel(aligned, toPatient(grid, corner)));
        for (const axis of [0, 1, 2] as const) {
          const along = seen.map((voxel) => voxel[axis]);
          const [low, high] = [Math.min(...along) + 0.5, aligned.shape[axis] - 0.5 - Math.max(...along)];
          assert.ok(low > -1e-5 && high > -1e-5, 'a corner is outside');
          assert.ok(low + high < 1 + 1e-5, 'the grid is larger than it need be');
        }
      }),
    );
  });

  it('a box on another grid holds every voxel of the first box that the other grid holds', () => {
    fc.assert(
      fc.property(gridAndBox(), anyGrid, ({ grid, box }, to) => {
        const found = boxOnGrid(grid, box, to);
        for (const corner of faceCorners({ start: box.start, size: box.size }, 0.01)) {
          const at = toVoxel(to, toPatient(grid, corner)).map(Math.round) as unknown as Vec3;
          if (!within(wholeBox(to), at)) continue;
          assert.ok(found !== null && within(found, at));
        }
      }),
    );
  });

  it('a box put on its own grid is itself', () => {
    fc.assert(fc.property(gridAndBox(), ({ grid, box }) => assert.deepEqual(boxOnGrid(grid, box, grid), box)));
  });

  it('widening reaches the margin on every side, or the end of the grid', () => {
    fc.assert(
      fc.property(gridAndBox(), fc.double({ min: 0, max: 20, noNaN: true }), ({ grid, box }, marginMm) => {
        const wide = widen(grid, box, marginMm)!;
        for (const axis of [0, 1, 2] as const) {
          const before = box.start[axis] - wide.start[axis];
          const after = wide.start[axis] + wide.size[axis] - box.start[axis] - box.size[axis];
          assert.ok(wide.start[axis] === 0 || before * grid.spacingMm[axis] >= marginMm - 1e-6);
          assert.ok(
            wide.start[axis] + wide.size[axis] === grid.shape[axis] || after * grid.spacingMm[axis] >= marginMm - 1e-6,
          );
          assert.ok(before >= 0 && after >= 0);
        }
      }),
    );
  });

  it('boxes intersect where both hold a voxel', () => {
    const box = fc.record({ start: small(-3, 4), size: small(1, 5) }) as unknown as fc.Arbitrary<Box>;
    fc.assert(
      fc.property(box, box, (a, b) => {
        const both = intersect(a, b);
        for (let n = 0; n < 1331; n++) {
          const at: Vec3 = [(n % 11) - 3, (Math.floor(n / 11) % 11) - 3, Math.floor(n / 121) - 3];
          assert.equal(both !== null && within(both, at), within(a, at) && within(b, at));
        }
      }),
      { numRuns: 50 },
    );
  });

  it("a box's own grid starts at the box", () => {
    fc.assert(
      fc.property(gridAndBox(), ({ grid, box }) => {
        const part = gridOfBox(grid, box);
        assertClose(
          toPatient(part, [1, 0, 2]),
          toPatient(grid, [box.start[0] + 1, box.start[1], box.start[2] + 2]),
          1e-6,
        );
        assert.deepEqual(part.shape, box.size);
      }),
    );
  });
});

function gridAndBox(): fc.Arbitrary<{ grid: Grid; box: Box }> {
  return anyGrid.chain((grid) => anyBox(grid.shape).map((box) => ({ grid, box })));
}

function small(min: number, max: number) {
  return fc.tuple(...[0, 1, 2].map(() => fc.integer({ min, max })));
}

function faceCorners({ start, size }: Box, inside = 0): Vec3[] {
  return Array.from({ length: 8 }, (_, n): Vec3 => {
    const at = (axis: 0 | 1 | 2) =>
      n & (1 << axis) ? start[axis] + size[axis] - 0.5 - inside : start[axis] - 0.5 + inside;
    return [at(0), at(1), at(2)];
  });
}

function within({ start, size }: Box, at: Vec3): boolean {
  return at.every((n, axis) => n >= start[axis]! && n < start[axis]! + size[axis]!);
}

function assertClose(a: Vec3, b: Vec3, tolerance: number): void {
  a.forEach((value, axis) => {
    assert.ok(Math.abs(value - b[axis]!) <= tolerance, `${a} is not ${b}`);
  });
}
