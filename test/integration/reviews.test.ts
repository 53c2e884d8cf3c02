import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import { parseInstance } from '../../server/src/dicom/parse.ts';
import { type Archive, createArchive } from '../../server/src/dicomweb/archive.ts';
import type { ErrorView, ReviewView, SegmentationView } from '../../server/src/http/contract.ts';
import type { RunningServer } from '../../server/src/server.ts';
import { seriesSpec } from '../conformance/seg-cases.ts';
import { dciodvfyErrors } from '../conformance/seg-check.ts';
import { makeSeries, python } from '../conformance/seg-support.ts';
import { provideQueue } from '../support/data-dir.ts';
import { type FaultyArchive, startFaultyArchive } from '../support/faulty-archive.ts';
import { startTestOrthanc } from '../support/orthanc.ts';
import { isIn, json, startTestServer, until } from '../unit/http/support.ts';

const ADLER = { authorization: 'Bearer 0123456789abcdef' };
const BAUER = { authorization: 'Bearer fedcba9876543210' };
const SPEC = seriesSpec('oblique', '2.25.9301', { shape: [32, 30, 11], step: -1, lesions: [] });

interface ReadReview {
  readonly sopClass: string;
  readonly study: string;
  readonly patient: readonly string[];
  readonly title: string;
  readonly verification: readonly string[];
  readonly verifiers: readonly string[];
  readonly evidence: readonly string[][];
  readonly predecessors: readonly string[][];
  readonly codes: Readonly<Record<string, string>>;
  readonly texts: Readonly<Record<string, string>>;
  readonly names: Readonly<Record<string, string>>;
  readonly images: readonly string[];
}

