import assert from 'node:assert/strict';
import { DicomError } from '../../../server/src/dicom/errors.ts';
import type { Instance } from '../../../server/src/dicom/instance.ts';
import { parseInstance } from '../../../server/src/dicom/parse.ts';
import { collectSeries, makePhantomSeries } from '../../../server/src/phantom/series.ts';
import { OPTIONAL_OBJECTS } from '../../../server/src/reports/options.ts';
import { NotOurs, readClaims } from '../../../server/src/reports/verify/claims.ts';
import { knownSeries, type Verdict, verify } from '../../../server/src/reports/verify.ts';
import { assemble } from '../../../server/src/volume/assemble.ts';
import { type MadeResult, makeResult } from '../../conformance/made-result.ts';

const GEOMETRY = {
  rows: 64,
  columns: 60,
  slices: 30,
  pixelSpacingMm: [5.4, 5.4],
  sliceSpacingMm: 8,
  rotationDeg: [8, -6, 4],
} as const;

async function* parsed(files: Iterable<Uint8Array>): AsyncGenerator<Instance> {
  for (const file of files) yield parseInstance(file);
}

/** All of `text` replaced by another of the same length. */
function replaced(file: Uint8Array, text: string, by: string): Uint8Array {
  assert.equal(text.length, by.length);
  const latin = Buffer.from(file).toString('latin1');
  assert.ok(latin.includes(text), `${text} is not in the file`);
  return Buffer.from(latin.replaceAll(text, by), 'latin1');
}

