import assert from 'node:assert/strict';
import { LIVER_COLOUR, lesionColour, type Rgb } from '../../../server/src/reports/colours.ts';
import { renderPreview } from '../../../server/src/reports/preview.ts';
import { fakeLesion } from './fake-series.ts';
import { axis, pixels, STORED_WAYS, stored } from './stored-patient.ts';

const lesion = fakeLesion(1, {
  sliceUid: 'elsewhere',
  longAxisEndsMm: [
    [41, 45, 55],
    [65, 45, 55],
  ],
});

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

  for (const [name, row, column] of STORED_WAYS) {
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
