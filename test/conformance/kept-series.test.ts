import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CtSeries } from '../../server/src/volume/series.ts';
import { type SeriesSpec, seriesSpec } from './seg-cases.ts';
import { assertFaithful, readCases, type Verdict } from './seg-check.ts';
import { labelsInPixels, makeSeries, python, readSeries, truthOf, writeCase, writeSeg } from './seg-support.ts';

const run = promisify(execFile);
const hex = (text: string, encoding: BufferEncoding = 'latin1'): string =>
  Buffer.from(text.length % 2 === 0 ? text : `${text} `, encoding).toString('hex');

type Element = readonly [vr: string, hex: string];

/** A step of vary_series.py; `take` names a case of OTHERS. */
type Step =
  | { readonly set: Readonly<Record<string, Element>>; readonly images?: readonly number[] }
  | { readonly delete: readonly string[] }
  | { readonly longPositions: number }
  | { readonly copy: number; readonly uid: string | null }
  | { readonly take: string; readonly as: string }
  | { readonly wrap: string };

interface Kept {
  readonly name: string;
  /** Codes of the warnings, and no others. */
  readonly warns: readonly string[];
  readonly spec?: Partial<SeriesSpec>;
  readonly steps?: readonly Step[];
  /** Compresses the images after that, into another folder. */
  readonly compress?: (from: string, to: string) => Promise<unknown>;
}

/** Every image of a folder through a program that takes an input and an output file. */
const each = (program: string, ...options: string[]) => {
  return async (from: string, to: string): Promise<void> => {
    for (const file of await readdir(from)) await run(program, [...options, join(from, file), join(to, file)]);
  };
};

const LOSSY: Readonly<Record<string, Element>> = {
  '00282110': ['CS', hex('01')],
  '00282112': ['DS', hex('9.5')],
  '00282114': ['CS', hex('ISO_10918_1')],
};
const TWELVE_BITS: Step = { set: { '00280101': ['US', '0c00'], '00280102': ['US', '0b00'] } };
const long = (...values: string[]): Element => ['DS', hex(values.join('\\'))];

const KEPT: readonly Kept[] = [
  { name: 'an ordinary series', warns: [] },
  { name: 'stored shuffled', warns: [], spec: { order: 'shuffled' } },
  { name: 'stored from the head down', warns: [], spec: { step: -1 } },
  { name: 'lossy compressed once, as the header says', warns: ['lossy-compression'], steps: [{ set: LOSSY }] },
  {
    name: 'lossy compressed, with a ratio that is no number',
    warns: ['lossy-compression'],
    steps: [{ set: { '00282110': ['CS', hex('01')], '00282112': ['DS', hex('10:1')] } }],
  },
  {
    name: 'lossy JPEG of 12 bits',
    warns: ['lossy-compression'],
    steps: [TWELVE_BITS],
    compress: each('dcmcjpeg', '+ee', '+un', '+q', '100'),
  },
  {
    name: 'lossless JPEG 2000',
    warns: [],
    compress: each('gdcmconv', '--j2k'),
  },
  { name: 'one file twice', warns: ['duplicate-slices'], steps: [{ copy: 5, uid: null }] },
  {
    name: 'identical slices under UIDs of their own',
    warns: ['duplicate-slices'],
    steps: [
      { copy: 4, uid: '2.25.9200.104' },
      { copy: 9, uid: '2.25.9200.109' },
    ],
  },
  {
    name: 'a localizer of another size and frame of reference inside',
    warns: ['localizer-dropped'],
    steps: [{ take: 'localizer', as: '0' }],
  },
  {
    name: 'a colour dose report inside',
    warns: ['capture-dropped'],
    steps: [{ take: 'report', as: '0' }],
  },
  { name: 'slices of 6 mm', warns: ['thick-slices'], spec: { spacingMm: [0.8, 0.8, 6] } },
  { name: 'no contrast agent named', warns: ['no-contrast-information'], steps: [{ delete: ['00180010'] }] },
  { name: 'no frame of reference', warns: ['no-frame-of-reference'], spec: { drop: ['FrameOfReferenceUID'] } },
  {
    name: 'an empty frame of reference',
    warns: ['no-frame-of-reference'],
    steps: [{ set: { '00200052': ['UI', ''] } }],
  },
  {
    name: 'IDs and numbers removed',
    warns: ['no-kvp', 'no-patient-id', 'no-series-number', 'no-study-id'],
    spec: { drop: ['PatientID', 'StudyID', 'SeriesNumber', 'KVP', 'AccessionNumber', 'ReferringPhysicianName'] },
  },
  {
    name: 'IDs and numbers emptied',
    warns: ['no-kvp', 'no-patient-id', 'no-series-number', 'no-study-id'],
    steps: [
      {
        set: {
          '00100020': ['LO', ''],
          '00200010': ['SH', ''],
          '00200011': ['IS', ''],
          '00180060': ['DS', ''],
          '00080050': ['SH', ''],
          '00080090': ['PN', ''],
        },
      },
    ],
  },
  {
    name: 'a series number that is no number',
    warns: ['no-series-number'],
    steps: [{ set: { '00200011': ['IS', hex('3A')] } }],
  },
  {
    name: 'decimal strings of 20 characters and more',
    warns: ['overlong-decimal-string'],
    steps: [
      { longPositions: 18 },
      {
        set: {
          '00280030': long('0.800000000000000044', '0.800000000000000044'),
          '00281053': long('1.00000000000000000000'),
          '00281052': long('-1024.00000000000000000'),
          '00180050': long('3.000000000000000000001'),
          '00101030': long('70.123456789012345678'),
        },
      },
    ],
  },
  {
    name: 'over-long decimal strings on one slice only',
    warns: ['overlong-decimal-string'],
    steps: [{ set: { '00281053': long('1.00000000000000000000') }, images: [7] }],
  },
  {
    name: 'anonymised, with the method left out, and an empty clinical trial',
    warns: [],
    steps: [
      {
        set: {
          '00120062': ['CS', hex('YES')],
          '00120010': ['LO', ''],
          '00120020': ['LO', ''],
          '00120040': ['LO', ''],
          '00101010': ['AS', hex('45')],
          '00101020': ['DS', hex('1,78')],
          '00080201': ['SH', ''],
        },
      },
    ],
  },
  { name: 'private elements', warns: [], steps: [{ wrap: '00090010' }, { wrap: '00291000' }] },
  {
    name: 'a stated gantry tilt, though the slices stand straight',
    warns: ['gantry-tilt-stated'],
    steps: [{ set: { '00181120': ['DS', hex('-12.5')] } }],
  },
  {
    name: 'text burned in, as the header says',
    warns: ['burned-in-annotation'],
    steps: [{ set: { '00280301': ['CS', hex('YES')] } }],
  },
  { name: 'an enhanced multi-frame image', warns: [], spec: { enhanced: true } },
  {
    name: 'an enhanced multi-frame image without frame of reference and IDs',
    warns: ['no-frame-of-reference', 'no-kvp', 'no-patient-id', 'no-study-id'],
    spec: { enhanced: true, step: -1, drop: ['FrameOfReferenceUID', 'PatientID', 'StudyID', 'KVP'] },
  },
];