describe('verifying an object against its source', () => {
  const phantom = makePhantomSeries({ lesions: 3, geometry: GEOMETRY });
  const { instances, truth } = collectSeries(phantom);
  const files = instances.map(({ bytes }) => bytes);
  let made: MadeResult;
  let objects: [name: string, content: Uint8Array][];

  before(async () => {
    const quiet = { signal: new AbortController().signal, report: () => {} };
    const series = await assemble(parsed(files), quiet);
    const options = { seg: 'binary', liver: 'own-series', deflated: false, objects: OPTIONAL_OBJECTS } as const;
    made = await makeResult(series, truth.labels, { options });
    objects = Object.entries(made.objects.files).filter(([name]) => name.endsWith('.dcm'));
  });

  async function verdict(object: Uint8Array, source: Iterable<Uint8Array> = files): Promise<Verdict> {
    return verify(readClaims(object), await knownSeries(phantom.seriesInstanceUid, parsed(source)));
  }

  it('finds every kind of object right', async () => {
    assert.ok(objects.length > 7);
    for (const [name, content] of objects) {
      const claims = readClaims(content);
      assert.equal(claims.seriesInstanceUid, phantom.seriesInstanceUid, name);
      assert.equal(claims.modelDigest, 'a1'.repeat(32), name);
      assert.equal(claims.runId, `run-${phantom.seriesInstanceUid}`, name);
      assert.equal((await verdict(content)).isRight, true, `${name}: ${JSON.stringify(await verdict(content))}`);
    }
  });

  it('tells when frames, contours and measurements lie on another slice than the one they name', async () => {
    // Two slices change places: every reference is still there, and only the geometry betrays it.
    const used = readClaims(made.objects.files['segmentation.dcm']!).slices.map(({ sopInstanceUid }) => sopInstanceUid);
    const pairs = used.flatMap((a) => used.filter((b) => a < b && a.length === b.length).map((b) => [a, b] as const));
    const [a, b] = pairs[0]!;
    const swapped = files.map((file) => {
      const uid = parseInstance(file).sopInstanceUid;
      return uid === a ? replaced(file, a, b) : uid === b ? replaced(file, b, a) : file;
    });
    for (const name of ['segmentation.dcm', 'liver.dcm', 'rtstruct.dcm', 'probability.dcm']) {
      const result = await verdict(made.objects.files[name]!, swapped);
      assert.ok(!result.isRight, name);
      assert.match(result.reason, /(frame|contour) \d+ lies [\d.]+ mm off slice 2\.25\.\d+, which it names/, name);
    }
    const { sliceUid } = made.findings.lesions[0]!;
    const other = instances
      .map(({ sopInstanceUid }) => sopInstanceUid)
      .find((uid) => uid !== sliceUid && uid.length === sliceUid.length)!;
    const moved = files.map((file) => {
      const uid = parseInstance(file).sopInstanceUid;
      return uid === sliceUid
        ? replaced(file, sliceUid, other)
        : uid === other
          ? replaced(file, other, sliceUid)
          : file;
    });
    const result = await verdict(made.objects.files['report.dcm']!, moved);
    assert.ok(
      !result.isRight && /a point of the Long Axis lies [\d.]+ mm off slice/.test(result.reason),
      JSON.stringify(result),
    );
  });

  it('tells when a slice is missing, and takes late ones for what they are', async () => {
    const firstUsed = readClaims(made.objects.files['segmentation.dcm']!).slices[0]!.sopInstanceUid;
    const without = files.filter((file) => parseInstance(file).sopInstanceUid !== firstUsed);
    for (const [name, content] of objects) {
      const result = await verdict(content, without);
      const refersToIt = readClaims(content).slices.some(({ sopInstanceUid }) => sopInstanceUid === firstUsed);
      assert.equal(result.isRight, !refersToIt, name);
      if (!result.isRight) assert.match(result.reason, /refers to 2\.25\.\d+, which is not in its source series/);
    }
  });

  for (const [what, text, by, reason] of [
    [
      'another frame of reference',
      phantom.frameOfReferenceUid,
      phantom.frameOfReferenceUid.replace(/\d$/, otherDigit),
      /frame of reference/,
    ],
    ['another patient', 'HEPAR-PHANTOM-1', 'HEPAR-PHANTOM-7', /Patient ID is another/],
    ['another study', phantom.studyInstanceUid, phantom.studyInstanceUid.replace(/\d$/, otherDigit), /another study/],
  ] as const) {
    it(`tells ${what}, without naming a patient`, async () => {
      const source = files.map((file) => replaced(file, text, by));
      const result = await verdict(made.objects.files['segmentation.dcm']!, source);
      assert.ok(!result.isRight);
      assert.match(result.reason, reason);
      assert.doesNotMatch(result.reason, /HEPAR-PHANTOM/);
    });
  }

  it('refuses what is not ours, damaged or no DICOM with one line, and never otherwise', () => {
    assert.throws(() => readClaims(files[0]!), NotOurs);
    assert.throws(() => readClaims(Buffer.from('%PDF-1.7 no DICOM')), DicomError);
    assert.throws(() => readClaims(new Uint8Array()), DicomError);
    const foreign = replaced(
      made.objects.files['report.dcm']!,
      '1.2.840.10008.5.1.4.1.1.88.34',
      '1.2.840.10008.5.1.4.1.1.88.33',
    );
    assert.throws(() => readClaims(foreign), /Hepar makes no objects of SOP class/);
    for (const [name, content] of objects) {
      for (let part = 1; part < 40; part++) {
        const cut = content.subarray(0, Math.floor((content.length * part) / 40));
        const flipped = Uint8Array.from(content);
        for (let n = 0; n < 20; n++)
          flipped[200 + ((part * 7919 + n * 104_729) % Math.min(60_000, content.length - 200))]! ^= 0x55;
        for (const bytes of [cut, flipped]) {
          try {
            readClaims(bytes);
          } catch (error) {
            assert.ok(error instanceof NotOurs || error instanceof DicomError, `${name}: ${error}`);
            assert.ok(!(error as Error).message.includes('\n'));
          }
        }
      }
    }
  });
});

function otherDigit(digit: string): string {
  return digit === '1' ? '2' : '1';
}
