import assert from 'node:assert/strict';
import { CorruptInstance } from '../../../server/src/dicom/errors.ts';
import type { Instance } from '../../../server/src/dicom/instance.ts';
import { assemble } from '../../../server/src/volume/assemble.ts';
import { cross, normalise, toPatient, toVoxel } from '../../../server/src/volume/geometry.ts';
import type { CtSeries } from '../../../server/src/volume/series.ts';
import type { Grid, Vec3 } from '../../../server/src/volume/volume.ts';
import { ctImages, enhancedCt, rampHu, stream } from './synthetic.ts';

const silent = { signal: new AbortController().signal, report: () => {} };
const read = (instances: readonly Instance[]) => assemble(stream(instances), silent, instances.length);

/** Always the same order for the same seed; no two neighbours stay in place. */
function shuffled<T>(items: readonly T[], step = 7): T[] {
  return items.map((_, at) => items[(at * step + 3) % items.length]!);
}

/** Slices as a scanner might store them; the axes need not be right-handed: the last is the way from slice to slice. */
function stored(row: Vec3, column: Vec3, change: Partial<Grid> = {}, way = cross(row, column)): Grid {
  return {
    shape: [9, 7, 12],
    spacingMm: [0.8, 0.8, 2.5],
    originMm: [-31, 12, -40],
    axes: [row, column, way],
    ...change,
  };
}

const tilt = (degrees: number): { row: Vec3; column: Vec3 } => {
  const a = (degrees * Math.PI) / 180;
  return { row: normalise([Math.cos(a), Math.sin(a) / 2, Math.sin(a) / 3]), column: [0, 0, 0] };
};

function oblique(): Grid {
  const { row } = tilt(14);
  const normal = normalise(cross(row, [0.05, 1, 0.1]));
  return stored(row, cross(normal, row));
}

const GEOMETRIES: Readonly<Record<string, Grid>> = {
  'head first supine': stored([1, 0, 0], [0, 1, 0]),
  'stored from the head down': stored([1, 0, 0], [0, 1, 0], {}, [0, 0, -1]),
  'feet first': stored([-1, 0, 0], [0, 1, 0]),
  'prone: both cosines negative': stored([-1, 0, 0], [0, -1, 0]),
  'negative column cosine': stored([1, 0, 0], [0, -1, 0]),
  'rows run along y': stored([0, 1, 0], [1, 0, 0]),
  oblique: oblique(),
  'oblique, reversed': {
    ...oblique(),
    axes: [oblique().axes[0], oblique().axes[1], oblique().axes[2].map((x) => -x) as unknown as Vec3],
  },
  'pixels that are not square': stored([1, 0, 0], [0, 1, 0], { spacingMm: [0.6, 1.3, 3] }),
  'rows other than columns, odd': stored([1, 0, 0], [0, 1, 0], { shape: [15, 3, 11] }),
  'far from the origin': stored([1, 0, 0], [0, 1, 0], { originMm: [400.123, -300.9, 1500.77] }),
};

describe('assemble: every voxel is where the scanner measured it', () => {
  for (const [name, grid] of Object.entries(GEOMETRIES)) {
    it(`${name}: HU, slices and header follow the patient, in any order of arrival`, async () => {
      const instances = ctImages(grid);
      const series = await read(shuffled(instances));
      checkRightHanded(series.volume.grid);
      assert.deepEqual(series.volume.grid.shape, grid.shape);
      checkField(series);
      for (const [k, slice] of series.slices.entries()) {
        assertClose(slice.positionMm, toPatient(series.volume.grid, [0, 0, k]), 1e-6);
        const source = instances.find(({ sopInstanceUid }) => sopInstanceUid === slice.sopInstanceUid)!;
        assertClose(slice.positionMm, source.dataset.numbers('00200032') as unknown as Vec3, 0);
      }
      assert.deepEqual(series.header.numbers('00200032'), series.slices[0]!.positionMm);
      assert.deepEqual(series.warnings, []);
      assert.equal(series.lossy, null);
    });
  }

  it('does not depend on the order of arrival', async () => {
    const instances = ctImages(oblique());
    const [a, b] = [await read(instances), await read(shuffled(instances, 5))];
    assert.deepEqual(a.volume.grid, b.volume.grid);
    assert.deepEqual(a.slices, b.slices);
    assert.deepEqual([...a.volume.hu], [...b.volume.hu]);
  });

  it('reads the frames of an enhanced CT image wherever they stand', async () => {
    const grid = oblique();
    const order = shuffled(Array.from({ length: 12 }, (_, k) => k));
    const series = await read([enhancedCt(grid, order)]);
    checkField(series);
    assert.deepEqual(
      series.slices.map(({ frameNumber }) => frameNumber),
      Array.from({ length: 12 }, (_, k) => order.indexOf(k) + 1),
    );
    assert.deepEqual(series.warnings, []);
  });

  it('counts more slices than were announced, and fewer', async () => {
    const instances = ctImages(stored([1, 0, 0], [0, 1, 0], { shape: [9, 7, 40] }));
    for (const expected of [null, 3, 500]) {
      const series = await assemble(stream(shuffled(instances)), silent, expected);
      assert.equal(series.volume.hu.length, 9 * 7 * 40);
      checkField(series);
    }
  });
});

