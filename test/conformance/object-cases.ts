import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instance } from '../../server/src/dicom/instance.ts';
import { parseInstance } from '../../server/src/dicom/parse.ts';
import type { GeometryOptions } from '../../server/src/phantom/geometry.ts';
import { collectSeries, makePhantomSeries, type PhantomOptions } from '../../server/src/phantom/series.ts';
import { assemble } from '../../server/src/volume/assemble.ts';
import type { CtSeries } from '../../server/src/volume/series.ts';
import { LIVER_AND_THREE, labelledBalls } from './balls.ts';
import { SEG_CASES, type SeriesSpec, seriesSpec } from './seg-cases.ts';
import { labelsInPixels, makeSeries, readSeries } from './seg-support.ts';

/** A series, and what is labelled in it: 0 background, 1 liver, 2 and above lesion. */
export interface ObjectCase {
  readonly name: string;
  /** @param folder an empty one for whatever has to be written */
  load(folder: string): Promise<{ series: CtSeries; labels: Uint8Array | Uint16Array }>;
}

/** A phantom patient's series, whose truth is known by construction. */
function phantom(name: string, geometry: Partial<GeometryOptions>, options: PhantomOptions = {}): ObjectCase {
  return {
    name: `phantom: ${name}`,
    load: async () => {
      const made = makePhantomSeries({ lesions: 4, ...options, geometry: { ...USUAL, ...geometry } });
      const { instances, truth } = collectSeries(made);
      async function* parsed(): AsyncGenerator<Instance> {
        for (const { bytes } of instances) yield parseInstance(bytes);
      }
      const series = await assemble(parsed(), { signal: new AbortController().signal, report: () => {} });
      return { series, labels: truth.labels };
    },
  };
}

/** A series written by pydicom, whose pixels state their labels. */
function labelled(spec: SeriesSpec): ObjectCase {
  return {
    name: spec.name,
    load: async (folder) => {
      const place = await mkdtemp(join(folder, 'labelled-'));
      await makeSeries(place, [spec]);
      const series = await readSeries(join(place, spec.uid, 'ct'));
      return { series, labels: labelsInPixels(series).labels };
    },
  };
}

const USUAL: GeometryOptions = { rows: 80, columns: 80, slices: 26, pixelSpacingMm: [4.4, 4.4], sliceSpacingMm: 9 };
const turned = { rotationDeg: [12, -8, 10] } as const;

const extra = (n: number, name: string, changes: Partial<SeriesSpec>): ObjectCase =>
  labelled(seriesSpec(name, `2.25.91${n}`, changes));

/** A patient's scan, with made-up labels. */
function patient(name: string, folder: string): ObjectCase {
  return {
    name: `patient: ${name}`,
    load: async () => {
      const series = await readSeries(folder);
      return { series, labels: labelledBalls(series.volume.grid, LIVER_AND_THREE) };
    },
  };
}

const data = process.env.HEPAR_TEST_DATA;
const patients = data
  ? ['portal-venous', 'late-arterial'].map((phase) => patient(phase, join(data, 'hcc-tace-015', phase)))
  : [];

export const OBJECT_CASES: readonly ObjectCase[] = [
  ...SEG_CASES.map(labelled),
  extra(10, 'two lesions that touch', {
    lesions: [
      [22, 26, 6, 3],
      [26, 26, 6, 3],
    ],
  }),
  extra(11, 'two lesions that overlap', {
    lesions: [
      [22, 26, 6, 4],
      [26, 27, 7, 4],
    ],
  }),
  extra(12, 'lesions that touch at a corner only', {
    lesions: [
      [22, 26, 6, 0],
      [23, 27, 7, 0],
      [24, 26, 6, 0],
    ],
  }),
  extra(13, 'a lesion outside the liver', { lesions: [[58, 58, 10, 3]] }),
  extra(14, 'a lesion at the border of the image', {
    lesions: [
      [0, 0, 0, 2],
      [63, 63, 13, 2],
    ],
  }),
  extra(15, 'odd size 17 x 13, enhanced', { shape: [17, 13, 12], enhanced: true }),
  extra(16, 'thick slices, 0.5 mm pixels', { spacingMm: [0.5, 0.5, 7.5] }),
  extra(17, 'thin slices, 40 of them', { shape: [64, 48, 40], spacingMm: [0.9, 0.9, 0.6] }),
  extra(18, 'enhanced, oblique, from the head down', {
    enhanced: true,
    step: -1,
    row: [Math.cos(0.3), Math.sin(0.3), 0],
    column: [-Math.sin(0.3) * Math.cos(0.2), Math.cos(0.3) * Math.cos(0.2), Math.sin(0.2)],
  }),
  phantom('head first, supine', {}),
  phantom('head first, prone', { patientPosition: 'HFP' }),
  phantom('feet first, supine', { patientPosition: 'FFS' }),
  phantom('feet first, prone, descending', { patientPosition: 'FFP', instanceOrder: 'descending' }),
  phantom('oblique', turned),
  phantom('oblique, feet first, shuffled', { ...turned, patientPosition: 'FFS', instanceOrder: 'shuffled' }),
  phantom('negated row cosine', { negateRows: true }),
  phantom('negated column cosine, descending', { negateColumns: true, instanceOrder: 'descending' }),
  phantom('non-square pixels', { rows: 70, pixelSpacingMm: [5, 4.4] }),
  phantom('Rows != Columns', { rows: 72, columns: 96 }),
  phantom('odd size 79 x 75, oblique', { ...turned, rows: 79, columns: 75 }),
  phantom('odd spacing', { pixelSpacingMm: [4.4156250371, 4.4156250371], sliceSpacingMm: 8.4999991 }),
  phantom('no lesion', {}, { lesions: 0 }),
  phantom('one lesion', {}, { lesions: 1, seed: 7 }),
  phantom(
    'thirty lesions',
    { rows: 160, columns: 160, slices: 60, pixelSpacingMm: [2.2, 2.2], sliceSpacingMm: 4 },
    {
      lesions: 30,
      seed: 3,
    },
  ),
  ...patients,
];
