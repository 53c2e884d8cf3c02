import { deepStrictEqual, match, ok, strictEqual } from 'node:assert';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import { parseInstance } from '../../server/src/dicom/parse.ts';
import type { Archive } from '../../server/src/dicomweb/archive.ts';
import { type FindingsDocument, findingsSchema } from '../../server/src/findings/schema.ts';
import { scoreAgainstTruth } from '../../server/src/phantom/score.ts';
import { collectSeries, makePhantomSeries, SMALL_GEOMETRY } from '../../server/src/phantom/series.ts';
import { readSeg } from '../../server/src/reports/read-seg.ts';
import { startTestOrthanc, withArchive } from '../support/orthanc.ts';
import { COARSE, writeTinyModel } from '../unit/inference/tiny-model.ts';

const COMMAND = fileURLToPath(new URL('../../server/src/cli/main.ts', import.meta.url));

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The `hepar` command as a shell runs it, its output in pipes. @param stopAt what it says when somebody presses Ctrl-C */
function hepar(args: readonly string[], environment: Record<string, string> = {}, stopAt?: RegExp): Promise<Result> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [COMMAND, ...args], { env: { ...process.env, ...environment } });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (data) => {
      output.stdout += data;
    });
    child.stderr.on('data', (data) => {
      const isNew = !stopAt?.test(output.stderr);
      output.stderr += data;
      if (isNew && stopAt?.test(output.stderr)) child.kill('SIGINT');
    });
    child.on('close', (code) => resolve({ code, ...output }));
  });
}

/** What a person is told, without the lines of progress. */
const complaint = (stderr: string) => stderr.split('\n').filter((line) => line && !/^[\d.]+ s \w+ \d+%$/.test(line));

