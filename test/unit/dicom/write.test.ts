import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RawElement } from '../../../server/src/dicom/dataset.ts';
import { parseInstance } from '../../../server/src/dicom/parse.ts';
import { writePart10 } from '../../../server/src/dicom/write.ts';

const UIDS = { SOPClassUID: '1.2.840.10008.5.1.4.1.1.7', SOPInstanceUID: '2.25.42' };
const DATASET = {
  ...UIDS,
  Modality: 'OT',
  PatientName: [{ Alphabetic: 'Own^Name' }],
  StudyID: '',
  ImagePositionPatient: ['-1.5', '20', '.25'],
  Rows: 2,
  ReferencedSeriesSequence: [
    { SeriesInstanceUID: '2.25.7', ReferencedInstanceSequence: [{ ReferencedSOPInstanceUID: '2.25.8' }] },
    { SeriesInstanceUID: '2.25.9' },
  ],
};
const raw = (tag: string, vr: string, bytes: readonly number[]): RawElement => ({
  tag,
  vr,
  value: Uint8Array.from(bytes),
});

describe('writing a DICOM file', () => {
  it('gives back what was written', () => {
    const { sopClassUid, sopInstanceUid, transferSyntaxUid, dataset } = parseInstance(writePart10(DATASET));
    deepStrictEqual(
      [sopClassUid, sopInstanceUid, transferSyntaxUid],
      [UIDS.SOPClassUID, UIDS.SOPInstanceUID, '1.2.840.10008.1.2.1'],
    );
    deepStrictEqual(dataset.numbers('00200032'), [-1.5, 20, 0.25]);
    strictEqual(dataset.number('00280010'), 2);
    ok(dataset.has('00200010') && dataset.text('00200010') === null);
    const series = dataset.items('00081115');
    deepStrictEqual(
      series.map((item) => item.text('0020000e')),
      ['2.25.7', '2.25.9'],
    );
    strictEqual(series[0]!.items('0008114a')[0]!.text('00081155'), '2.25.8');
  });

  it('copies elements byte for byte, in any character set and with any padding, in the order of tags', () => {
    const copied = [
      raw('00100020', 'LO', [0x41, 0x20, 0x20, 0x20]),
      raw('00100010', 'PN', [0x1b, 0x24, 0x42, 0x3b, 0x33, 0x1b, 0x28, 0x42]),
      raw('00080005', 'CS', [...Buffer.from('\\ISO 2022 IR 87 ', 'latin1')]),
      raw('7fe00010', 'OW', [1, 2, 3, 4]),
      raw('00104000', 'LT', []),
    ];
    const { ReferencedSeriesSequence: _, ...flat } = DATASET;
    const file = writePart10(flat, { raw: copied });
    const { dataset } = parseInstance(file);
    for (const { tag, vr, value } of copied) {
      const written = dataset.raw(tag)!;
      deepStrictEqual([written.vr, ...written.value], [vr, ...value]);
    }
    strictEqual(dataset.text('00100010'), '山');
    const tags = tagsInOrder(file);
    deepStrictEqual(tags, [...new Set(tags)].sort());
    strictEqual(tags.length, Object.keys(flat).length + copied.length - 1);
  });

  it('gives the same bytes for the same input', () => {
    const elements = [raw('7fe00010', 'OB', [1, 2])];
    deepStrictEqual(writePart10(DATASET, { raw: elements }), writePart10({ ...DATASET }, { raw: elements }));
  });

  it('pads an odd length as the standard says', () => {
    const { dataset } = parseInstance(
      writePart10(UIDS, { raw: [raw('00100020', 'LO', [0x41]), raw('7fe00010', 'OB', [5])] }),
    );
    deepStrictEqual([...dataset.raw('00100020')!.value], [0x41, 0x20]);
    deepStrictEqual([...dataset.raw('7fe00010')!.value], [5, 0]);
  });

  it('refuses what would be left out, cut off or read as something else', () => {
    for (const [wrong, message] of [
      [{ PatientNmae: 'A' }, /PatientNmae/],
      [{ SliceThickness: '0.12345678901234567' }, /SliceThickness has 19 characters, VR DS holds 16/],
      [{ SeriesDescription: 'Läsion' }, /SeriesDescription has text other than ASCII/],
      [{ PatientName: [{ Alphabetic: 'Müller' }] }, /PatientName/],
      [{ ReferencedSeriesSequence: [{ SeriesDescription: '肝' }] }, /SeriesDescription/],
    ] as const) {
      throws(() => writePart10({ ...UIDS, ...wrong }), { name: 'UnwritableDataset', message });
    }
    throws(() => writePart10(UIDS, { raw: [{ tag: '00104000', vr: 'LT', value: new Uint8Array(70_000) }] }), {
      name: 'UnwritableDataset',
    });
  });

  it('is a file in which dcmtk finds no fault', function () {
    const folder = mkdtempSync(join(tmpdir(), 'hepar-write-'));
    const path = join(folder, 'written.dcm');
    writeFileSync(path, writePart10(DATASET, { raw: [raw('7fe00010', 'OW', [1, 2, 3, 4])] }));
    const dump = spawnSync('dcmdump', ['-q', '-M', path], { encoding: 'latin1' });
    rmSync(folder, { recursive: true });
    if (dump.error) this.skip();
    strictEqual(dump.stderr, '');
    ok(dump.stdout.includes('ImplementationVersionName'));
    ok(dump.stdout.includes('(0020,0032) DS [-1.5\\20\\.25]'), dump.stdout);
  });
});

/** Tags of the top level as they follow in the file; knows just enough of the encoding to step from one to the next. */
function tagsInOrder(file: Uint8Array): string[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const tags: string[] = [];
  for (let at = 132; at < file.length; ) {
    const tag = [0, 2]
      .map((half) =>
        view
          .getUint16(at + half, true)
          .toString(16)
          .padStart(4, '0'),
      )
      .join('');
    const vr = String.fromCharCode(file[at + 4]!, file[at + 5]!);
    const long = ['OB', 'OW', 'SQ', 'UN', 'UT'].includes(vr);
    const length = long ? view.getUint32(at + 8, true) : view.getUint16(at + 6, true);
    if (tag > '0003') tags.push(tag);
    at += (long ? 12 : 8) + length;
  }
  return tags;
}
