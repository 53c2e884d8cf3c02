import { deepStrictEqual, strictEqual, throws } from 'node:assert';
import { deflateRawSync } from 'node:zlib';
import { CorruptInstance, NotDicom } from '../../../server/src/dicom/errors.ts';
import { parseHeader } from '../../../server/src/dicom/header.ts';
import { parseInstance } from '../../../server/src/dicom/parse.ts';
import { type Attribute, BIG_ENDIAN, EXPLICIT, encodeDataset, fileMeta, IMPLICIT, part10 } from './encode.ts';

const IMPLICIT_UID = '1.2.840.10008.1.2';
const EXPLICIT_UID = '1.2.840.10008.1.2.1';
const DEFLATED_UID = '1.2.840.10008.1.2.1.99';
const BIG_ENDIAN_UID = '1.2.840.10008.1.2.2';

const ATTRIBUTES: readonly Attribute[] = [
  ['00080005', 'CS', 'ISO_IR 144'],
  ['00080008', 'CS', 'ORIGINAL\\PRIMARY\\AXIAL'],
  ['00080016', 'UI', '1.2.840.10008.5.1.4.1.1.2'],
  ['00080018', 'UI', '2.25.77'],
  ['00081140', 'SQ', { items: [[['00081155', 'UI', '2.25.1']], [['00081155', 'UI', '2.25.2']]] }],
  ['00090010', 'LO', 'SOMEBODY'],
  ['00091001', 'OB', Uint8Array.of(1, 2, 3, 4)],
  // In Cyrillic, padded with two spaces; Latin-1 would read it as noise.
  ['00100010', 'PN', Buffer.from([0xbb, 0xee, 0xda, 0x5e, 0xb0, 0xdd, 0x20, 0x20])],
  ['00180050', 'DS', ''],
  ['00200013', 'IS', ' 12 '],
  ['00200032', 'DS', '-1.5\\+2e1\\.25'],
  ['00280010', 'US', [512]],
  ['00280103', 'US', [1]],
  ['00280120', 'SS', [-2000]],
  ['00189461', 'FL', [1.5]],
  [
    '52009229',
    'SQ',
    {
      items: [
        [
          [
            '00289110',
            'SQ',
            {
              items: [
                [
                  ['00280030', 'DS', '0.7\\0.8'],
                  ['00100010', 'PN', Buffer.from([0xbb, 0x20])],
                ],
              ],
            },
          ],
        ],
      ],
    },
  ],
];

/** The same dataset in each way that a file may have it. */
const FILES: Readonly<Record<string, Uint8Array>> = {
  'explicit little endian': part10(EXPLICIT_UID, encodeDataset(ATTRIBUTES, EXPLICIT)),
  'implicit little endian': part10(IMPLICIT_UID, encodeDataset(ATTRIBUTES, IMPLICIT)),
  'explicit big endian': part10(BIG_ENDIAN_UID, encodeDataset(ATTRIBUTES, BIG_ENDIAN)),
  deflated: part10(DEFLATED_UID, deflateRawSync(encodeDataset(ATTRIBUTES, EXPLICIT))),
  'undefined lengths': part10(EXPLICIT_UID, encodeDataset(ATTRIBUTES, EXPLICIT, 'undefined')),
  'undefined lengths, implicit': part10(IMPLICIT_UID, encodeDataset(ATTRIBUTES, IMPLICIT, 'undefined')),
  'undefined lengths, big endian': part10(BIG_ENDIAN_UID, encodeDataset(ATTRIBUTES, BIG_ENDIAN, 'undefined')),
  'without preamble': Buffer.concat([fileMeta(EXPLICIT_UID), encodeDataset(ATTRIBUTES, EXPLICIT)]),
  'dataset alone, explicit': encodeDataset(ATTRIBUTES, EXPLICIT),
  'dataset alone, implicit': encodeDataset(ATTRIBUTES, IMPLICIT),
  'dataset alone, big endian': encodeDataset(ATTRIBUTES, BIG_ENDIAN),
  'preamble, no meta information': Buffer.concat([preamble(), encodeDataset(ATTRIBUTES, IMPLICIT)]),
  'filled up with zeros': Buffer.concat([part10(EXPLICIT_UID, encodeDataset(ATTRIBUTES, EXPLICIT)), Buffer.alloc(509)]),
};

