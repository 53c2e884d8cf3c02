import assert from 'node:assert/strict';
import { decode } from 'fast-png';
import { LIVER_COLOUR, lesionColour, type Rgb } from '../../../server/src/reports/colours.ts';
import { renderPreview } from '../../../server/src/reports/preview.ts';
import type { CtSeries } from '../../../server/src/volume/series.ts';
import type { LabelMap, Vec3 } from '../../../server/src/volume/volume.ts';
import { fakeLabels, fakeLesion, fakeSeries } from './fake-series.ts';

const axis = (n: number, sign: number): Vec3 => [0, 1, 2].map((m) => (m === n ? sign : 0)) as unknown as Vec3;
const cross = (a: Vec3, b: Vec3): Vec3 => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

/** One patient, 80 x 70 x 21 voxels of 2 x 2 x 5 mm: a ball of liver at the patient's right, a lesion in front of it. */
const PATIENT = { count: [80, 70, 21], spacing: [2, 2, 5] } as const;
const LIVER = { centre: [50, 62, 51], radius: 38 };
const LESION = { centre: [53, 45, 56], radius: 12 };
const within = ({ centre, radius }: typeof LIVER, p: readonly number[]): boolean =>
  Math.hypot(...centre.map((c, n) => c - p[n]!)) < radius;

/** The patient as stored with rows along `row` and columns along `column`. */
function stored(row: Vec3, column: Vec3): { series: CtSeries; segments: LabelMap<Uint16Array> } {
  const axes = [row, column, cross(row, column)] as const;
  const world = axes.map((direction) => direction.findIndex((part) => part !== 0));
  const origin = [0, 0, 0];
  for (const [n, direction] of axes.entries()) {
    const w = world[n]!;
    origin[w] = direction[w]! > 0 ? 0 : (PATIENT.count[w]! - 1) * PATIENT.spacing[w]!;
  }
  const series = fakeSeries(world.map((w) => PATIENT.count[w]) as unknown as Vec3, {
    axes,
    spacingMm: world.map((w) => PATIENT.spacing[w]) as unknown as Vec3,
    originMm: origin as unknown as Vec3,
  });
  const point = (...index: number[]): number[] => {
    const p = [...origin];
    for (const [n, w] of world.entries()) p[w]! += axes[n]![w]! * index[n]! * PATIENT.spacing[w]!;
    return p;
  };
  const segments = fakeLabels(series, (i, j, k) => {
    const p = point(i, j, k);
    return within(LESION, p) ? 2 : within(LIVER, p) ? 1 : 0;
  });
  segments.labels.forEach((label, at) => {
    series.volume.hu[at] = label === 0 ? -50 : label === 1 ? 110 : 60;
  });
  return { series, segments };
}

const lesion = fakeLesion(1, {
  sliceUid: 'elsewhere',
  longAxisEndsMm: [
    [41, 45, 55],
    [65, 45, 55],
  ],
});

function pixels(png: Uint8Array): { width: number; height: number; data: Uint8Array } {
  const { width, height, data, channels } = decode(png);
  assert.equal(channels, 3);
  return { width, height, data: data as Uint8Array };
}

/** Box of the pixels of a colour in the first tile: [left, right, top, bottom]. */
function boxOf({ width, data }: ReturnType<typeof pixels>, [r, g, b]: Rgb): [number, number, number, number] {
  const box: [number, number, number, number] = [1e9, -1, 1e9, -1];
  for (let y = 66; y < 66 + 400; y++) {
    for (let x = 6; x < 406; x++) {
      const at = 3 * (y * width + x);
      if (data[at] !== r || data[at + 1] !== g || data[at + 2] !== b) continue;
      box[0] = Math.min(box[0], x);
      box[1] = Math.max(box[1], x);
      box[2] = Math.min(box[2], y);
      box[3] = Math.max(box[3], y);
    }
  }
  return box;
}

describe('preview', () => {
  const expected = pixels(renderPreview({ ...stored(axis(0, 1), axis(1, 1)), lesions: [lesion] }));

  it("shows the patient's right on the left, the front on top, and the patient's proportions", () => {
    const [left, right, top, bottom] = boxOf(expected, LIVER_COLOUR);
    // Not higher than the tile's 35 mm margins allow, and round as the ball is.
    assert.ok(Math.abs(right - left - (bottom - top)) <= 4, `${[left, right, top, bottom]}`);
    const lesionBox = boxOf(expected, lesionColour(1));
    assert.ok(lesionBox[2] < (top + bottom) / 2 && lesionBox[3] < bottom - (bottom - top) / 4, 'lesion lies in front');
  });

  for (const [name, row, column] of [
    ['rows from left to right', axis(0, -1), axis(1, 1)],
    ['prone', axis(0, -1), axis(1, -1)],
    ['columns from back to front', axis(0, 1), axis(1, -1)],
    ['rows along the back-to-front axis', axis(1, 1), axis(0, 1)],
    ['rows and columns turned and negated', axis(1, -1), axis(0, 1)],
  ] as const) {
    it(`is the same picture when the slices are stored ${name}`, () => {
      const picture = pixels(renderPreview({ ...stored(row, column), lesions: [lesion] }));
      assert.deepEqual([picture.width, picture.height], [expected.width, expected.height]);
      let different = 0;
      for (const [at, value] of picture.data.entries()) if (value !== expected.data[at]) different++;
      assert.ok(different < 0.002 * picture.data.length, `${different} of ${picture.data.length} differ`);
    });
  }

  it('is made for a liver without a lesion, and for one with more lesions than tiles', () => {
    const { series, segments } = stored(axis(0, 1), axis(1, 1));
    const none = pixels(renderPreview({ series, segments, lesions: [] }));
    assert.equal(none.width, expected.width);
    const many = Array.from({ length: 30 }, (_, n) =>
      fakeLesion(n + 1, { sliceUid: series.slices[Math.floor((n * 20) / 30)]!.sopInstanceUid }),
    );
    assert.ok(pixels(renderPreview({ series, segments, lesions: many })).height > none.height);
  });
});
