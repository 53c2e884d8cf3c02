import assert from 'node:assert/strict';
import type { Instance } from '../../../server/src/dicom/instance.ts';
import { parseInstance } from '../../../server/src/dicom/parse.ts';
import { createAnatomy } from '../../../server/src/phantom/anatomy.ts';
import type { GeometryOptions } from '../../../server/src/phantom/geometry.ts';
import { collectSeries, makePhantomSeries, SMALL_GEOMETRY } from '../../../server/src/phantom/series.ts';
import { measureVolumes } from '../../../server/src/phantom/volumes.ts';
import type { Vec3 } from '../../../server/src/volume/volume.ts';

const COARSE: GeometryOptions = {
  ...SMALL_GEOMETRY,
  rows: 64,
  columns: 64,
  slices: 25,
  pixelSpacingMm: [5.6, 5.6],
  sliceSpacingMm: 10,
};

const FEW: GeometryOptions = { ...COARSE, rows: 32, columns: 32, slices: 6, pixelSpacingMm: [11, 11] };

/** Every way in which a scanner may lay out the same patient. */
const GEOMETRIES: Record<string, GeometryOptions> = {
  'axial, supine': COARSE,
  'descending instances': { ...COARSE, instanceOrder: 'descending' },
  'shuffled instances': { ...COARSE, instanceOrder: 'shuffled' },
  prone: { ...COARSE, patientPosition: 'HFP' },
  'feet first': { ...COARSE, patientPosition: 'FFS' },
  'feet first, prone': { ...COARSE, patientPosition: 'FFP' },
  'negated row cosine': { ...COARSE, negateRows: true },
  'negated column cosine': { ...COARSE, negateColumns: true },
  'oblique about x': { ...COARSE, rotationDeg: [25, 0, 0] },
  'oblique about all axes': { ...COARSE, rotationDeg: [-12, 18, 7] },
  'oblique, feet first, negated': { ...COARSE, rotationDeg: [9, -20, 14], patientPosition: 'FFS', negateRows: true },
  'rows unlike columns, odd sizes, oblong pixels': {
    ...COARSE,
    rows: 53,
    columns: 91,
    slices: 27,
    pixelSpacingMm: [6.3, 4.1],
    sliceSpacingMm: 9.3,
  },
};

