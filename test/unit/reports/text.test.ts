import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decimalString, dicomText } from '../../../server/src/reports/text.ts';

describe('decimal strings', () => {
  it('give back every number of the kind that scanners write, to the last digit', () => {
    const scanner = fc.tuple(fc.integer({ min: -999_999_999, max: 999_999_999 }), fc.integer({ min: 0, max: 6 }));
    fc.assert(
      fc.property(scanner, ([digits, places]) => {
        const value = Number((digits / 10 ** places).toFixed(places));
        assert.equal(Number(decimalString(value)), value);
      }),
    );
  });

  it('have at most 16 characters and lose less than a nanometre of any position', () => {
    fc.assert(
      fc.property(fc.double({ min: -5000, max: 5000, noNaN: true }), (value) => {
        const text = decimalString(value);
        assert.ok(text.length <= 16, text);
        assert.match(text, /^-?\d+(\.\d+)?(e-\d+)?$/);
        assert.ok(Math.abs(Number(text) - value) < 1e-6);
      }),
    );
  });

  it('refuse what is no number, instead of writing NaN into a header', () => {
    assert.throws(() => decimalString(Number.NaN), RangeError);
    assert.throws(() => decimalString(Number.POSITIVE_INFINITY), RangeError);
  });
});

describe('text for DICOM attributes', () => {
  it('is plain ASCII within its length, so that it is valid beside a name in any character set', () => {
    assert.equal(dicomText('Fígado\\lesões ~ 肝臓\n2', 64), 'Figado/lesoes - ?? 2');
    assert.equal(dicomText('x'.repeat(80), 64), `${'x'.repeat(61)}...`);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.integer({ min: 16, max: 64 }), (text, longest) => {
        assert.match(dicomText(text, longest), /^[\x20-\x5b\x5d-\x7d]*$/);
        assert.ok(dicomText(text, longest).length <= longest);
      }),
    );
  });
});
