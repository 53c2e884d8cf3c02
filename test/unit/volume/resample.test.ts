import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Field, sampleField } from '../../../server/src/volume/field.ts';
import {
  dot,
  patientAlignedGrid,
  toPatient,
  toVoxel,
  voxelCount,
  voxelMl,
  wholeBox,
} from '../../../server/src/volume/geometry.ts';
import { resampleHu } from '../../../server/src/volume/resample.ts';
import type { Box, Grid, Vec3, Volume } from '../../../server/src/volume/volume.ts';
import { AXIAL } from '../../support/axial.ts';
import { anyBox, anyGrid } from './arbitrary.ts';

/** Integer in every voxel of a grid, and linear in the voxel indices, so that rounding to HU costs nothing. */
function ramp(grid: Grid): { volume: Volume; hu: (positionMm: Vec3) => number } {
  const at = ([i, j, k]: Vec3) => 3 * i - 5 * j + 7 * k;
  const [nx, ny] = grid.shape;
  const hu = Int16Array.from({ length: voxelCount(grid.shape) }, (_, n) =>
    at([n % nx, Math.floor(n / nx) % ny, Math.floor(n / (nx * ny))]),
  );
  return { volume: { grid, hu }, hu: (positionMm) => at(toVoxel(grid, positionMm)) };
}

function* voxels([nx, ny, nz]: Vec3): Generator<Vec3> {
  for (let k = 0; k < nz; k++) for (let j = 0; j < ny; j++) for (let i = 0; i < nx; i++) yield [i, j, k];
}

/** Axes along the patient's: as they are, two of them turned over, and each along another. */
const turned: readonly [Grid['axes'], ...Grid['axes'][]] = [
  AXIAL,
  [
    [-1, 0, 0],
    [0, 1, 0],
    [0, 0, -1],
  ],
  [
    [0, -1, 0],
    [0, 0, -1],
    [1, 0, 0],
  ],
];

const fine = (grid: Grid, spacingMm: number): Grid => ({ ...grid, spacingMm: [spacingMm, spacingMm, spacingMm] });

