import assert from 'node:assert/strict';
import type { HeatMap } from '../../../server/src/inference/segmentation.ts';
import { probabilityAt, renderHeatMap, tintOf } from '../../../server/src/reports/heat-map.ts';
import { mixed } from '../../../server/src/reports/preview/picture.ts';
import { renderPreview } from '../../../server/src/reports/preview.ts';
import { toPatient } from '../../../server/src/volume/geometry.ts';
import type { Grid } from '../../../server/src/volume/volume.ts';
import { fakeLesion } from './fake-series.ts';
import { axis, LESION, pixels, STORED_WAYS, stored } from './stored-patient.ts';

const GRID: Grid = {
  shape: [11, 9, 7],
  spacingMm: [16, 16, 16],
  originMm: [0, 0, 3],
  axes: [axis(0, 1), axis(1, 1), axis(2, 1)],
};
/** Lesion for sure about a point, nothing elsewhere. */
function heatAbout(centreMm: readonly number[], radiusMm: number): HeatMap {
  const [nx, ny, nz] = GRID.shape;
  const values = Float32Array.from({ length: nx * ny * nz }, (_, at) => {
    const centre = toPatient(GRID, [at % nx, Math.floor(at / nx) % ny, Math.floor(at / (nx * ny))]);
    return Math.hypot(...centre.map((x, n) => x - centreMm[n]!)) < radiusMm ? 1 : 0;
  });
  return { field: { grid: GRID, channels: 1, values }, patchMm: [32, 32, 32] };
}

const lesion = fakeLesion(1, {
  sliceUid: 'elsewhere',
  longAxisEndsMm: [
    [41, 45, 55],
    [65, 45, 55],
  ],
});
const lesions = [lesion];
const FIRST_TILE = { left: 6, top: 66, width: 400, height: 400 };

/** Mean place, in pixels of the first tile, where two pictures differ; null where they do not. */
function difference(
  one: ReturnType<typeof pixels>,
  other: ReturnType<typeof pixels>,
): readonly [number, number] | null {
  let [sumX, sumY, count] = [0, 0, 0];
  for (let y = 0; y < FIRST_TILE.height; y++) {
    for (let x = 0; x < FIRST_TILE.width; x++) {
      const at = 3 * ((FIRST_TILE.top + y) * one.width + FIRST_TILE.left + x);
      if ([0, 1, 2].every((n) => one.data[at + n] === other.data[at + n])) continue;
      sumX += x;
      sumY += y;
      count++;
    }
  }
  return count === 0 ? null : [sumX / count, sumY / count];
}

describe('heat map', () => {
  const patient = stored(axis(0, 1), axis(1, 1));
  const preview = pixels(renderPreview({ ...patient, lesions }));
  const onLesion = heatAbout(LESION.centre, 22);
  const expected = pixels(renderHeatMap({ ...patient, lesions }, onLesion));

  it('colours the place that the head points at, and nothing where it finds nothing', () => {
    const cold = pixels(renderHeatMap({ ...patient, lesions }, heatAbout([0, 0, 0], 0)));
    assert.equal(difference(cold, preview), null);
    const heat = difference(expected, cold)!;
    const behind = difference(pixels(renderHeatMap({ ...patient, lesions }, heatAbout([50, 80, 56], 22))), cold)!;
    assert.ok(behind[1] > heat[1] + 40, `further back in the patient is lower: ${heat} ${behind}`);
    const left = difference(pixels(renderHeatMap({ ...patient, lesions }, heatAbout([85, 45, 56], 22))), cold)!;
    assert.ok(left[0] > heat[0] + 40, `further to the patient's left is further right: ${heat} ${left}`);
  });

  for (const [name, row, column] of STORED_WAYS) {
    it(`is the same picture when the slices are stored ${name}`, () => {
      const picture = pixels(renderHeatMap({ ...stored(row, column), lesions }, onLesion));
      assert.deepEqual([picture.width, picture.height], [expected.width, expected.height]);
      const different = picture.data.reduce((count, value, at) => count + Number(value !== expected.data[at]), 0);
      assert.ok(different < 0.002 * picture.data.length, `${different} of ${picture.data.length} differ`);
    });
  }

  it('keeps the outlines, the notice and the size of the preview', () => {
    assert.deepEqual([expected.width, expected.height], [preview.width, preview.height]);
    const notice = (picture: typeof preview) => picture.data.slice(3 * picture.width * (picture.height - 40));
    assert.deepEqual(notice(expected), notice(preview));
  });

  it('says in a legend what its colours mean', () => {
    const colours = new Set<string>();
    for (let at = 0; at < 3 * 40 * expected.width; at += 3) colours.add(expected.data.subarray(at, at + 3).join());
    for (const share of [20, 60, 100, 140, 179]) {
      assert.ok(colours.has(mixed(150, tintOf(share / 179)!).join()), `${share}`);
    }
  });

  it('is the more opaque and the brighter the more probable', () => {
    const shades = [0.05, 0.2, 0.4, 0.6, 0.8, 1].map((p) => tintOf(p)!);
    assert.equal(tintOf(0.04), null);
    for (const [n, shade] of shades.entries()) {
      if (n === 0) continue;
      const luminance = ([r, g, b]: readonly number[]) => 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
      assert.ok(shade.share > shades[n - 1]!.share && luminance(shade.colour) > luminance(shades[n - 1]!.colour));
    }
    assert.equal(tintOf(1)!.share, 0.6);
  });

  it('is linear between the cells, and unknown outside what was looked at', () => {
    const map: HeatMap = {
      ...onLesion,
      field: { ...onLesion.field, values: onLesion.field.values.map((_, n) => n % 11) },
    };
    assert.ok(Math.abs(probabilityAt(map, [40, 30, 50])! - 2.5) < 1e-6);
    assert.equal(probabilityAt(map, [-7.9, 30, 50]), 0);
    assert.equal(probabilityAt(map, [-8.1, 30, 50]), null);
    assert.equal(probabilityAt(map, [40, 30, 110]), null);
  });
});
