import { deepEqual, doesNotMatch, equal, match, notEqual, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decode } from 'fast-png';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import { parseInstance } from '../../server/src/dicom/parse.ts';
import { type Archive, createArchive } from '../../server/src/dicomweb/archive.ts';
import { type FindingsDocument, findingsSchema } from '../../server/src/findings/schema.ts';
import type { ErrorView, Readiness } from '../../server/src/http/contract.ts';
import { installedProviders } from '../../server/src/inference/provider.ts';
import { collectSeries, makePhantomSeries, SMALL_GEOMETRY } from '../../server/src/phantom/series.ts';
import { PHASES } from '../../server/src/progress.ts';
import { readSeg } from '../../server/src/reports/read-seg.ts';
import { type FaultyArchive, startFaultyArchive } from '../support/faulty-archive.ts';
import { startTestOrthanc } from '../support/orthanc.ts';
import { engineOf, type ServeProcess, startServe } from '../support/serve.ts';
import { isIn, json, readEvents, until } from '../unit/http/support.ts';

const ENDED = isIn('done', 'refused', 'failed', 'cancelled');
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** `hepar serve` as a user runs it, with the bundled model, on a real archive. The tests build on one another. */
describe('the companion server on a real archive', function () {
  this.timeout(300_000);
  const phantom = makePhantomSeries({ seed: 4, geometry: SMALL_GEOMETRY });
  const tooShort = makePhantomSeries({ seed: 4, geometry: { ...SMALL_GEOMETRY, slices: 9 } });
  const source = collectSeries(phantom).instances;
  const outputs: string[] = [];
  let dataDir: string;
  let orthanc: RunningOrthanc;
  let faulty: FaultyArchive;
  let archive: Archive;
  let server: ServeProcess;
  let firstId: string;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hepar-server-'));
    orthanc = await startTestOrthanc();
    const { dicomWebUrl: url, username, password } = orthanc;
    archive = createArchive({ url, username, password });
    faulty = await startFaultyArchive(url);
    await archive.store(
      source.map(({ bytes }) => bytes),
      phantom.studyInstanceUid,
    );
    const few = collectSeries(tooShort).instances.map(({ bytes }) => bytes);
    await archive.store(few, tooShort.studyInstanceUid);
    server = await serve();
  });

  after(async () => {
    await server?.end('SIGTERM');
    archive?.close();
    await faulty?.close();
    await orthanc?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const serve = (environment: Record<string, string> = {}) =>
    startServe({
      ...environment,
      HEPAR_DATA: dataDir,
      HEPAR_DICOMWEB_URL: faulty.url,
      HEPAR_DICOMWEB_USERNAME: orthanc.username,
      HEPAR_DICOMWEB_PASSWORD: orthanc.password,
      HEPAR_LOG_LEVEL: 'debug',
    });
  const restartedAfter = async (signal: NodeJS.Signals, environment: Record<string, string> = {}) => {
    const end = await server.end(signal);
    outputs.push(server.output());
    server = await serve(environment);
    return end;
  };
  const post = (body: object) =>
    fetch(`${server.url}/api/segmentations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const ask = (repeat = 0, { studyInstanceUid, seriesInstanceUid } = phantom) =>
    post({ studyInstanceUID: studyInstanceUid, seriesInstanceUID: seriesInstanceUid, repeat });
  const get = (path: string) => fetch(`${server.url}/api/segmentations/${path}`);
  const ended = (id: string) => until(server.url, id, ENDED, 60_000);
  const segmenting = (id: string) =>
    until(server.url, id, ({ phase, fraction }) => phase === 'segment' && fraction! > 0, 60_000);
  const findingsOf = async (id: string) => findingsSchema.parse(await json<FindingsDocument>(get(`${id}/findings`)));

  /** Every series of the study that is not the CT's. */
  async function resultsInArchive(): Promise<string[]> {
    const all = await archive.findSeries(phantom.studyInstanceUid);
    return all.map(({ seriesInstanceUid }) => seriesInstanceUid).filter((uid) => uid !== phantom.seriesInstanceUid);
  }

  async function modalitiesInArchive(): Promise<(string | null)[]> {
    return (await archive.findSeries(phantom.studyInstanceUid)).map(({ modality }) => modality);
  }

  /** The series that a result's findings name: SEG, SR, pictures. */
  function seriesOf({ objects }: FindingsDocument): string[] {
    return Object.values(objects).map((object) => object!.seriesInstanceUID);
  }

  async function bytesInArchive(seriesUid: string): Promise<Uint8Array> {
    const files: Uint8Array[] = [];
    for await (const file of archive.retrieveSeries(phantom.studyInstanceUid, seriesUid)) files.push(file);
    equal(files.length, 1, 'a result is one object');
    return files[0]!;
  }

  it('segments a series, tells how far it is all the way, and puts the result into the study', async () => {
    const asked = await ask();
    equal(asked.status, 202);
    firstId = (await json(asked)).id;
    equal(asked.headers.get('location'), `/api/segmentations/${firstId}`);
    const events = await readEvents(await get(`${firstId}/events`));
    const last = events.at(-1)!.run;
    equal(last.state, 'done', JSON.stringify(last));
    deepEqual([last.attempt, last.progress, last.remainingMs], [1, 1, null]);
    const during = events.map(({ run }) => run).filter(({ phase, state }) => phase !== null && state === 'running');
    const phases = [...new Set(during.map(({ phase }) => phase))];
    deepEqual(
      phases,
      PHASES.filter((phase) => phases.includes(phase)),
      'phases come in their order',
    );
    // A short series may have arrived before the first event goes out.
    ok(phases.includes('segment'), phases.join());
    const fractions = during.filter(({ phase }) => phase === 'segment').map(({ fraction }) => fraction!);
    ok(
      fractions.some((fraction) => fraction > 0 && fraction < 1),
      fractions.join(),
    );
    const whole = during.map(({ progress }) => progress!);
    deepEqual(
      whole,
      whole.toSorted((a, b) => a - b),
      'progress never goes back',
    );
    ok(during.some(({ remainingMs, elapsedMs }) => remainingMs! > 0 && elapsedMs! > 0));

    const findings = await findingsOf(firstId);
    ok(findings.liver.volumeMl > 500 && findings.engine.timingsMs.store !== null);
    equal(findings.series.slices, SMALL_GEOMETRY.slices);
    const preview = decode(new Uint8Array(await (await get(`${firstId}/preview`)).arrayBuffer()));
    ok(preview.width > 100 && preview.height > 100);
    ok(new Set(preview.data).size > 16, 'the picture shows something');

    deepEqual((await resultsInArchive()).sort(), seriesOf(findings).sort());
    const report = parseInstance(await bytesInArchive(findings.objects.sr!.seriesInstanceUID));
    equal(report.sopInstanceUid, findings.objects.sr!.sopInstanceUID);
    const seg = await bytesInArchive(findings.objects.seg!.seriesInstanceUID);
    const { frames, segments } = readSeg(seg);
    deepEqual(
      segments.map(({ number, trackingUid }) => (number === 1 ? 'liver' : trackingUid)),
      ['liver', ...findings.lesions.map(({ trackingUid }) => trackingUid)],
    );
    const slices = new Set(source.map(({ sopInstanceUid }) => sopInstanceUid));
    ok(frames.length > 10 && frames.every(({ sourceSopInstanceUid }) => slices.has(sourceSopInstanceUid!)));
    const [ct, result] = [source[0]!.bytes, seg].map((bytes) => parseInstance(bytes).dataset);
    // Patient's Name, Patient ID, Study Instance UID, Frame of Reference UID.
    for (const tag of ['00100010', '00100020', '0020000d', '00200052']) equal(result!.text(tag), ct!.text(tag), tag);
  });

  it('knows the same request again: the same run, and no second object in the archive', async () => {
    const asked = await ask();
    equal(asked.status, 200);
    const { id, state } = await json(asked);
    deepEqual([id, state], [firstId, 'done']);
    equal((await resultsInArchive()).length, 3);
  });

  it('refuses a series of nine slices, with the reason and its figures', async () => {
    const { id } = await json(await ask(0, tooShort));
    const run = await ended(id);
    equal(run.state, 'refused', JSON.stringify(run));
    deepEqual([run.refusal!.code, run.refusal!.figures], ['too-few-slices', { slices: 9, needed: 10 }]);
    match(run.refusal!.message, /9 slices/);
    equal((await archive.findSeries(tooShort.studyInstanceUid)).length, 1);
  });

  it('answers 404 for a series that the archive does not have, 422 for what is no UID', async () => {
    const unknown = await post({ studyInstanceUID: phantom.studyInstanceUid, seriesInstanceUID: '1.2.3' });
    equal(unknown.status, 404);
    equal((await json<ErrorView>(unknown)).error.code, 'unknown-series');
    equal((await post({ studyInstanceUID: phantom.studyInstanceUid, seriesInstanceUID: '1/2' })).status, 422);
    equal((await post({ studyInstanceUID: phantom.studyInstanceUid })).status, 422);
  });

  it('answers 502 and is not ready while the archive is down or does not let us in, and says which it is', async () => {
    for (const [fault, reason] of [
      ['down', /cannot be reached: connection closed/],
      ['wrong password', /401 \(user name, password or token missing or wrong\)/],
    ] as const) {
      faulty.fault = fault;
      const [asked, ready] = await Promise.all([ask(9), fetch(`${server.url}/readyz`)]);
      faulty.fault = 'none';
      deepEqual([asked.status, ready.status], [502, 503]);
      const { message } = (await json<ErrorView>(asked)).error;
      match(message, reason);
      doesNotMatch(message, /http|127\.0\.0\.1/, 'where the archive is concerns nobody who reads');
      match((await json<Readiness>(ready)).checks.archive.reason!, reason);
    }
    equal((await fetch(`${server.url}/readyz`)).status, 200);
  });

  it('does a run again whose engine was killed, once; and stores nothing of one that was cancelled', async () => {
    const killed = await json(await ask(1));
    await segmenting(killed.id);
    process.kill(await engineOf(server.child.pid!), 'SIGKILL');
    const waiting = await until(server.url, killed.id, ({ failure }) => failure !== null);
    deepEqual([waiting.state, waiting.failure!.code], ['queued', 'engine-crashed']);

    const done = await ended(killed.id);
    deepEqual([done.state, done.attempt, done.supersedes], ['done', 2, firstId], JSON.stringify(done));
    const [first, second] = [await findingsOf(firstId), await findingsOf(killed.id)];
    equal(second.supersedes, firstId);
    notEqual(second.objects.seg!.sopInstanceUID, first.objects.seg!.sopInstanceUID);
    notEqual(second.objects.seg!.seriesInstanceUID, first.objects.seg!.seriesInstanceUID);
    deepEqual(new Set(await resultsInArchive()), new Set([...seriesOf(first), ...seriesOf(second)]));
    deepEqual(
      second.lesions.map(withoutIdentity),
      first.lesions.map(withoutIdentity),
      'the same series, the same findings',
    );

    const cancelled = await json(await ask(2));
    await segmenting(cancelled.id);
    equal((await fetch(`${server.url}/api/segmentations/${cancelled.id}`, { method: 'DELETE' })).status, 202);
    equal((await ended(cancelled.id)).state, 'cancelled');
    deepEqual(new Set(await resultsInArchive()), new Set([...seriesOf(first), ...seriesOf(second)]));
  });

  it('goes on after a stop and after a kill, and never makes a second content of what was stored already', async () => {
    const before = await resultsInArchive();
    const reportsBefore = (await modalitiesInArchive()).filter((modality) => modality === 'SR').length;
    const { id } = await json(await ask(3));
    await segmenting(id);
    equal(await restartedAfter('SIGTERM'), 0);

    // Stored, but nobody heard of it: the worst moment for a server to die. The report is not there yet.
    faulty.fault = 'store unanswered';
    while ((await resultsInArchive()).length === before.length) {
      ok(!ENDED(await json(get(id))));
      await sleep(100);
    }
    equal(
      (await modalitiesInArchive()).filter((modality) => modality === 'SR').length,
      reportsBefore,
      'the SR is last',
    );
    const onDisk = sha256(await readFile(join(dataDir, 'runs', id, 'segmentation.dcm')));
    equal(await restartedAfter('SIGKILL'), 'SIGKILL');
    faulty.fault = 'none';
    const waiting = await json(get(id));
    deepEqual([waiting.state, waiting.failure!.code], ['queued', 'interrupted']);

    const done = await ended(id);
    deepEqual([done.state, done.attempt], ['done', 2], JSON.stringify(done));
    const findings = await findingsOf(id);
    const { seg } = findings.objects;
    deepEqual(new Set(await resultsInArchive()), new Set([...before, ...seriesOf(findings)]));
    equal(sha256(await bytesInArchive(seg!.seriesInstanceUID)), onDisk);
  });

  it('fails a run at once, and says why, when the GPU that is configured is not there', async function () {
    if (installedProviders().includes('cuda')) return this.skip();
    const before = await resultsInArchive();
    await restartedAfter('SIGTERM', { HEPAR_PROVIDER: 'cuda' });
    const failed = await ended((await json(await ask(5))).id);
    deepEqual([failed.state, failed.attempt, failed.failure!.code], ['failed', 1, 'provider-error']);
    match(failed.failure!.message, /^provider cuda cannot run this model here: .*not installed/);
    deepEqual(await resultsInArchive(), before, 'nothing was computed elsewhere');
  });

  it('keeps what names patients from other users of the machine', async () => {
    for (const folder of ['queue', 'runs']) equal((await stat(join(dataDir, folder))).mode & 0o077, 0, folder);
  });

  it('logs JSON lines that name no patient and no secret', () => {
    const log = [...outputs, server.output()].join('\n');
    ok(log.includes('"run ends"') && log.includes('"attempt failed"') && log.includes('"request failed"'));
    for (const line of log.split('\n')) ok(JSON.parse(line).time > 0, line);
    const { dataset } = parseInstance(source[0]!.bytes);
    // Patient's Name, Patient ID, birth date, study date.
    const patient = ['00100010', '00100020', '00100030', '00080020'].map((tag) => dataset.text(tag)).filter(Boolean);
    ok(patient.length >= 2);
    for (const secret of [...patient, orthanc.password]) ok(!log.includes(secret!), `the log says ${secret}`);
  });
});

/** A lesion without what follows from the run's own name. */
function withoutIdentity({ trackingUid: _trackingUid, ...lesion }: FindingsDocument['lesions'][number]) {
  return lesion;
}
