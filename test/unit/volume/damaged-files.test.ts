import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseInstance } from '../../../server/src/dicom/parse.ts';
import { makePhantomSeries } from '../../../server/src/phantom/series.ts';
import { Refusal } from '../../../server/src/refusal.ts';
import { patientAndStudy } from '../../../server/src/reports/patient-study.ts';
import { assemble } from '../../../server/src/volume/assemble.ts';
import { readInstance } from '../../../server/src/volume/damage.ts';

const NAME = 'Secret^Patient';
const whole = [
  ...makePhantomSeries({
    lesions: 0,
    attributes: { PatientName: NAME },
    geometry: { rows: 8, columns: 12, slices: 11, pixelSpacingMm: [30, 30], sliceSpacingMm: 5 },
  }).instances(),
].map(({ bytes }) => bytes);
const HEADER_BYTES = whole[0]!.length - 8 * 12 * 2;

type Damage = (file: Uint8Array) => Uint8Array;
const at = fc.nat(HEADER_BYTES - 1);

/** What disks, transfers, editors and anonymisers do to a file. */
const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.nat(whole[0]!.length).map((bytes) => (file: Uint8Array) => file.subarray(0, bytes)),
  fc.array(fc.tuple(at, fc.nat(255)), { minLength: 1, maxLength: 8 }).map((edits) => (file: Uint8Array) => {
    const copy = Uint8Array.from(file);
    for (const [place, byte] of edits) copy[place] = byte;
    return copy;
  }),
  fc.tuple(at, fc.constantFrom(0xffffffff, 0xfffffffe, 0x7fffffff, 0)).map(([place, length]) => (file: Uint8Array) => {
    const copy = Buffer.from(file);
    copy.writeUInt32LE(length, Math.min(place, HEADER_BYTES - 4));
    return copy;
  }),
  fc.tuple(at, fc.nat(64)).map(
    ([place, bytes]) =>
      (file: Uint8Array) =>
        Buffer.concat([file.subarray(0, place), file.subarray(place + bytes)]),
  ),
  fc.tuple(at, fc.nat(64)).map(
    ([place, bytes]) =>
      (file: Uint8Array) =>
        Buffer.concat([file.subarray(0, place + bytes), file.subarray(place)]),
  ),
);

describe('damaged files', () => {
  it('are read or refused, in a sentence without the patient, and nothing else happens', async function () {
    this.timeout(60_000);
    let [read, refused] = [0, 0];
    await fc.assert(
      fc.asyncProperty(
        fc.array(damage, { minLength: 1, maxLength: 2 }),
        fc.nat(10),
        fc.boolean(),
        async (all, n, every) => {
          const files = whole.map((file, k) =>
            every || k === n ? all.reduce((bytes, harm) => harm(bytes), file) : file,
          );
          async function* instances() {
            for (const file of files) yield readInstance(file);
          }
          try {
            const series = await assemble(instances(), { signal: new AbortController().signal, report: () => {} });
            assert.ok(series.volume.hu.length >= 10 * series.volume.grid.shape[0] * series.volume.grid.shape[1]);
            read++;
          } catch (error) {
            if (!(error instanceof Refusal)) throw error;
            assert.match(error.message, /^[A-Z][^\p{C}]+[^.]\.$/u);
            assert.ok(!`${error.message}${JSON.stringify(error.figures)}`.includes('Secret'), error.message);
            refused++;
          }
        },
      ),
      { seed: 20261123, numRuns: 400 },
    );
    assert.ok(read > 40 && refused > 40, `${read} were read, ${refused} refused`);
  });

  it('with a sequence of unknown representation that holds no items are read as if it were empty', async () => {
    const raw = [{ tag: '00120064', vr: 'UN', value: Buffer.from('feff00e0ffffff7f0000', 'hex') }];
    const geometry = { rows: 8, columns: 12, slices: 11, pixelSpacingMm: [30, 30], sliceSpacingMm: 5 } as const;
    const files = [...makePhantomSeries({ lesions: 0, raw, geometry }).instances()];
    async function* instances() {
      for (const { bytes } of files) yield readInstance(bytes);
    }
    const { header } = await assemble(instances(), { signal: new AbortController().signal, report: () => {} });
    assert.deepEqual(header.items('00120064'), []);
    assert.ok(!('DeidentificationMethodCodeSequence' in patientAndStudy(header).attributes));
  });

  it('that announce more than they hold are refused before room is made for it', async () => {
    const tags: readonly (readonly [name: string, tag: readonly number[], value: readonly number[]])[] = [
      ['rows', [0x28, 0, 0x10, 0], [0xff, 0xff]],
      ['columns', [0x28, 0, 0x11, 0], [0xff, 0xff]],
      ['bits', [0x28, 0, 0, 1], [0xff, 0xff]],
    ];
    for (const [name, tag, value] of tags) {
      const copy = Buffer.from(whole[0]!);
      copy.set(value, copy.indexOf(Buffer.from([...tag, 0x55, 0x53])) + 8);
      assert.throws(() => parseInstance(copy), { name: 'CorruptInstance' }, name);
    }
  });
});
