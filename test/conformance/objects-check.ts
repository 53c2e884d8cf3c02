import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { maskPngs } from '../../server/src/reports/masks.ts';
import { labelMapNifti } from '../../server/src/reports/nifti.ts';
import { OPTIONAL_OBJECTS } from '../../server/src/reports/options.ts';
import { buildSeg } from '../../server/src/reports/seg.ts';
import type { CtSeries } from '../../server/src/volume/series.ts';
import { differentInAdapters } from './adapters.ts';
import { differentInDcmqi, isByteAligned } from './dcmqi.ts';
import { type MadeResult, makeResult, writeInto, writeResult } from './made-result.ts';
import { dciodvfyErrors } from './seg-check.ts';
import { python, truthOf, writeCase } from './seg-support.ts';
import { assertReports, type ReadReport } from './sr-check.ts';

/** What the readers say of all objects of one result. */
export interface ObjectsVerdict {
  /** Voxels that differ from the label map that was written, by object and reader; null where a reader cannot read the size. */
  readonly different: Readonly<Record<string, number | null>>;
  readonly pictures: number;
  readonly dciodvfyErrors: readonly string[];
  /** Why the report is not what was found; null when it is. */
  readonly report: string | null;
}

/** What dciodvfy must take each object for. It knows neither label maps nor deflated files. */
const KINDS: Readonly<Record<string, string>> = {
  'segmentation.dcm': 'Segmentation',
  'probability.dcm': 'Segmentation',
  'report.dcm': 'Comprehensive3DSR',
  'mask.dcm': 'MultiframeGrayscaleByteSCImage',
  'rtstruct.dcm': 'RTStructureSet',
};

/** Makes every object of a result, in every encoding, in a folder of its own. */
export async function writeObjects(
  folder: string,
  series: CtSeries,
  labels: Uint8Array | Uint16Array,
): Promise<MadeResult> {
  const options = { seg: 'binary', liver: 'together', deflated: false, objects: OPTIONAL_OBJECTS } as const;
  const made = await makeResult(series, labels, { options });
  const { segments, findings } = made;
  await writeResult(folder, made);
  await writeCase(folder, made.objects.files['segmentation.dcm']!, truthOf(series, segments));
  await writeInto(folder, 'probability.raw', made.input.probability!.values);

  const input = { ...made.input, lesions: findings.lesions };
  const form = { part: 'all', encoding: 'binary', deflated: false } as const;
  await writeInto(folder, 'labelmap.dcm', buildSeg(input, { ...form, encoding: 'labelmap' }));
  if (findings.lesions.length > 0) {
    await writeInto(folder, 'lesions.dcm', buildSeg(input, { ...form, part: 'lesions', deflated: true }));
    if (segments.labels.includes(1)) {
      await writeInto(folder, 'liver.dcm', buildSeg(input, { ...form, part: 'liver', deflated: true }));
    }
  }
  for (const [name, content] of maskPngs(segments)) await writeInto(folder, name, content);
  await writeInto(folder, 'labels.nii.gz', await labelMapNifti(segments));
  return made;
}

/** Has every reader read the objects in each folder. */
export async function readObjects(cases: readonly { folder: string; made: MadeResult }[]): Promise<ObjectsVerdict[]> {
  const folders = cases.map(({ folder }) => folder);
  const read = (await python('read_objects.py', ...folders)) as Pick<ObjectsVerdict, 'different' | 'pictures'>[];
  const reports = (await python('read_sr.py', ...folders.map((folder) => join(folder, 'report.dcm')))) as ReadReport[];
  const verdicts: ObjectsVerdict[] = [];
  for (const [n, { folder, made }] of cases.entries()) {
    const { segments, series } = made;
    const dcmqi = isByteAligned(segments.grid) ? await differentInDcmqi(join(folder, 'seg.dcm'), segments) : null;
    verdicts.push({
      different: {
        ...read[n]!.different,
        'segmentation dcmqi': dcmqi,
        'segmentation @cornerstonejs/adapters': await differentInAdapters(
          join(folder, 'segmentation.dcm'),
          series,
          segments,
        ),
        'labelmap @cornerstonejs/adapters': await differentInAdapters(join(folder, 'labelmap.dcm'), series, segments),
      },
      pictures: read[n]!.pictures,
      dciodvfyErrors: await allErrors(folder),
      report: problemOf(() => assertReports(reports[n]!, made.findings, made.series, made.objects.uids)),
    });
  }
  return verdicts;
}

async function allErrors(folder: string): Promise<string[]> {
  const captures = (await readdir(join(folder, 'secondary-capture'))).filter((file) => file.endsWith('.dcm'));
  const objects = [
    ...Object.entries(KINDS),
    ...captures.map((file) => [join('secondary-capture', file), 'SCImage'] as const),
  ];
  const errors = objects.map(async ([file, kind]) => {
    const found = await dciodvfyErrors(join(folder, file), kind);
    return found.map((error) => `${file}: ${error}`);
  });
  return (await Promise.all(errors)).flat();
}

function problemOf(check: () => void): string | null {
  try {
    check();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The table of the documentation: for each object and reader, in how many series how many voxels differ. */
export function conformanceTable(verdicts: readonly ObjectsVerdict[]): string {
  const readers = [...new Set(verdicts.flatMap(({ different }) => Object.keys(different)))];
  const rows = readers.map((reader) => {
    const values = verdicts.map(({ different }) => different[reader]).filter((value) => typeof value === 'number');
    const [object, by] = reader.split(/ (?=\S+$)/, 2);
    return `| ${object} | ${by ?? ''} | ${values.length} | ${values.reduce((sum, value) => sum + value, 0)} |`;
  });
  const errors = verdicts.flatMap(({ dciodvfyErrors }) => dciodvfyErrors).length;
  const reports = verdicts.filter(({ report }) => report === null).length;
  return [
    '',
    '| object | read by | series | voxels that differ |',
    '|---|---|---|---|',
    ...rows,
    '',
    `dciodvfy: ${errors} errors over the objects of ${verdicts.length} series. Reports that say what was found: ${reports} of ${verdicts.length}.`,
    '',
  ].join('\n');
}