describe('resampling to a network grid: a shift here moves every contour', () => {
  it('a linear field is reproduced exactly between any two oblique grids, and is air outside the source', () => {
    fc.assert(
      fc.property(anyGrid, anyGrid, (source, to) => {
        const target = fine({ ...to, originMm: toPatient(source, [2, -1, 3]) }, Math.min(...source.spacingMm) * 0.9);
        const { volume, hu } = ramp(source);
        const out = resampleHu(volume, target, { background: -7777 });
        let n = 0;
        for (const voxel of voxels(target.shape)) {
          const value = out[n++]!;
          const positionMm = toPatient(target, voxel);
          const at = toVoxel(source, positionMm);
          const depth = (margin: number) =>
            Math.min(...at.map((x, axis) => Math.min(x - margin, source.shape[axis]! - 1 - margin - x)));
          if (depth(-0.5) < -1e-4) assert.equal(value, -7777);
          else if (depth(0) >= 0)
            assert.ok(Math.abs(value - hu(positionMm)) < 2e-3, `${value} is not ${hu(positionMm)}`);
          else if (depth(-0.5) > 1e-4) assert.notEqual(value, -7777);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('blocks of a finer source keep a linear field, wherever whole blocks stand around the target', () => {
    fc.assert(
      fc.property(anyGrid, fc.double({ min: 1, max: 6, noNaN: true }), (grid, ratio) => {
        const source: Grid = { ...grid, shape: [31, 26, 29] };
        const target: Grid = {
          ...source,
          shape: [8, 7, 6],
          originMm: toPatient(source, [5.2, 4.7, 6.1]),
          spacingMm: source.spacingMm.map((s) => s * ratio) as unknown as Vec3,
        };
        const { volume, hu } = ramp(source);
        const out = resampleHu(volume, target);
        const factor = Math.floor(ratio + 1e-6);
        let n = 0;
        for (const voxel of voxels(target.shape)) {
          const value = out[n++]!;
          const at = toVoxel(source, toPatient(target, voxel));
          const whole = at.every((x, axis) => {
            const last = Math.floor(source.shape[axis]! / factor) * factor - 1;
            return x >= (factor - 1) / 2 && x <= last - (factor - 1) / 2;
          });
          if (whole) assert.ok(Math.abs(value - hu(toPatient(target, voxel))) < 2e-3);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('a coarse grid sees a bright voxel that lies between its own: nothing is skipped', () => {
    const grid = aligned([24, 24, 24], [1, 1, 1]);
    const hu = new Int16Array(24 ** 3);
    hu[13 + 24 * (14 + 24 * 9)] = 6400;
    const out = resampleHu({ grid, hu }, patientAlignedGrid(grid, wholeBox(grid), [4, 4, 4]));
    assert.equal(Math.max(...out), 100);
    assert.equal(
      out.reduce((sum, value) => sum + value, 0),
      100,
    );
  });

  it("a ball's volume survives the way to 2 mm within 1 %, from an oblique anisotropic scan", () => {
    const a = 0.3;
    const source: Grid = {
      shape: [110, 100, 70],
      spacingMm: [0.7, 0.8, 1.25],
      originMm: [-20, -30, -40],
      axes: [
        [Math.cos(a), Math.sin(a), 0],
        [-Math.sin(a), Math.cos(a), 0],
        [0, 0, 1],
      ],
    };
    const centre = toPatient(source, [54.3, 49.1, 35.2]);
    const radius = 25;
    const distance = ([x, y, z]: Vec3) => Math.hypot(x - centre[0], y - centre[1], z - centre[2]);
    const hu = Int16Array.from(
      voxels(source.shape).map((voxel) => (distance(toPatient(source, voxel)) < radius ? 1000 : 0)),
    );
    const target = patientAlignedGrid(source, wholeBox(source), [2, 2, 2]);
    const out = resampleHu({ grid: source, hu }, target, { background: 0 });
    const exactMl = ((4 / 3) * Math.PI * radius ** 3) / 1000;
    const insideMl = out.filter((value) => value >= 500).length * voxelMl(target);
    const massMl = (out.reduce((sum, value) => sum + value, 0) / 1000) * voxelMl(target);
    assert.ok(Math.abs(insideMl / exactMl - 1) < 0.01, `${insideMl} ml inside, ${exactMl} ml true`);
    assert.ok(Math.abs(massMl / exactMl - 1) < 0.01, `${massMl} ml summed, ${exactMl} ml true`);
  });

  it('a target beside the source is all background', () => {
    const source = aligned([5, 5, 5], [1, 1, 1]);
    const far = { ...source, originMm: [100, 0, 0] as const };
    assert.deepEqual([...resampleHu(ramp(source).volume, far)], new Array(125).fill(-1024));
  });
});

describe('probabilities back on the scanner grid: a contour off by a voxel', () => {
  it('a linear field is reproduced in every channel, and held at its last voxels beyond', () => {
    const cases = anyGrid.chain((target) => anyBox(target.shape).map((box) => ({ target, box })));
    fc.assert(
      fc.property(cases, anyGrid, fc.constantFrom(null, ...turned), ({ target: oblique, box }, coarse, axes) => {
        // Most scans lie straight, whichever way their axes run; then the axes are read one after the other.
        const target = axes ? { ...oblique, axes } : oblique;
        const grid: Grid = {
          ...coarse,
          ...(axes ? { axes: turned[0] } : {}),
          shape: coarse.shape.map((n) => Math.min(n, 12)) as unknown as Vec3,
          originMm: toPatient(target, [-2, -2, -2]),
        };
        const channel = [(v: Vec3) => v[0] - 2 * v[1] + v[2], (v: Vec3) => 4 + 0.5 * v[0] + v[1] - 3 * v[2]] as const;
        const values = Float32Array.from(channel.flatMap((field) => [...voxels(grid.shape)].map(field)));
        check({ grid, channels: 2, values }, target, box, channel);
      }),
      { numRuns: 60 },
    );
  });

  it('leaves out only what would be too small to matter, whichever way the axes run', () => {
    fc.assert(
      fc.property(anyGrid, fc.constantFrom(...turned), fc.gen(), (scanner, axes, gen) => {
        const target = { ...scanner, axes };
        const shape = scanner.shape.map((n) => Math.min(n, 9)) as unknown as Vec3;
        const grid: Grid = { ...scanner, shape, axes: turned[0], originMm: toPatient(target, [-1, -1, -1]) };
        const sparse = fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.float({ min: 0, max: 1, noNaN: true }));
        const values = Float32Array.from({ length: 2 * shape[0] * shape[1] * shape[2] }, () => gen(() => sparse));
        const field = { grid, channels: 2, values };
        const reading = sampleField(field, target, wholeBox(target));
        const some = sampleField(field, target, wholeBox(target), [0.5, 0.2]);
        for (const { values: full } of reading) {
          const { values: left, firsts, ends } = some.next().value!;
          const [width, height] = target.shape;
          full.forEach((value, n) => {
            const least = n < width * height ? 0.5 : 0.2;
            assert.ok(left[n] === value || (left[n] === 0 && value < least), `${left[n]}, not ${value}`);
            const row = Math.floor(n / width);
            if (n % width < firsts[row]! || n % width >= ends[row]!) assert.equal(left[n], 0);
          });
        }
        assert.equal(some.next().done, true);
      }),
      { numRuns: 60 },
    );
  });

  it('brings a ball back to the scanner grid with its volume within 1 %', () => {
    const scanner = aligned([120, 110, 60], [0.7, 0.7, 1.25]);
    const field = patientAlignedGrid(scanner, wholeBox(scanner), [2, 2, 2]);
    const centre = toPatient(scanner, [60, 52, 31]);
    const radius = 24;
    const values = Float32Array.from(
      voxels(field.shape).map((voxel) => {
        const away = toPatient(field, voxel).map((x, axis) => x - centre[axis]!) as unknown as Vec3;
        return Math.min(1, Math.max(0, 0.5 + (radius - Math.sqrt(dot(away, away))) / 4));
      }),
    );
    let inside = 0;
    for (const slice of sampleField({ grid: field, channels: 1, values }, scanner, wholeBox(scanner))) {
      inside += slice.values.filter((value) => value >= 0.5).length;
    }
    const exactMl = ((4 / 3) * Math.PI * radius ** 3) / 1000;
    assert.ok(Math.abs((inside * voxelMl(scanner)) / exactMl - 1) < 0.01);
  });
});

function check(field: Field, target: Grid, box: Box, channel: readonly ((voxel: Vec3) => number)[]): void {
  const [width, height, depth] = box.size;
  const seen: number[] = [];
  for (const { k, values } of sampleField(field, target, box)) {
    seen.push(k);
    for (const [i, j] of voxels([width, height, 1])) {
      const at = toVoxel(field.grid, toPatient(target, [box.start[0] + i, box.start[1] + j, k]));
      const held = at.map((x, axis) => Math.min(Math.max(x, 0), field.grid.shape[axis]! - 1)) as unknown as Vec3;
      channel.forEach((exact, c) => {
        assert.ok(Math.abs(values[i + width * (j + height * c)]! - exact(held)) < 1e-4);
      });
    }
  }
  assert.deepEqual(
    seen,
    Array.from({ length: depth }, (_, k) => box.start[2] + k),
  );
}

function aligned(shape: Vec3, spacingMm: Vec3): Grid {
  return {
    shape,
    spacingMm,
    originMm: [0, 0, 0],
    axes: AXIAL,
  };
}