describe('assemble: headers that lie about their size', () => {
  it('a billion announced frames are a damaged image, not a full memory', async () => {
    const grid = stored([1, 0, 0], [0, 1, 0]);
    const image = enhancedCt(grid, [0, 1, 2]);
    const announced: Instance = {
      ...image,
      frames: 1e9,
      storedValues: (frame) =>
        frame < 3 ? image.storedValues(frame) : Promise.reject(new CorruptInstance('pixel data end after frame 3')),
    };
    await assert.rejects(read([announced]), { code: 'no-position' });
    const located = {
      ...announced,
      dataset: {
        ...announced.dataset,
        items: (tag: string) =>
          announced.dataset.items(tag).concat(tag === '52009230' ? announced.dataset.items(tag) : []),
      },
    };
    await assert.rejects(read([located]), { code: 'corrupt-instance', message: /frame 4 .*end after frame 3/ });
  });
});

describe('assemble: Hounsfield units', () => {
  const grid = stored([1, 0, 0], [0, 1, 0]);

  it('rescales each slice by its own slope and intercept', async () => {
    const rescale = (k: number) => ({ slope: k % 2 === 0 ? 1 : 0.5, intercept: -1024 - 10 * k });
    checkField(await read(ctImages(grid, { rescale })));
  });

  it('rounds, and keeps values within 16 bits', async () => {
    const values = Uint16Array.from({ length: 63 }, (_, at) => at * 1000);
    const instances = ctImages(grid, {
      change: () => ({
        attributes: { '00281053': 1.3, '00281052': -1024.25 },
        instance: { storedValues: async () => values },
      }),
    });
    const { volume } = await read(instances);
    const expected = [...values].map((value) => Math.min(32767, Math.round(value * 1.3 - 1024.25)));
    assert.deepEqual([...volume.hu.subarray(0, 63)], expected);
  });

  const signed = Int16Array.from({ length: 63 }, (_, at) => (at < 5 ? -2000 : at < 9 ? -1990 : at));
  const padded = (attributes: Record<string, number>) =>
    ctImages(grid, {
      change: () => ({
        attributes: { '00280103': 1, '00281052': 0, '00281053': 1, ...attributes },
        instance: { storedValues: async () => signed },
      }),
    });

  it('reads padding as air, also where its VR says unsigned', async () => {
    for (const value of [-2000, 63536]) {
      const { volume } = await read(padded({ '00280120': value }));
      assert.deepEqual([...volume.hu.subarray(4, 6)], [-1024, -1990]);
    }
  });

  it('reads a padding range as air', async () => {
    const { volume } = await read(padded({ '00280120': -2000, '00280121': -1985 }));
    assert.deepEqual([...volume.hu.subarray(8, 10)], [-1024, 9]);
  });

  it('does not punch holes into tissue where a header calls 30 HU padding', async () => {
    const { volume, warnings } = await read(padded({ '00280120': 30 }));
    assert.equal(volume.hu[30], 30);
    assert.deepEqual(codes(warnings), ['padding-ignored']);
  });
});

describe('assemble: progress and cancelling', () => {
  const instances = ctImages(stored([1, 0, 0], [0, 1, 0]));

  it('tells how far it is after each instance', async () => {
    const told: number[] = [];
    await assemble(stream(instances), { ...silent, report: (_, fraction) => told.push(fraction) }, instances.length);
    assert.deepEqual(
      told.slice(0, 12),
      instances.map((_, at) => (at + 1) / 12),
    );
    assert.equal(told.at(-1), 1);
  });

  it('tells how far it is after each frame of an enhanced image', async () => {
    const told: number[] = [];
    const order = Array.from({ length: 12 }, (_, k) => k);
    const image = enhancedCt(stored([1, 0, 0], [0, 1, 0]), order);
    await assemble(stream([image]), { ...silent, report: (_, fraction) => told.push(fraction) }, 1);
    assert.deepEqual(
      told.slice(0, 12),
      order.map((k) => (k + 1) / 12),
    );
  });

  it('stops at the next instance with the reason, and lets go of the source', async () => {
    const controller = new AbortController();
    let handed = 0;
    let released = false;
    async function* source() {
      try {
        for (const instance of instances) {
          if (++handed === 4) controller.abort(new Error('cancelled by the user'));
          yield instance;
        }
      } finally {
        released = true;
      }
    }
    await assert.rejects(assemble(source(), { ...silent, signal: controller.signal }), /cancelled by the user/);
    assert.equal(handed, 4);
    assert.equal(released, true);
  });

  it('passes on an error of the source as it is', async () => {
    async function* source() {
      yield instances[0]!;
      throw new TypeError('archive went away');
    }
    await assert.rejects(assemble(source(), silent), { name: 'TypeError', message: 'archive went away' });
  });
});

function codes(warnings: CtSeries['warnings']): string[] {
  return warnings.map(({ code }) => code);
}

/** At each voxel the HU of the analytic field at its place in the patient. */
function checkField({ volume: { grid, hu } }: CtSeries): void {
  const [nx, ny, nz] = grid.shape;
  let wrong = 0;
  for (let k = 0; k < nz; k++) {
    for (let j = 0; j < ny; j++) {
      for (let i = 0; i < nx; i++) {
        const exact = Math.min(3000, Math.max(-1000, rampHu(toPatient(grid, [i, j, k]))));
        if (Math.abs(hu[i + nx * (j + ny * k)]! - exact) > 1) wrong++;
      }
    }
  }
  assert.equal(wrong, 0);
  assertClose(toVoxel(grid, toPatient(grid, [1, 2, 3])), [1, 2, 3], 1e-9);
}

function checkRightHanded({ axes }: Grid): void {
  assertClose(cross(axes[0], axes[1]), axes[2], 1e-9);
}

function assertClose(a: Vec3, b: Vec3, tolerance: number): void {
  a.forEach((value, axis) => {
    assert.ok(Math.abs(value - b[axis]!) <= tolerance, `${a} is not ${b}`);
  });
}
