import assert from 'node:assert/strict';
import { dicomCieLab, LIVER_COLOUR, lesionColour, type Rgb } from '../../../server/src/reports/colours.ts';

/** DICOM's integers as L*, a*, b*. */
function lab(colour: Rgb): [number, number, number] {
  const [l, a, b] = dicomCieLab(colour);
  return [(l / 65535) * 100, (a / 65535) * 255 - 128, (b / 65535) * 255 - 128];
}

const distance = (one: Rgb, other: Rgb): number => Math.hypot(...lab(one).map((part, n) => part - lab(other)[n]!));

describe('colours', () => {
  // Published CIELab values of the sRGB primaries under D50 (Lindbloom).
  for (const [name, rgb, expected] of [
    ['white', [255, 255, 255], [100, 0, 0]],
    ['black', [0, 0, 0], [0, 0, 0]],
    ['red', [255, 0, 0], [54.29, 80.81, 69.89]],
    ['green', [0, 255, 0], [87.82, -79.29, 80.99]],
    ['blue', [0, 0, 255], [29.57, 68.3, -112.03]],
  ] as const) {
    it(`writes ${name} as viewers expect it`, () => {
      for (const [n, value] of lab(rgb).entries()) assert.ok(Math.abs(value - expected[n]!) < 0.05, `${lab(rgb)}`);
    });
  }

  it('tells twelve lesions and the liver apart', () => {
    const all = [LIVER_COLOUR, ...Array.from({ length: 12 }, (_, n) => lesionColour(n + 1))];
    for (const [n, one] of all.entries()) {
      for (const other of all.slice(n + 1)) assert.ok(distance(one, other) > 15, `${one} and ${other}`);
    }
  });
});
