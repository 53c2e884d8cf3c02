import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import { createArchive } from '../../server/src/dicomweb/archive.ts';
import { type FindingsDocument, findingsSchema } from '../../server/src/findings/schema.ts';
import type { PhantomSeries } from '../../server/src/phantom/series.ts';
import { readSeg } from '../../server/src/reports/read-seg.ts';
import { AFTER, BEFORE, scanAt, scanMoved } from '../support/next-scan.ts';
import { startTestOrthanc } from '../support/orthanc.ts';

const COMMAND = fileURLToPath(new URL('../../server/src/cli/main.ts', import.meta.url));

describe('the next scan of the same patient', function () {
  this.timeout(600_000);
  let scratch: string;
  let orthanc: RunningOrthanc;
  const first = scanAt('20251003', BEFORE);
  const second = scanMoved();
  const namesake = scanAt('20260203', AFTER, { PatientName: 'Another^Person' });
  const nobody = scanAt('20260204', AFTER, { PatientID: '' });
  let earlier: FindingsDocument;
  let later: FindingsDocument;

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'hepar-priors-'));
    orthanc = await startTestOrthanc();
    const { dicomWebUrl: url, username, password } = orthanc;
    const archive = createArchive({ url, username, password });
    for (const series of [first, second, namesake, nobody]) {
      const files = Array.from(series.instances(), ({ bytes }) => bytes);
      await archive.store(files, series.studyInstanceUid);
    }
    archive.close();
  });

  after(async () => {
    await orthanc?.stop();
    await rm(scratch, { recursive: true, force: true });
  });

  /** Runs the command as a shell does. */
  async function hepar(name: string, args: readonly string[]): Promise<{ stdout: string; findings: FindingsDocument }> {
    const out = join(scratch, name);
    const child = spawn(process.execPath, [COMMAND, 'segment', ...args, '--out', out], {
      env: {
        ...process.env,
        HEPAR_DICOMWEB_USERNAME: orthanc.username,
        HEPAR_DICOMWEB_PASSWORD: orthanc.password,
      },
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    assert.equal(code, 0, stderr);
    return { stdout, findings: findingsSchema.parse(JSON.parse(await readFile(join(out, 'findings.json'), 'utf8'))) };
  }

  const fromArchive = (series: PhantomSeries) => [series.studyInstanceUid, '--dicomweb', orthanc.dicomWebUrl];

  it('finds none before the first, and says nothing of it', async () => {
    ({ findings: earlier } = await hepar('first', [...fromArchive(first), '--store']));
    assert.deepEqual(earlier.priors, { comparison: null, unused: [] });
    assert.deepEqual(earlier.warnings, []);
    assert.equal(earlier.lesions.length, 3);
  });

  it('is read against the earlier result in the archive: what is new, gone, grown and stable, over 90 days', async () => {
    const { findings, stdout } = await hepar('second', [...fromArchive(second), '--store']);
    later = findings;
    const { comparison, unused } = findings.priors!;
    assert.deepEqual(unused, []);
    assert.deepEqual(comparison!.lesions.map(({ change }) => change).sort(), ['gone', 'grown', 'new', 'stable']);
    assert.equal(comparison!.run, earlier.run);
    assert.equal(comparison!.seriesInstanceUID, first.seriesInstanceUid);
    assert.deepEqual(comparison!.seg, earlier.objects.seg);
    assert.equal(comparison!.intervalDays, 90);
    assert.equal(comparison!.alignment.method, 'liver');
    assert.ok(comparison!.alignment.liverDice > 0.9);
    for (const { distanceMm } of comparison!.lesions) assert.ok((distanceMm ?? 0) < 6, `${distanceMm}`);
    // 22 mm to 32 mm: three times the volume.
    const grown = comparison!.lesions.find(({ change }) => change === 'grown')!;
    assert.ok(grown.volumeChangePercent! > 100 && grown.volumeChangePercent! < 350, `${grown.volumeChangePercent}`);
    assert.ok(grown.doublingTimeDays! > 40 && grown.doublingTimeDays! < 90, `${grown.doublingTimeDays}`);
    assert.match(stdout, /earlier scan, 90 days before .*1 new, 1 grown, 1 stable, 1 gone/);
    assert.match(stdout, /Sum of target diameters .* no assessment of response/);
  });

  it('has the earlier Tracking UIDs of the lesions that are the same, in the findings and in the SEG', async () => {
    const { comparison } = later.priors!;
    const uidThen = (segment: number) =>
      earlier.lesions.find(({ segmentNumber }) => segmentNumber === segment)!.trackingUid;
    const seg = readSeg(await readFile(join(scratch, 'second', 'segmentation.dcm')));
    for (const { change, lesions, priors } of comparison!.lesions) {
      if (lesions.length === 0) continue;
      const lesion = later.lesions.find(({ number }) => number === lesions[0])!;
      const inSeg = seg.segments.find(({ number }) => number === lesion.segmentNumber)!.trackingUid;
      assert.equal(inSeg, lesion.trackingUid);
      const known = earlier.lesions.some(({ trackingUid }) => trackingUid === lesion.trackingUid);
      assert.equal(known, change !== 'new');
      if (priors[0]) assert.equal(lesion.trackingUid, uidThen(priors[0].segmentNumber));
    }
  });

  it('is read against a result in files that is named with --prior: the same, by the SEG alone', async () => {
    const dir = join(scratch, 'ct');
    await mkdir(dir);
    for (const { bytes, k } of second.instances()) await writeFile(join(dir, `${k}.dcm`), bytes);
    const { findings } = await hepar('named', [dir, '--prior', join(scratch, 'first')]);
    const told = ({ priors }: FindingsDocument) =>
      priors!.comparison!.lesions.map((each) => ({
        change: each.change,
        lesions: each.lesions,
        priors: each.priors.map(({ segmentNumber, trackingUid, volumeMl }) => ({
          segmentNumber,
          trackingUid,
          volumeMl,
        })),
      }));
    assert.deepEqual(told(findings), told(later));
    assert.equal(findings.priors!.comparison!.intervalDays, 90);
    // Another content has another name.
    assert.notEqual(findings.run, later.run);
  });

  it('is never read against another’s, however alike the IDs; the reason is said without a name', async () => {
    const { findings, stdout } = await hepar('namesake', fromArchive(namesake));
    assert.equal(findings.priors!.comparison, null);
    assert.deepEqual(new Set(findings.priors!.unused.map(({ code }) => code)), new Set(['other-name']));
    assert.deepEqual(new Set(findings.warnings.map(({ code }) => code)), new Set(['prior-other-name']));
    assert.match(stdout, /Note: An earlier result was not used: its Patient’s Name is another\./);
    assert.ok(!/Another|Phantom\^/.test(stdout));
  });

  it('without a Patient ID is read against none, and says so; with --no-priors nothing is looked for', async () => {
    const { findings } = await hepar('nobody', fromArchive(nobody));
    assert.deepEqual(findings.priors, { comparison: null, unused: [] });
    assert.deepEqual(
      findings.warnings.map(({ code }) => code),
      ['no-patient-id', 'priors-not-searched'],
    );
    const none = await hepar('none', [...fromArchive(second), '--no-priors']);
    assert.equal(none.findings.priors, null);
    assert.notEqual(none.findings.run, later.run);
  });
});