describe('phantom series', () => {
  let liverMl: number;
  before(() => {
    ({ liverMl } = measureVolumes(createAnatomy(4)));
  });

  for (const [name, geometry] of Object.entries(GEOMETRIES)) {
    it(`${name}: the headers place every pixel where the patient has that label, and the liver keeps its volume`, () => {
      const series = makePhantomSeries({ seed: 4, geometry });
      const { instances, truth } = collectSeries(series);
      const labelAt = series.anatomy.sampler(1, 1);
      const [columns, rows, slices] = truth.grid.shape;
      let labelled = 0;
      for (const { bytes, labels, k } of instances) {
        const position = pixelPosition(parseInstance(bytes));
        // A stride that has no common factor with the sizes meets every row and column.
        for (let voxel = k; voxel < labels.length; voxel += 37) {
          const [i, j] = [voxel % columns, Math.floor(voxel / columns)];
          const expected = labelAt(position(i, j), [1, 0, 0]).labels[0];
          assert.equal(labels[voxel], expected, `pixel ${i}, ${j} of slice ${k}`);
          assert.equal(truth.labels[i + columns * (j + rows * k)], expected);
          if (expected) labelled++;
        }
      }
      assert.equal(instances.length, slices);
      const [dx, dy, dz] = truth.grid.spacingMm;
      const ml = (truth.labels.reduce((count, label) => count + (label > 0 ? 1 : 0), 0) * dx * dy * dz) / 1000;
      assert.ok(Math.abs(ml / liverMl - 1) < 0.03, `${ml} ml instead of ${liverMl} ml`);
      assert.ok(labelled > 50, `${labelled} pixels in the liver`);
    });
  }

  it('numbers the instances in the order that was asked for', () => {
    const heights = (instanceOrder: 'ascending' | 'descending' | 'shuffled') =>
      [...makePhantomSeries({ geometry: { ...FEW, instanceOrder } }).instances()].map(({ bytes }, n) => {
        const { dataset } = parseInstance(bytes);
        assert.equal(dataset.number('00200013'), n + 1);
        return dataset.numbers('00200032')[2]!;
      });
    const ascending = heights('ascending');
    assert.deepEqual(
      ascending,
      ascending.toSorted((a, b) => a - b),
    );
    assert.deepEqual(heights('descending'), ascending.toReversed());
    const shuffled = heights('shuffled');
    assert.notDeepEqual(shuffled, ascending);
    assert.deepEqual(
      shuffled.toSorted((a, b) => a - b),
      ascending,
    );
  });

  it('gives the same bytes for the same options and other UIDs for other ones: never two contents under one UID', () => {
    const files = (options: object) => [...makePhantomSeries({ geometry: FEW, ...options }).instances()];
    const first = files({});
    assert.deepEqual(first, files({}));
    const others = [
      { seed: 2 },
      { lesions: 3 },
      { noiseSdHu: 5 },
      { pixelFormat: { signed: true } },
      { attributes: { KVP: 100 } },
      { geometry: { ...FEW, rotationDeg: [1, 0, 0] } },
    ];
    const uids = [{}, ...others].flatMap((options) => files(options).map(({ sopInstanceUid }) => sopInstanceUid));
    assert.equal(new Set(uids).size, uids.length);
  });

  it('stores the same HU whether signed, unsigned, 16 bits or with a slope', async () => {
    const huOf = async (pixelFormat: object) => {
      const [instance] = makePhantomSeries({ geometry: { ...COARSE, slices: 1 }, pixelFormat }).instances();
      const { dataset, storedValues } = parseInstance(instance!.bytes);
      const [slope, intercept] = [dataset.number('00281053')!, dataset.number('00281052')!];
      return Array.from(await storedValues(0), (value) => value * slope + intercept);
    };
    const unsigned = await huOf({});
    assert.ok(Math.min(...unsigned) < -990 && Math.max(...unsigned) > 400);
    assert.deepEqual(await huOf({ signed: true }), unsigned);
    const sixteen = await huOf({ bitsStored: 16, rescaleIntercept: -8192, rescaleSlope: 0.5 });
    for (const [n, hu] of sixteen.entries()) assert.ok(Math.abs(hu - unsigned[n]!) <= 0.75, `${hu} and ${unsigned[n]}`);
  });

  it('makes lesions of one voxel, and lesions that the first and the last slice cut', () => {
    const { grid } = makePhantomSeries({ seed: 4, lesions: 0, geometry: COARSE }).geometry;
    const inLiver: Vec3 = [-60, -15, 35];
    const [i, j, k] = grid.originMm.map((origin, axis) =>
      Math.round((inLiver[axis]! - origin) / grid.spacingMm[axis]!),
    ) as [number, number, number];
    const centre = (at: number): Vec3 => [
      grid.originMm[0] + i * 5.6,
      grid.originMm[1] + j * 5.6,
      grid.originMm[2] + at * 10,
    ];
    const one = collectSeries(
      makePhantomSeries({ seed: 4, lesions: [{ diameterMm: 2, centreMm: centre(k) }], geometry: COARSE }),
    );
    assert.deepEqual(positions(one.truth.labels, 2), [i + 64 * (j + 64 * k)]);

    const slices = 5;
    const geometry = { ...COARSE, slices, centreMm: [0, 0, inLiver[2]] as Vec3 };
    const [low, high] = [inLiver[2] - 20, inLiver[2] + 20];
    const lesions = [low, high].map((z) => ({ diameterMm: 24, centreMm: [-60, -15, z] as Vec3 }));
    const { labels } = collectSeries(makePhantomSeries({ seed: 4, lesions, geometry })).truth;
    const slicesOf = (label: number) => [
      ...new Set(positions(labels, label).map((voxel) => Math.floor(voxel / 64 ** 2))),
    ];
    assert.deepEqual(slicesOf(2), [0, 1]);
    assert.deepEqual(slicesOf(3), [3, 4]);
  });

  it('writes a name in its own character set, padded and missing identifiers as they were given', () => {
    const name = Uint8Array.from([0x1b, 0x24, 0x42, 0x3b, 0x33, 0x45, 0x44, 0x1b, 0x28, 0x42]);
    const raw = [
      { tag: '00080005', vr: 'CS', value: Buffer.from('\\ISO 2022 IR 87') },
      { tag: '00100010', vr: 'PN', value: Buffer.concat([Buffer.from('Yamada='), name]) },
      { tag: '00100020', vr: 'LO', value: Buffer.from(' 12  ') },
    ];
    const [instance] = makePhantomSeries({
      geometry: { ...COARSE, slices: 1 },
      raw,
      attributes: { StudyID: undefined },
    }).instances();
    const { dataset } = parseInstance(instance!.bytes);
    assert.equal(dataset.text('00100010'), 'Yamada=山田');
    assert.equal(Buffer.from(dataset.raw('00100020')!.value).toString('latin1'), ' 12   ');
    assert.equal(dataset.has('00200010'), false);
  });

  it('refuses a geometry without slices or with a spacing of nothing', () => {
    assert.throws(
      () => makePhantomSeries({ geometry: { ...COARSE, slices: 0 } }),
      /slices must be a positive whole number, not 0/,
    );
    assert.throws(() => makePhantomSeries({ geometry: { ...COARSE, sliceSpacingMm: 0 } }), /above 0 mm/);
  });
});

/** Where a pixel lies, by the image's own header: PS3.3 equation C.7.6.2.1-1. */
function pixelPosition({ dataset }: Instance): (i: number, j: number) => Vec3 {
  const origin = dataset.numbers('00200032');
  const cosines = dataset.numbers('00200037');
  const [rowSpacing, columnSpacing] = dataset.numbers('00280030') as [number, number];
  return (i, j) =>
    [0, 1, 2].map(
      (axis) => origin[axis]! + i * columnSpacing * cosines[axis]! + j * rowSpacing * cosines[axis + 3]!,
    ) as unknown as Vec3;
}

const positions = (labels: Uint8Array, label: number) => [...labels.keys()].filter((voxel) => labels[voxel] === label);