/** What is taken into other series. */
const OTHERS: Readonly<Record<string, { spec: SeriesSpec; steps: readonly Step[] }>> = {
  localizer: {
    spec: seriesSpec('localizer', '2.25.9290', { shape: [40, 90, 1], row: [0, 1, 0], column: [0, 0, -1] }),
    steps: [{ set: { '00080008': ['CS', hex('ORIGINAL\\PRIMARY\\LOCALIZER')] } }],
  },
  report: {
    spec: seriesSpec('report', '2.25.9291', { shape: [64, 32, 1] }),
    steps: [
      {
        set: {
          '00080016': ['UI', `${Buffer.from('1.2.840.10008.5.1.4.1.1.7').toString('hex')}00`],
          '00280002': ['US', '0300'],
          '00280004': ['CS', hex('RGB ')],
        },
      },
    ],
  },
};

describe('series that are kept with a warning: the SEG is valid, and every voxel is on its slice', () => {
  let folder: string;
  const results = new Map<string, { series: CtSeries; verdict: Verdict }>();
  const uidOf = (n: number): string => `2.25.92${String(n).padStart(2, '0')}`;

  before(async function () {
    this.timeout(120_000);
    folder = await mkdtemp(join(tmpdir(), 'hepar-kept-'));
    const place = (n: number): string => join(folder, uidOf(n));
    const specs = KEPT.map(({ name, spec }, n) =>
      seriesSpec(name, uidOf(n), {
        shape: [32, 24, 12],
        lesions: [[12, 10, 5, 2]],
        elements: { '00180010': ['LO', hex('Iohexol')] },
        ...spec,
      }),
    );
    const others = Object.values(OTHERS);
    await makeSeries(folder, [...specs, ...others.map(({ spec }) => spec)]);
    const otherFolder = (name: string): string => join(folder, OTHERS[name]!.spec.uid, 'ct');
    const steps = join(folder, 'steps.json');
    await writeFile(
      steps,
      JSON.stringify([
        ...others.map(({ spec, steps }) => ({ folder: join(folder, spec.uid, 'ct'), steps })),
        ...KEPT.map(({ steps = [] }, n) => ({
          folder: join(place(n), 'ct'),
          steps: steps.map((step) => ('take' in step ? { ...step, take: otherFolder(step.take) } : step)),
        })),
      ]),
    );
    await python('vary_series.py', steps);

    const cases = [];
    const read: CtSeries[] = [];
    for (const [n, { compress }] of KEPT.entries()) {
      let from = join(place(n), 'ct');
      if (compress) {
        from = await mkdtemp(join(folder, 'compressed-'));
        await compress(join(place(n), 'ct'), from);
      }
      const series = await readSeries(from);
      const truth = truthOf(series, labelsInPixels(series));
      await writeCase(place(n), writeSeg(series, truth), truth);
      cases.push({ folder: place(n), truth });
      read.push(series);
    }
    for (const [n, verdict] of (await readCases(cases)).entries()) {
      results.set(KEPT[n]!.name, { series: read[n]!, verdict });
    }
  });

  after(() => rm(folder, { recursive: true, force: true }));

  for (const { name, warns } of KEPT) {
    it(name, () => {
      const { series, verdict } = results.get(name)!;
      assert.deepEqual(series.warnings.map(({ code }) => code).sort(), warns);
      assert.equal(series.slices.length, 12);
      assertFaithful(verdict, 1);
    });
  }
});
