import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import { type SeriesSpec, seriesSpec } from '../conformance/seg-cases.ts';
import { dciodvfyErrors } from '../conformance/seg-check.ts';
import { labelsInPixels, makeSeries, python, readSeries, writeSeg } from '../conformance/seg-support.ts';
import { startTestOrthanc } from '../support/orthanc.ts';

const hex = (text: string, encoding: BufferEncoding = 'latin1'): string => Buffer.from(text, encoding).toString('hex');

/** Patient and study attributes that an archive, a worklist or a reader goes by. */
const IDENTITY = [
  '00080005', // Specific Character Set
  '00080020', // Study Date
  '00080030', // Study Time
  '00080050', // Accession Number
  '00080090', // Referring Physician's Name
  '00081030', // Study Description
  '00100010', // Patient's Name
  '00100020', // Patient ID
  '00100021', // Issuer of Patient ID
  '00100030', // Patient's Birth Date
  '00100040', // Patient's Sex
  '0020000d', // Study Instance UID
  '00200010', // Study ID
];
/** Of these, absent in the source, the standard demands an empty element (type 2). */
const NOT_REQUIRED = ['00080005', '00081030', '00100021', '0020000d'];

const small = { shape: [32, 30, 11], lesions: [[12, 12, 5, 2]] } as const;
const CASES: readonly SeriesSpec[] = [
  seriesSpec('Japanese (ISO 2022 IR 87)', '2.25.9101', {
    ...small,
    elements: {
      '00080005': ['CS', hex('\\ISO 2022 IR 87 ')],
      '00100010': ['PN', hex('Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B ')],
      '00081030': ['LO', hex('\x1b$BB@O:\x1b(B ')],
    },
  }),
  seriesSpec('Japanese (ISO_IR 13, half-width kana)', '2.25.9102', {
    ...small,
    elements: { '00080005': ['CS', hex('ISO_IR 13 ')], '00100010': ['PN', 'd4cfc0de5ec0dbb3'] },
  }),
  seriesSpec('Cyrillic (ISO_IR 144)', '2.25.9103', {
    ...small,
    elements: {
      '00080005': ['CS', hex('ISO_IR 144')],
      '00100010': ['PN', 'bbeedac1cedbccdad9ecd9ef'],
      '00080090': ['PN', 'b8d2d0ddded2'],
    },
  }),
  seriesSpec('Latin-1 (ISO_IR 100)', '2.25.9104', {
    ...small,
    elements: {
      '00080005': ['CS', hex('ISO_IR 100')],
      '00100010': ['PN', hex('Müller^Jérôme ')],
      '00081030': ['LO', hex('Oberbauch nativ/portalvenös ')],
    },
  }),
  seriesSpec('UTF-8 (ISO_IR 192)', '2.25.9105', {
    ...small,
    elements: {
      '00080005': ['CS', hex('ISO_IR 192')],
      '00100010': ['PN', hex('Wáng^Xiǎodōng=王^小东', 'utf8')],
    },
  }),
  seriesSpec('Latin-1 bytes without a character set', '2.25.9106', {
    ...small,
    elements: { '00100010': ['PN', hex('Pérez^Añó ')] },
  }),
  seriesSpec('Patient ID padded with spaces', '2.25.9107', {
    ...small,
    elements: { '00100020': ['LO', hex('  00017   ')], '00200010': ['SH', hex(' 5  ')] },
  }),
  seriesSpec('empty IDs', '2.25.9108', {
    ...small,
    elements: { '00100020': ['LO', ''], '00200010': ['SH', ''], '00100010': ['PN', ''] },
  }),
  seriesSpec('IDs, dates and names removed', '2.25.9109', {
    ...small,
    drop: [
      'PatientID',
      'PatientName',
      'PatientBirthDate',
      'PatientSex',
      'StudyID',
      'StudyDate',
      'StudyTime',
      'AccessionNumber',
      'ReferringPhysicianName',
      'SeriesNumber',
      'KVP',
    ],
  }),
  seriesSpec('Issuer of Patient ID, and an ID that looks like a number', '2.25.9110', {
    ...small,
    elements: { '00100020': ['LO', hex('007.0 ')], '00100021': ['LO', hex('WARD 3')] },
  }),
];

interface StoredInstance {
  readonly ParentStudy: string;
  readonly ParentPatient: string;
}

describe('a result beside its source in Orthanc', () => {
  let folder: string;
  let orthanc: RunningOrthanc;
  const ask = async (path: string, body?: Uint8Array): Promise<unknown> => {
    const authorization = `Basic ${Buffer.from(`${orthanc.username}:${orthanc.password}`).toString('base64')}`;
    const answer = await fetch(`${orthanc.url}${path}`, {
      headers: { authorization },
      ...(body ? { method: 'POST', body: Buffer.from(body) } : {}),
    });
    assert.equal(answer.status, 200);
    return answer.json();
  };

  before(async function () {
    this.timeout(60_000);
    folder = await mkdtemp(join(tmpdir(), 'hepar-one-study-'));
    await makeSeries(folder, CASES);
    orthanc = await startTestOrthanc();
  });

  after(async () => {
    await orthanc?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  for (const { name, uid } of CASES) {
    it(`${name}: one patient and one study, and the same bytes`, async () => {
      const ct = join(folder, uid, 'ct');
      const series = await readSeries(ct);
      const seg = writeSeg(series, labelsInPixels(series));
      const segFile = join(folder, uid, 'seg.dcm');
      await writeFile(segFile, seg);
      // A name that breaks a rule in the source (or that dciodvfy cannot judge) stays as it is; nothing else may be wrong.
      const inherited = await dciodvfyErrors(join(ct, '1.dcm'), 'CTImage');
      assert.deepEqual(
        (await dciodvfyErrors(segFile)).filter((error) => !inherited.includes(error)),
        [],
      );

      const [inSource, inSeg] = (await python('raw_elements.py', IDENTITY.join(','), join(ct, '1.dcm'), segFile)) as [
        Record<string, string | null>,
        Record<string, string | null>,
      ];
      for (const tag of IDENTITY) {
        const expected = inSource[tag] ?? (NOT_REQUIRED.includes(tag) ? null : '');
        assert.equal(inSeg[tag], expected, `(${tag.slice(0, 4)},${tag.slice(4)}) differs`);
      }

      const stored: StoredInstance[] = [];
      for (const file of await readdir(ct)) {
        stored.push((await ask('/instances', await readFile(join(ct, file)))) as StoredInstance);
      }
      const result = (await ask('/instances', seg)) as StoredInstance;
      assert.deepEqual(new Set(stored.map(({ ParentStudy }) => ParentStudy)), new Set([result.ParentStudy]));
      assert.deepEqual(new Set(stored.map(({ ParentPatient }) => ParentPatient)), new Set([result.ParentPatient]));
      const study = (await ask(`/studies/${result.ParentStudy}`)) as { Series: string[] };
      assert.equal(study.Series.length, 2);
    });
  }

  it('leaves as many studies in the archive as there were sources', async () => {
    assert.equal(((await ask('/studies')) as string[]).length, CASES.length);
  });
});
