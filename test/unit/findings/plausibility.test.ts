import { deepEqual, match } from 'node:assert/strict';
import { plausibilityWarnings } from '../../../server/src/findings/plausibility.ts';
import type { Grid, LabelMap } from '../../../server/src/volume/volume.ts';
import { AXIAL } from '../../support/axial.ts';

const GRID: Grid = {
  shape: [20, 30, 5],
  spacingMm: [2, 5, 3],
  originMm: [0, 0, 0],
  axes: AXIAL,
};

/** A liver of so many pixels in each slice; one pixel has 0.1 cm². */
function segmentsWith(...pixels: number[]): LabelMap<Uint16Array> {
  const labels = new Uint16Array(20 * 30 * 5);
  for (const [k, count] of pixels.entries()) labels.fill(1, k * 600, k * 600 + count);
  return { grid: GRID, labels };
}

function liver(volumeMl: number) {
  return { liver: { volumeMl, parenchymaMl: volumeMl, algorithmType: 'automatic' as const } };
}

describe('what a reader must know before the figures of a liver are used', () => {
  const codes = (volumeMl: number, ...pixels: number[]) =>
    plausibilityWarnings(liver(volumeMl), segmentsWith(...pixels)).map(({ code }) => code);

  it('is nothing for a usual liver that is wholly in view', () => {
    deepEqual(codes(1_500, 0, 40, 90, 40, 0), []);
    deepEqual(codes(4_999, 29, 40, 90, 40, 29), [], 'its tip is in the first slice and the last');
  });

  it('is that the volume is of a part, where the series ends within the liver', () => {
    deepEqual(codes(1_500, 30, 40, 90, 40, 0), ['liver-cut-off']);
    const both = plausibilityWarnings(liver(1_500), segmentsWith(30, 40, 90, 40, 30));
    match(both[0]!.message, /beyond the upper and the lower end/);
    match(plausibilityWarnings(liver(1_500), segmentsWith(0, 40, 90, 40, 31))[0]!.message, /beyond the upper end/);
    const fromTheHead: Grid = {
      ...GRID,
      axes: [
        [-1, 0, 0],
        [0, 1, 0],
        [0, 0, -1],
      ],
    };
    const downwards = { ...segmentsWith(0, 40, 90, 40, 31), grid: fromTheHead };
    match(plausibilityWarnings(liver(1_500), downwards)[0]!.message, /beyond the lower end/);
  });

  it('is that the outline may be wrong, where the liver is larger than livers are', () => {
    const [warning] = plausibilityWarnings(liver(7_204.4), segmentsWith(0, 1));
    match(warning!.message, /^A liver of 7,204 ml is hardly believable/);
  });
});