describe('hepar segment', function () {
  this.timeout(300_000);
  let scratch: string;
  let orthanc: RunningOrthanc;
  const phantom = makePhantomSeries({ seed: 4, geometry: SMALL_GEOMETRY });
  const { instances, truth } = collectSeries(phantom);

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'hepar-cli-'));
    await writeSeries('ct', instances);
    orthanc = await startTestOrthanc();
    await inArchive((archive) =>
      archive.store(
        instances.map(({ bytes }) => bytes),
        phantom.studyInstanceUid,
      ),
    );
  });

  after(async () => {
    await orthanc?.stop();
    await rm(scratch, { recursive: true, force: true });
  });

  async function writeSeries(folder: string, files: readonly { bytes: Uint8Array }[]): Promise<string> {
    const dir = join(scratch, folder);
    await mkdir(dir, { recursive: true });
    for (const [index, { bytes }] of files.entries()) await writeFile(join(dir, `${folder}-${index}.dcm`), bytes);
    return dir;
  }

  const inArchive = <T>(work: (archive: Archive) => Promise<T>) => withArchive(orthanc, work);

  const credentials = () => ({ HEPAR_DICOMWEB_USERNAME: orthanc.username, HEPAR_DICOMWEB_PASSWORD: orthanc.password });
  const readFindings = async (out: string) =>
    findingsSchema.parse(JSON.parse(await readFile(join(out, 'findings.json'), 'utf8')));

  it('finds the liver of a phantom where it is, slice by slice', async () => {
    const out = join(scratch, 'out-folder');
    const { code, stdout, stderr } = await hepar(['segment', join(scratch, 'ct'), '--out', out]);
    strictEqual(code, 0, stderr);
    deepStrictEqual((await readdir(out)).sort(), [
      'findings.json',
      'mask',
      'mask-liver',
      'preview.png',
      'report.dcm',
      'secondary-capture',
      'segmentation.dcm',
    ]);
    match(stdout, /^Liver [\d.]+ ml\./);
    match(stdout, /Research use only/);
    match(stderr, /segment \d+%/);

    const found = new Uint16Array(truth.labels.length);
    const pixels = SMALL_GEOMETRY.rows * SMALL_GEOMETRY.columns;
    const kOf = new Map(instances.map(({ sopInstanceUid, k }) => [sopInstanceUid, k]));
    for (const frame of readSeg(await readFile(join(out, 'segmentation.dcm'))).frames) {
      const k = kOf.get(frame.sourceSopInstanceUid ?? '');
      ok(k !== undefined, 'every frame refers to a slice of the source');
      const mask = frame.mask();
      for (let pixel = 0; pixel < pixels; pixel++) if (mask[pixel]) found[k * pixels + pixel] = frame.segmentNumber;
    }
    const { liverDice } = scoreAgainstTruth({ truth: truth.labels, found, voxelVolumeMl: 1 });
    ok(liverDice > 0.8, `the liver's Dice coefficient is ${liverDice}`);

    const findings = await readFindings(out);
    strictEqual(findings.engine.timingsMs.store, null);
    const report = parseInstance(await readFile(join(out, 'report.dcm')));
    strictEqual(report.sopInstanceUid, findings.objects.sr?.sopInstanceUID);
    strictEqual(findings.series.slices, SMALL_GEOMETRY.slices);
  });

  it('gives the same result from a zip, and from the archive, where it stores nothing unasked', async () => {
    const zip = join(scratch, 'ct.zip');
    const entries = instances.map(({ bytes }, index) => [`a/b/${index}`, bytes] as const);
    await writeFile(
      zip,
      zipSync({ ...Object.fromEntries(entries), 'README.txt': Buffer.from('no DICOM') }, { level: 0 }),
    );
    const reference = await readFindings(join(scratch, 'out-folder'));

    const fromZip = join(scratch, 'out-zip');
    strictEqual((await hepar(['segment', zip, '--out', fromZip])).code, 0);
    const { studyInstanceUid, seriesInstanceUid } = phantom;
    const fromArchive = join(scratch, 'out-archive');
    const input = `${studyInstanceUid}/${seriesInstanceUid}`;
    const args = ['segment', input, '--out', fromArchive, '--dicomweb', orthanc.dicomWebUrl];
    const { code, stderr } = await hepar(args, credentials());
    strictEqual(code, 0, stderr);
    for (const out of [fromZip, fromArchive]) {
      const { run, lesions, liver, lesionBurdenMl } = await readFindings(out);
      deepStrictEqual(
        { run, lesions, liver, lesionBurdenMl },
        {
          run: reference.run,
          lesions: reference.lesions,
          liver: reference.liver,
          lesionBurdenMl: reference.lesionBurdenMl,
        },
      );
    }
    const series = await inArchive((archive) => archive.findSeries(studyInstanceUid));
    deepStrictEqual(
      series.map(({ modality }) => modality),
      ['CT'],
    );
  });

  it('stores the result with --store: the same bytes that it wrote, beside the source', async () => {
    const out = join(scratch, 'out-stored');
    const args = ['segment', phantom.studyInstanceUid, '--out', out, '--dicomweb', orthanc.dicomWebUrl, '--store'];
    const { code, stderr } = await hepar(args, credentials());
    strictEqual(code, 0, stderr);
    const { objects, engine } = await readFindings(out);
    ok(engine.timingsMs.store !== null);
    const stored: Uint8Array[] = [];
    await inArchive(async (archive) => {
      for await (const file of archive.retrieveSeries(phantom.studyInstanceUid, objects.seg!.seriesInstanceUID))
        stored.push(file);
    });
    strictEqual(stored.length, 1);
    const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    strictEqual(sha256(stored[0]!), sha256(await readFile(join(out, 'segmentation.dcm'))));
    const series = await inArchive((archive) => archive.findSeries(phantom.studyInstanceUid));
    deepStrictEqual(series.map(({ modality }) => modality).sort(), ['CT', 'OT', 'SEG', 'SR']);
  });

  it('reads back with --store what the archive has already, and stores nothing; anew only when asked to', async () => {
    const args = ['segment', phantom.studyInstanceUid, '--dicomweb', orthanc.dicomWebUrl, '--store'];
    const stored = () => inArchive((archive) => archive.findSeries(phantom.studyInstanceUid));
    const before = await stored();
    const first = join(scratch, 'out-stored');
    const out = join(scratch, 'out-read-back');
    const { code, stdout, stderr } = await hepar([...args, '--out', out], credentials());
    strictEqual(code, 0, stderr);
    ok(stdout.includes('The archive has this result already.'), stdout);
    deepStrictEqual(await stored(), before);
    deepStrictEqual(
      (await readdir(out, { recursive: true })).sort(),
      (await readdir(first, { recursive: true })).sort(),
    );
    for (const name of (await readdir(out, { recursive: true })).filter((file) => /\.(dcm|png)$/.test(file))) {
      deepStrictEqual(await readFile(join(out, name)), await readFile(join(first, name)), name);
    }
    const known = ({ run, lesions, liver, objects }: FindingsDocument) => ({ run, lesions, liver, objects });
    deepStrictEqual(known(await readFindings(out)), known(await readFindings(first)));

    const anew = join(scratch, 'out-anew');
    const again = await hepar([...args, '--again', '--out', anew], credentials());
    strictEqual(again.code, 0, again.stderr);
    const { run, supersedes } = await readFindings(anew);
    ok(run !== (await readFindings(first)).run);
    strictEqual(supersedes, (await readFindings(first)).run);
    strictEqual((await stored()).length, before.length + 3);
    const refused = await hepar(['segment', phantom.studyInstanceUid, '--out', anew, '--again'], credentials());
    strictEqual(refused.code, 1);
    deepStrictEqual(complaint(refused.stderr), ['hepar segment: --again needs --store.']);
  });

  it('takes another name for a result of which an attempt that was cut off left a part in the archive', async () => {
    const other = makePhantomSeries({ seed: 5, geometry: SMALL_GEOMETRY });
    const slices = Array.from(other.instances(), ({ bytes }) => bytes);
    await inArchive((archive) => archive.store(slices, other.studyInstanceUid));
    // Which voxels it finds is of no account here.
    const model = join(scratch, 'model');
    await writeTinyModel(model, COARSE);
    const args = ['segment', other.studyInstanceUid, '--dicomweb', orthanc.dicomWebUrl, '--model', model];
    const cutOff = join(scratch, 'out-cut-off');
    strictEqual((await hepar([...args, '--out', cutOff], credentials())).code, 0);
    const seg = await readFile(join(cutOff, 'segmentation.dcm'));
    await inArchive((archive) => archive.store([seg], other.studyInstanceUid));
    const whole = join(scratch, 'out-whole');
    const { code, stderr } = await hepar([...args, '--out', whole, '--store'], credentials());
    strictEqual(code, 0, stderr);
    const { run, objects } = await readFindings(whole);
    ok(run !== (await readFindings(cutOff)).run);
    const inside = await inArchive((archive) =>
      archive.retrieveInstance(other.studyInstanceUid, objects.seg!.seriesInstanceUID, objects.seg!.sopInstanceUID),
    );
    deepStrictEqual(Buffer.from(inside), await readFile(join(whole, 'segmentation.dcm')));
  });

  it('lists several suitable series with exit code 2, and takes the one that is named', async () => {
    const other = makePhantomSeries({ seed: 4, geometry: { ...SMALL_GEOMETRY, slices: 12 } });
    const dir = join(scratch, 'two');
    await mkdir(dir);
    for (const [index, { bytes }] of [...instances.slice(0, 12), ...other.instances()].entries()) {
      await writeFile(join(dir, String(index)), bytes);
    }
    const out = join(scratch, 'out-two');
    const refused = await hepar(['segment', dir, '--out', out]);
    strictEqual(refused.code, 2);
    ok(refused.stderr.includes(phantom.seriesInstanceUid) && refused.stderr.includes(other.seriesInstanceUid));
    const unknown = await hepar(['segment', dir, '--out', out, '--series', '1.2.3']);
    strictEqual(unknown.code, 2);
    deepStrictEqual(complaint(unknown.stderr), ['hepar segment: There is no series 1.2.3 in the input.']);
  });

  it('says what is wrong with an input in one line, without a stack, and leaves no file', async () => {
    await writeFile(join(scratch, 'text.dcm'), 'this is no DICOM file');
    const slices = await writeSeries('nine', instances.slice(0, 9));
    const gap = await writeSeries(
      'gap',
      instances.filter(({ k }) => k !== 20),
    );
    const cases: readonly [string, string, number, RegExp][] = [
      ['a text file', join(scratch, 'text.dcm'), 2, /no DICOM/],
      ['nine slices', slices, 2, /9 slices/],
      ['a missing slice', gap, 2, /gap of 10/],
      ['no such path', join(scratch, 'nowhere'), 1, /no file or folder/],
    ];
    for (const [name, input, code, reason] of cases) {
      const out = join(scratch, `out-${code}-${name.replaceAll(' ', '-')}`);
      const result = await hepar(['segment', input, '--out', out]);
      strictEqual(result.code, code, `${name}: ${result.stderr}`);
      const lines = complaint(result.stderr);
      strictEqual(lines.length, 1, `${name}: ${result.stderr}`);
      match(lines[0]!, reason);
      deepStrictEqual(existsSync(out) ? await readdir(out) : [], []);
    }
  });

  it('replaces no folder that holds something else than a result', async () => {
    const out = join(scratch, 'out-foreign');
    await mkdir(join(out, 'mask'), { recursive: true });
    await writeFile(join(out, 'mask', 'party.jpg'), 'somebody’s own');
    const { code, stderr } = await hepar(['segment', join(scratch, 'ct'), '--out', out]);
    strictEqual(code, 1, stderr);
    match(complaint(stderr).join(), /folder mask holds party\.jpg/);
    deepStrictEqual(await readdir(out), ['mask']);
    deepStrictEqual(await readdir(join(out, 'mask')), ['party.jpg']);
  });

  it('stops at once on Ctrl-C and leaves nothing half-written', async () => {
    const out = join(scratch, 'out-cancelled');
    const { code, stderr } = await hepar(['segment', join(scratch, 'ct'), '--out', out], {}, /segment \d+%/);
    strictEqual(code, 130, stderr);
    deepStrictEqual(complaint(stderr), ['hepar segment: cancelled']);
    ok(!/report \d+%/.test(stderr), 'it went on to the end');
    deepStrictEqual(await readdir(out), []);
  });

  it('names a wrong call and an archive that is not there', async () => {
    strictEqual((await hepar(['segment', scratch])).code, 1);
    strictEqual((await hepar(['segment', scratch, '--out', scratch, '--provider', 'abacus'])).code, 1);
    strictEqual((await hepar(['nonsense'])).code, 1);
    const down = await hepar([
      'segment',
      '1.2.3',
      '--out',
      join(scratch, 'out-down'),
      '--dicomweb',
      'http://127.0.0.1:9/dicom-web',
    ]);
    strictEqual(down.code, 1);
    match(complaint(down.stderr).join(), /127\.0\.0\.1:9/);
  });

  it('refuses each of the odd real series with a line of its own', async function () {
    const data = process.env.HEPAR_TEST_DATA;
    if (!data) return this.skip();
    const folders = await readdir(join(data, 'odd-series'));
    ok(folders.length >= 4);
    for (const folder of folders) {
      const out = join(scratch, `out-${folder}`);
      const { code, stderr } = await hepar(['segment', join(data, 'odd-series', folder), '--out', out]);
      strictEqual(code, 2, `${folder}: ${stderr}`);
      strictEqual(complaint(stderr).length, 1, stderr);
    }
  });
});