describe('reviews', () => {
  let folder: string;
  let orthanc: RunningOrthanc;
  let faulty: FaultyArchive;
  let archive: Archive;
  let server: RunningServer;
  let url: string;
  let run: SegmentationView;
  const uids = { study: '', series: '', patient: ['', ''] };

  const start = async (dir: string, environment: Record<string, string>) => {
    await provideQueue(join(dir, 'data'));
    return startTestServer(dir, {
      archive: archive as never,
      environment: {
        HEPAR_DICOMWEB_URL: faulty.url,
        HEPAR_DICOMWEB_USERNAME: orthanc.username,
        HEPAR_DICOMWEB_PASSWORD: orthanc.password,
        ...environment,
      },
    });
  };
  const segment = async (at: string, headers: Record<string, string>) => {
    const asked = await json(
      fetch(`${at}/api/segmentations`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({ studyInstanceUID: uids.study, seriesInstanceUID: uids.series }),
      }),
    );
    return until(at, asked.id, isIn('done', 'failed'), 90_000, headers);
  };
  const review = (body: unknown, headers: Record<string, string> = ADLER, id = run.id) =>
    fetch(`${url}/api/segmentations/${id}/reviews`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const list = () => json<ReviewView[]>(fetch(`${url}/api/segmentations/${run.id}/reviews`, { headers: ADLER }));
  const verdict = async () => (await json(fetch(`${url}/api/segmentations/${run.id}`, { headers: ADLER }))).verdict;

  /** What other readers find of a review in the archive; none has a complaint. */
  async function readBack({ object }: ReviewView): Promise<ReadReview> {
    const { seriesInstanceUID, sopInstanceUID } = object;
    const file = join(folder, `${sopInstanceUID}.dcm`);
    await writeFile(file, await archive.retrieveInstance(uids.study, seriesInstanceUID, sopInstanceUID));
    assert.deepEqual(await dciodvfyErrors(file, 'BasicTextSR'), []);
    const { stderr } = await promisify(execFile)('dsrdump', ['-Ec', '-Er', file]);
    assert.equal(stderr, '');
    const [read] = (await python('read_review.py', file)) as ReadReview[];
    return read!;
  }

  before(async function () {
    this.timeout(120_000);
    folder = await mkdtemp(join(tmpdir(), 'hepar-reviews-'));
    await makeSeries(folder, [SPEC]);
    orthanc = await startTestOrthanc();
    faulty = await startFaultyArchive(orthanc.dicomWebUrl);
    const { username, password } = orthanc;
    archive = createArchive({ url: orthanc.dicomWebUrl, username, password });
    const ct = join(folder, SPEC.uid, 'ct');
    const files = await Promise.all((await readdir(ct)).map((name) => readFile(join(ct, name))));
    const { dataset } = parseInstance(files[0]!);
    uids.study = dataset.text('0020000d')!;
    uids.series = dataset.text('0020000e')!;
    uids.patient = [dataset.text('00100020')!, dataset.text('00100010')!];
    await archive.store(files, uids.study);
    server = await start(join(folder, 'server'), {
      HEPAR_AUTH: 'token:dr-adler=0123456789abcdef,dr-bauer=fedcba9876543210',
    });
    url = server.url;
    run = await segment(url, ADLER);
  });

  after(async () => {
    await server?.close();
    archive?.close();
    await faulty?.close();
    await orthanc?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  let first: ReviewView;

  it('is in the archive beside the result, under the name of who signed in', async () => {
    assert.deepEqual([await verdict(), await list()], [null, []]);
    const answer = await review({ verdict: 'accepted', comment: 'Gallbladder spared; größer als zuvor' });
    assert.equal(answer.status, 201);
    first = await json<ReviewView>(answer);
    assert.deepEqual(
      [first.run, first.verdict, first.comment, first.reviewer],
      [run.id, 'accepted', 'Gallbladder spared; größer als zuvor', 'dr-adler'],
    );
    assert.deepEqual([await verdict(), await list()], ['accepted', [first]]);

    const read = await readBack(first);
    assert.deepEqual([read.study, read.patient], [uids.study, uids.patient]);
    assert.deepEqual([read.sopClass, read.title], ['1.2.840.10008.5.1.4.1.1.88.11', 'ASMT|DCM']);
    assert.equal(read.codes['verdict|99HEPAR'], 'accepted|99HEPAR');
    assert.deepEqual(read.verification, ['COMPLETE', 'VERIFIED']);
    assert.deepEqual([read.verifiers, read.names['121008|DCM']], [['dr-adler'], 'dr-adler']);
    assert.equal(read.texts['121106|DCM'], 'Gallbladder spared; gro?er als zuvor');
    assert.match(read.texts['121111|DCM']!, new RegExp(`Research use only.*${run.id}: accepted by dr-adler`));
    assert.equal(read.evidence.length, 1);
    assert.deepEqual(read.images, [read.evidence[0]![1]]);
    assert.deepEqual(read.predecessors, []);
  });

  it('is one however often it is sent', async () => {
    const said = { verdict: 'accepted', comment: 'Gallbladder spared; größer als zuvor' };
    const again = await review(said);
    assert.equal(again.status, 200);
    assert.deepEqual(await json(again), first);
    const together = await Promise.all(Array.from({ length: 4 }, () => review({ verdict: 'rejected' }, BAUER)));
    const objects = new Set(
      (await Promise.all(together.map((each) => json<ReviewView>(each)))).map(({ object }) => object.sopInstanceUID),
    );
    assert.equal(objects.size, 1);
    assert.equal((await list()).length, 2);
  });

  it('takes the place of the same person’s before in the list; the archive has both', async () => {
    const second = await json<ReviewView>(review({ verdict: 'rejected' }));
    const reviews = await list();
    assert.deepEqual(
      reviews.map(({ reviewer, verdict: said }) => [reviewer, said]),
      [
        ['dr-adler', 'rejected'],
        ['dr-bauer', 'rejected'],
      ],
    );
    assert.equal(await verdict(), 'rejected');
    const { seriesInstanceUID } = first.object;
    assert.deepEqual((await readBack(second)).predecessors, [[seriesInstanceUID, first.object.sopInstanceUID]]);
    const stored = await archive.findInstances(uids.study, seriesInstanceUID);
    assert.equal(stored.length, 3);
    assert.ok(stored.includes(first.object.sopInstanceUID));
  });

  for (const fault of ['down', 'store unanswered'] as const) {
    it(`is kept whole or not at all when the archive is ${fault}, and carried through by the same request`, async () => {
      const before = await list();
      const said = { verdict: 'accepted', comment: `while ${fault}` };
      faulty.fault = fault;
      const answer = await review(said);
      faulty.fault = 'none';
      assert.equal(answer.status, 502);
      assert.doesNotMatch(await answer.text(), new RegExp(orthanc.password));
      assert.deepEqual(await list(), before);
      const later = await review(said);
      assert.equal(later.status, 201);
      const kept = await json<ReviewView>(later);
      assert.equal((await list())[0]!.comment, said.comment);
      assert.equal((await readBack(kept)).texts['121106|DCM'], said.comment);
      const stored = await archive.findInstances(uids.study, kept.object.seriesInstanceUID);
      assert.equal(new Set(stored).size, stored.length);
      assert.equal(stored.filter((uid) => uid === kept.object.sopInstanceUID).length, 1);
    });
  }

  for (const [what, status, body] of [
    ['another verdict', 422, { verdict: 'maybe' }],
    ['no verdict', 422, { comment: 'fine' }],
    ['somebody else’s name', 422, { verdict: 'accepted', reviewer: 'dr-bauer' }],
    ['an empty comment', 422, { verdict: 'accepted', comment: '  ' }],
    ['a comment of 1001 characters', 422, { verdict: 'accepted', comment: 'x'.repeat(1001) }],
  ] as const) {
    it(`is turned away with ${what}: ${status}`, async () => {
      const answer = await review(body);
      assert.equal(answer.status, status);
      assert.equal((await json<ErrorView>(answer)).error.code, 'malformed');
    });
  }

  it('is turned away of a run that is not known, and by who did not sign in', async () => {
    assert.equal((await review({ verdict: 'accepted' }, ADLER, '0'.repeat(32))).status, 404);
    assert.equal((await review({ verdict: 'accepted' }, { authorization: 'Bearer wrong' })).status, 401);
    assert.equal((await fetch(`${url}/api/segmentations/${'0'.repeat(32)}/reviews`, { headers: ADLER })).status, 404);
  });

  it('says plainly that nobody had to sign in', async function () {
    this.timeout(60_000);
    const open = await start(join(folder, 'open'), {});
    try {
      const { id } = await segment(open.url, {});
      const kept = await json<ReviewView>(
        fetch(`${open.url}/api/segmentations/${id}/reviews`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ verdict: 'accepted' }),
        }),
      );
      assert.equal(kept.reviewer, null);
      const read = await readBack(kept);
      assert.deepEqual([read.verification, read.verifiers, read.names], [['COMPLETE', 'UNVERIFIED'], [], {}]);
      assert.match(read.texts['121111|DCM']!, /accepted by a person who did not sign in/);
    } finally {
      await open.close();
    }
  });
});