describe('reading a DICOM file', () => {
  for (const [name, file] of Object.entries(FILES)) {
    it(`${name}: gives every value`, () => {
      const { dataset, sopClassUid, sopInstanceUid, frames } = parseInstance(file);
      deepStrictEqual([sopClassUid, sopInstanceUid, frames], ['1.2.840.10008.5.1.4.1.1.2', '2.25.77', 0]);
      deepStrictEqual(dataset.texts('00080008'), ['ORIGINAL', 'PRIMARY', 'AXIAL']);
      strictEqual(dataset.text('00100010'), 'Люк^Ан');
      deepStrictEqual(dataset.numbers('00200032'), [-1.5, 20, 0.25]);
      deepStrictEqual(
        ['00200013', '00280010', '00280120', '00189461'].map((tag) => dataset.number(tag)),
        [12, 512, -2000, 1.5],
      );
      deepStrictEqual(
        dataset.items('00081140').map((item) => item.text('00081155')),
        ['2.25.1', '2.25.2'],
      );
      const pixelMeasures = dataset.items('52009229')[0]!.items('00289110')[0]!;
      deepStrictEqual(pixelMeasures.numbers('00280030'), [0.7, 0.8]);
      // An item has the character set of its dataset.
      strictEqual(pixelMeasures.text('00100010'), 'Л');
    });

    it(`${name}: gives the bytes of an attribute unchanged, padding and all`, () => {
      const { dataset } = parseInstance(file);
      const patientName = dataset.raw('00100010')!;
      strictEqual(patientName.vr, 'PN');
      deepStrictEqual([...patientName.value], [0xbb, 0xee, 0xda, 0x5e, 0xb0, 0xdd, 0x20, 0x20]);
      // Numbers come little endian, whatever the file.
      deepStrictEqual([...dataset.raw('00280010')!.value], [0x00, 0x02]);
      strictEqual(dataset.raw('00081140'), null);
    });
  }

  it('tells an empty attribute from an absent one', () => {
    const { dataset } = parseInstance(FILES['explicit little endian']!);
    deepStrictEqual(
      [dataset.has('00180050'), dataset.number('00180050'), dataset.text('00180050')],
      [true, null, null],
    );
    deepStrictEqual([dataset.has('00180060'), dataset.number('00180060')], [false, null]);
    strictEqual(dataset.raw('00180050')!.value.length, 0);
  });

  it('reads a sequence that passed through software that did not know it, under VR UN', () => {
    const sequence = encodeDataset([['00289110', 'SQ', { items: [[['00280030', 'DS', '0.7\\0.8']]] }]], IMPLICIT);
    const file = part10(EXPLICIT_UID, encodeDataset([['00289110', 'UN', sequence.subarray(8)]], EXPLICIT));
    deepStrictEqual(parseInstance(file).dataset.items('00289110')[0]!.numbers('00280030'), [0.7, 0.8]);
  });

  it('reads 64-bit integers, and what stands behind them', () => {
    const attributes: Attribute[] = [
      ['00080018', 'UI', '2.25.1'],
      ['00090011', 'SV', [-5]],
      ['00720082', 'SV', [-5, 7]],
      ['7fe00001', 'OV', [0, 1000]],
      ['7fe00002', 'OV', [10]],
    ];
    const { dataset } = parseInstance(part10(EXPLICIT_UID, encodeDataset(attributes, EXPLICIT)));
    deepStrictEqual(dataset.numbers('00720082'), [-5, 7]);
    deepStrictEqual(dataset.numbers('7fe00001'), [0, 1000]);
    deepStrictEqual(dataset.numbers('7fe00002'), [10]);
  });

  it('reads as far as one attribute of a file whose rest is not there yet', () => {
    for (const [name, file] of Object.entries(FILES)) {
      const whole = parseHeader(file, '00200013');
      strictEqual(whole.number('00200013'), 12, name);
      strictEqual(whole.has('00280010'), false, name);
    }
    const [explicit, deflated] = [FILES['explicit little endian']!, FILES.deflated!];
    strictEqual(parseHeader(explicit.subarray(0, explicit.length - 60), '00080018').text('00080018'), '2.25.77');
    strictEqual(parseHeader(deflated.subarray(0, deflated.length - 60), '00080018').text('00080018'), '2.25.77');
    throws(() => parseHeader(explicit.subarray(0, 400), '00280010'), CorruptInstance);
  });

  it('reads the File Meta Information alone, whatever follows it', () => {
    const file = Buffer.concat([part10(DEFLATED_UID, Buffer.alloc(0)), Buffer.from('no deflated data')]);
    strictEqual(parseHeader(file, '00020003').text('00020003'), '2.25.1');
  });

  it('says which element is cut off, and by how much', () => {
    const file = part10(EXPLICIT_UID, encodeDataset([['7fe00010', 'OW', new Uint8Array(1000)]], EXPLICIT));
    throws(() => parseInstance(file.subarray(0, file.length - 300)), {
      name: 'CorruptInstance',
      message: 'element (7fe0,0010) has 1000 bytes, 700 are left',
    });
  });

  it('refuses what is cut off within a sequence of undefined length, though each element in it is whole', () => {
    const file = FILES['undefined lengths']!;
    throws(() => parseInstance(file.subarray(0, file.length - 8)), CorruptInstance);
    throws(() => parseInstance(file.subarray(0, file.length - 24)), CorruptInstance);
  });

  it('refuses what is no DICOM file', () => {
    const notDicom = [
      '',
      'x',
      'This is a text file that somebody has named .dcm, for whatever reason.'.repeat(9),
      '\x89PNG\r\n\x1a\n0000',
    ];
    for (const text of notDicom) throws(() => parseInstance(Buffer.from(text, 'latin1')), NotDicom);
    throws(() => parseInstance(Buffer.alloc(5000)), NotDicom);
  });
});

function preamble(): Buffer {
  const bytes = Buffer.alloc(132);
  bytes.write('DICM', 128, 'latin1');
  return bytes;
}
