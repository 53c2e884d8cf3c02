import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import { type Archive, createArchive } from '../../server/src/dicomweb/archive.ts';
import { startTestOrthanc } from '../support/orthanc.ts';
import { smallDicomFile } from '../support/small-dicom.ts';

const STUDY = '2.25.1000';
const SERIES = '2.25.1001';
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const run = promisify(execFile);

/** By dcmtk and GDCM: JPEG lossless, JPEG 2000, JPEG-LS, RLE; implicit, big endian, deflated. */
const CONVERSIONS = [
  ['gdcmconv', '--jpeg'],
  ['gdcmconv', '--j2k'],
  ['gdcmconv', '--jpegls'],
  ['gdcmconv', '--rle'],
  ['dcmconv', '+ti'],
  ['dcmconv', '+tb'],
  ['dcmconv', '+td'],
] as const;

/** A slice of 512 x 512 that differs from every other in its values. */
function slice(n: number, seriesUid = SERIES): Uint8Array {
  return smallDicomFile({
    studyUid: STUDY,
    seriesUid,
    sopInstanceUid: `${seriesUid}.${n + 1}`,
    instanceNumber: n + 1,
    rows: 512,
    columns: 512,
    pixels: new Uint8Array(Uint16Array.from({ length: 512 * 512 }, (_, i) => (i * (n + 3)) & 0xfff).buffer),
  });
}

describe('a real Orthanc over DICOMweb', () => {
  let orthanc: RunningOrthanc;
  let archive: Archive;
  const files = Array.from({ length: 12 }, (_, n) => slice(n));

  before(async () => {
    orthanc = await startTestOrthanc();
    archive = connect();
    await archive.store(files, STUDY);
  });
  after(async () => {
    archive?.close();
    await orthanc?.stop();
  });
  const connect = (options: { password?: string; idleTimeoutMs?: number } = {}): Archive =>
    createArchive({
      url: orthanc.dicomWebUrl,
      username: orthanc.username,
      password: orthanc.password,
      retry: { firstDelayMs: 20 },
      ...options,
    });
  const hashes = async (series: AsyncIterable<Uint8Array>): Promise<string[]> => {
    const all: string[] = [];
    for await (const file of series) all.push(sha256(file));
    return all.sort();
  };

  it('gives back every byte that was stored', async () => {
    const [series] = await archive.findSeries(STUDY);
    assert.deepEqual(series, {
      seriesInstanceUid: SERIES,
      modality: 'CT',
      description: 'test',
      seriesNumber: null,
      instances: 12,
    });
    const instances = await archive.findInstances(STUDY, SERIES);
    assert.deepEqual([...instances].sort(), files.map((_, n) => `${SERIES}.${n + 1}`).sort());
    assert.deepEqual(await hashes(archive.retrieveSeries(STUDY, SERIES, { instances })), files.map(sha256).sort());
  });

  it('says the same when the same bytes are stored again', async () => {
    const { stored, warnings } = await archive.store(files.slice(0, 2), STUDY);
    assert.deepEqual(stored, [`${SERIES}.1`, `${SERIES}.2`]);
    assert.deepEqual(warnings, []);
  });

  it('refuses to have stored an object under another study than its own', async () => {
    await assert.rejects(archive.store(files.slice(0, 1), '2.25.9999'), {
      name: 'StoreFailed',
      failures: [{ sopInstanceUid: `${SERIES}.1`, reason: 0x0110 }],
    });
  });

  it('finds nothing where nothing is', async () => {
    assert.deepEqual(await archive.findSeries('2.25.404'), []);
    assert.deepEqual(await archive.findInstances(STUDY, '2.25.404'), []);
    await assert.rejects(hashes(archive.retrieveSeries(STUDY, '2.25.404')), { name: 'NotFound' });
    await assert.rejects(hashes(archive.retrieveSeries(STUDY, SERIES, { instances: [`${SERIES}.1`, '2.25.405'] })), {
      name: 'NotFound',
    });
  });

  it('says that the password is wrong, without saying the password', async () => {
    const wrong = connect({ password: 'not-the-password' });
    for (const attempt of [
      () => wrong.ping(),
      () => wrong.findSeries(STUDY),
      () => hashes(wrong.retrieveSeries(STUDY, SERIES)),
      () => wrong.store(files.slice(0, 1), STUDY),
    ]) {
      await assert.rejects(attempt, (error: Error & { status?: number }) => {
        assert.equal(error.status, 401);
        assert.match(error.message, /^The archive answered 401 .*\.$/);
        assert.doesNotMatch(error.message, /not-the-password/);
        return true;
      });
    }
    wrong.close();
    await archive.ping();
  });

  it('stops at once when it is cancelled in mid-transfer, and Orthanc goes on serving', async () => {
    const controller = new AbortController();
    const reason = new Error('the user cancelled');
    const begun = performance.now();
    await assert.rejects(
      async () => {
        for await (const _ of archive.retrieveSeries(STUDY, SERIES, { signal: controller.signal }))
          controller.abort(reason);
      },
      (error) => error === reason,
    );
    assert.ok(performance.now() - begun < 2000);
    assert.equal((await hashes(archive.retrieveSeries(STUDY, SERIES))).length, 12);
  });

  it('never takes a transfer for whole that a stopping archive has cut off', async () => {
    const doomed = await startTestOrthanc();
    const other = createArchive({ ...doomed, url: doomed.dicomWebUrl, retry: { tries: 2, firstDelayMs: 20 } });
    try {
      // More than the buffers of a connection hold.
      const many = Array.from({ length: 40 }, (_, n) => slice(n));
      const known = new Set(many.map(sha256));
      await other.store(many, STUDY);
      let delivered = 0;
      await assert.rejects(
        async () => {
          for await (const file of other.retrieveSeries(STUDY, SERIES)) {
            delivered += 1;
            assert.ok(known.has(sha256(file)), 'an instance is not as it was stored');
            if (delivered === 1) await doomed.stop();
            await sleep(20);
          }
        },
        (error: Error) => ['ArchiveUnreachable', 'BrokenTransfer'].includes(error.name),
      );
      assert.ok(
        delivered < many.length,
        `all ${delivered} instances came from an archive that was stopped after the first`,
      );
    } finally {
      other.close();
      await doomed.stop();
    }
  });

  it('gives compressed and odd transfer syntaxes back as they were stored', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hepar-syntaxes-'));
    try {
      const files: Uint8Array[] = [];
      for (const [n, [command, ...options]] of CONVERSIONS.entries()) {
        const [from, to] = [join(dir, `${n}.source.dcm`), join(dir, `${n}.dcm`)];
        await writeFile(from, slice(n, '2.25.1002'));
        await run(command, [...options, from, to]);
        files.push(await readFile(to));
      }
      await archive.store(files, STUDY);
      assert.deepEqual(await hashes(archive.retrieveSeries(STUDY, '2.25.1002')), files.map(sha256).sort());
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it('gives a real CT series back byte for byte', async function () {
    const data = process.env.HEPAR_TEST_DATA;
    if (!data) this.skip();
    const dir = join(data, 'hcc-tace-015/late-arterial');
    const real = await Promise.all((await readdir(dir)).map((name) => readFile(join(dir, name))));
    const studyUid = '1.3.6.1.4.1.14519.5.2.1.1706.8374.201449857911746588486955464482';
    await archive.store(real, studyUid);
    const [series] = await archive.findSeries(studyUid);
    assert.ok(series);
    assert.deepEqual(await hashes(archive.retrieveSeries(studyUid, series.seriesInstanceUid)), real.map(sha256).sort());
  });
});
