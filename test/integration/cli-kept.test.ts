import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FindingsDocument, findingsSchema } from '../../server/src/findings/schema.ts';
import { makePhantomSeries, type PhantomOptions, SMALL_GEOMETRY } from '../../server/src/phantom/series.ts';
import { readSeg } from '../../server/src/reports/read-seg.ts';
import { dciodvfyErrors } from '../conformance/seg-check.ts';
import { python } from '../conformance/seg-support.ts';

const COMMAND = fileURLToPath(new URL('../../server/src/cli/main.ts', import.meta.url));

/** `hepar segment`, as a shell runs it. */
function segment(input: string, out: string): Promise<{ code: number | null; stdout: string; complaints: string[] }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [COMMAND, 'segment', input, '--out', out]);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    child.on('close', (code) => {
      const complaints = stderr.split('\n').filter((line) => line && !/^[\d.]+ s \w+ \d+%$/.test(line));
      resolve({ code, stdout, complaints });
    });
  });
}

const geometry = { ...SMALL_GEOMETRY, instanceOrder: 'shuffled' } as const;
const DS = (tag: string, text: string) => ({
  tag,
  vr: 'DS',
  value: Buffer.from(text.padEnd(text.length + (text.length % 2))),
});

/** All that anonymisers and old archives leave at once. */
const STRIPPED: PhantomOptions = {
  seed: 4,
  geometry,
  attributes: {
    ...Object.fromEntries(
      ['FrameOfReferenceUID', 'StudyID', 'SeriesNumber', 'ContrastBolusAgent', 'PatientName', 'PixelSpacing'].map(
        (keyword) => [keyword, undefined],
      ),
    ),
    PatientID: '',
    KVP: '',
    AccessionNumber: undefined,
    ReferringPhysicianName: undefined,
    PatientIdentityRemoved: 'YES',
    LossyImageCompression: '01',
    LossyImageCompressionRatio: '12',
  },
  raw: [
    DS('00280030', '2.79999999999999982236\\2.79999999999999982236'),
    { tag: '00080005', vr: 'CS', value: Buffer.from('\\ISO 2022 IR 87 ') },
    {
      tag: '00100010',
      vr: 'PN',
      value: Buffer.from(
        'Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B ',
        'latin1',
      ),
    },
  ],
};

describe('hepar segment on series as archives keep them', function () {
  this.timeout(300_000);
  let scratch: string;

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'hepar-cli-kept-'));
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  async function write(folder: string, files: Iterable<Uint8Array>, prefix = ''): Promise<string> {
    const dir = join(scratch, folder);
    await mkdir(dir, { recursive: true });
    let number = 1000;
    for (const bytes of files) await writeFile(join(dir, `${prefix}${++number}.dcm`), bytes);
    return dir;
  }

  const files = (options: PhantomOptions) => [...makePhantomSeries(options).instances()].map(({ bytes }) => bytes);

  /** Segmented, with a valid SEG of which every frame refers to one of `instances` images. */
  async function segmented(input: string, instances: number): Promise<{ findings: FindingsDocument; stdout: string }> {
    const out = `${input}-out`;
    const { code, stdout, complaints } = await segment(input, out);
    assert.equal(code, 0, complaints.join('\n'));
    assert.deepEqual(complaints, []);
    const seg = join(out, 'segmentation.dcm');
    assert.deepEqual(await dciodvfyErrors(seg), []);
    const { frames } = readSeg(await readFile(seg));
    const sources = new Set(
      frames.map(({ sourceSopInstanceUid, sourceFrameNumber }) => `${sourceSopInstanceUid}#${sourceFrameNumber}`),
    );
    assert.ok(sources.size > 10 && sources.size <= instances);
    const findings = findingsSchema.parse(JSON.parse(await readFile(join(out, 'findings.json'), 'utf8')));
    assert.ok(findings.liver.volumeMl > 800, `the liver has ${findings.liver.volumeMl} ml`);
    assert.equal(findings.series.slices, instances);
    return { findings, stdout };
  }

  it('keeps one that is stripped, lossy, doubled and has its localizer inside, and says so', async () => {
    const all = files(STRIPPED);
    const localizer = files({
      ...STRIPPED,
      geometry: {
        rows: 40,
        columns: 60,
        slices: 1,
        pixelSpacingMm: [5, 5],
        sliceSpacingMm: 5,
        rotationDeg: [90, 0, 0],
      },
      attributes: {
        ...STRIPPED.attributes,
        ImageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'],
        ...uidsOf(STRIPPED),
      },
    });
    const input = await write('stripped', [...localizer, ...all, all[17]!]);
    const { findings, stdout } = await segmented(input, SMALL_GEOMETRY.slices);
    assert.deepEqual(findings.warnings.map(({ code }) => code).sort(), [
      'duplicate-slices',
      'localizer-dropped',
      'lossy-compression',
      'no-contrast-information',
      'no-frame-of-reference',
      'no-kvp',
      'no-patient-id',
      'no-series-number',
      'no-study-id',
      'overlong-decimal-string',
    ]);
    for (const { message } of findings.warnings) assert.ok(stdout.includes(`Note: ${message}\n`), message);
    assert.ok(!/Yamada/.test(stdout + JSON.stringify(findings)), 'the result names the patient');
  });

  it('takes an enhanced multi-frame image beside a localizer series of several images', async () => {
    const input = await write('enhanced', files({ seed: 4, geometry }));
    const steps = join(scratch, 'steps.json');
    await writeFile(steps, JSON.stringify([{ folder: input, steps: [{ enhance: true }] }]));
    await python('vary_series.py', steps);
    assert.equal((await readdir(input)).length, 1);
    const scout = { rows: 40, columns: 60, slices: 2, pixelSpacingMm: [5, 5], sliceSpacingMm: 5 } as const;
    await write(
      'enhanced',
      files({ geometry: scout, attributes: { ImageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] } }),
      'scout',
    );
    const { findings } = await segmented(input, SMALL_GEOMETRY.slices);
    assert.deepEqual(findings.warnings, []);
  });

  it('refuses a series with one file cut off: exit code 2 and one line with the image, and no file', async () => {
    const whole = files({ seed: 4, geometry: { ...SMALL_GEOMETRY, slices: 12 } });
    const cut = whole.map((file, n) => (n === 7 ? file.subarray(0, file.length - 4000) : file));
    const input = await write('cut', cut);
    const { code, complaints } = await segment(input, `${input}-out`);
    assert.equal(code, 2, complaints.join('\n'));
    assert.equal(complaints.length, 1);
    assert.match(complaints[0]!, /^hepar segment: The file of image 8 is damaged: .*28768.*\.$/);
    assert.deepEqual(await readdir(`${input}-out`), []);
  });
});

function uidsOf(options: PhantomOptions): Record<string, string> {
  const { studyInstanceUid, seriesInstanceUid } = makePhantomSeries(options);
  return { StudyInstanceUID: studyInstanceUid, SeriesInstanceUID: seriesInstanceUid };
}
