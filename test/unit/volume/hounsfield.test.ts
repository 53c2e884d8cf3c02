import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AIR_HU, toHounsfield } from '../../../server/src/volume/hounsfield.ts';

const SLOPES = [1, 2, -1, 0.5, 1.25, 3, 16383, 16384, 40000];
const INTERCEPTS = [0, -1024, -1024.5, 24, -8192, 16384, 1e6];

describe('stored values to HU', () => {
  it('are scaled, rounded, kept within 16 bits, and air where they are padding, whatever the scale', () => {
    const value = fc.integer({ min: -32768, max: 32767 });
    const padding = fc.option(fc.tuple(value, fc.nat(500)).map(([first, n]) => ({ first, last: first + n })));
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 40 }),
        fc.boolean(),
        fc.constantFrom(...SLOPES),
        fc.constantFrom(...INTERCEPTS),
        padding,
        (values, isSigned, slope, intercept, range) => {
          const stored = isSigned ? Int16Array.from(values) : Uint16Array.from(values);
          const out = new Int16Array(stored.length);
          toHounsfield(stored, { slope, intercept }, range, out);
          const expected = Array.from(stored, (at) => {
            if (range && at >= range.first && at <= range.last) return AIR_HU;
            return Math.min(Math.max(Math.round(at * slope + intercept), -32768), 32767);
          });
          assert.deepEqual(
            [...out],
            expected.map((hu) => hu + 0),
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});
