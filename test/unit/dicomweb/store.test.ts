import assert from 'node:assert/strict';
import { type Archive, createArchive } from '../../../server/src/dicomweb/archive.ts';
import { StoreFailed } from '../../../server/src/dicomweb/errors.ts';
import { smallDicomFile } from '../../support/small-dicom.ts';
import { type Answer, type FakeArchive, startFakeArchive } from './fake-archive.ts';

const UIDS = ['2.25.201', '2.25.202'];
const FILES = UIDS.map((sopInstanceUid) => smallDicomFile({ sopInstanceUid }));
const JSON_TYPE = { 'content-type': 'application/dicom+json' };

const reference = (uid: string, warning?: number) => ({
  '00081155': { vr: 'UI', Value: [uid] },
  ...(warning === undefined ? {} : { '00081196': { vr: 'US', Value: [warning] } }),
});
const failure = (uid: string, reason: number) => ({
  '00081155': { vr: 'UI', Value: [uid] },
  '00081197': { vr: 'US', Value: [reason] },
});
const answer = (stored: object[], failed: object[] = []) => ({
  '00081199': { vr: 'SQ', Value: stored },
  ...(failed.length > 0 ? { '00081198': { vr: 'SQ', Value: failed } } : {}),
});

describe('storing', () => {
  let fake: FakeArchive;
  let archive: Archive;
  const start = async (respond: Answer): Promise<void> => {
    fake = await startFakeArchive(respond);
    archive = createArchive({
      url: fake.url,
      bearer: 'token',
      retry: { tries: 3, firstDelayMs: 1, longestDelayMs: 2 },
    });
  };
  const says = (status: number, body: unknown) =>
    start((response) => response.writeHead(status, JSON_TYPE).end(body === undefined ? '' : JSON.stringify(body)));
  afterEach(async () => {
    archive.close();
    await fake.stop();
  });

  it('sends the very bytes, in their order, and keeps the warnings', async () => {
    await says(202, answer([reference(UIDS[0] as string), reference(UIDS[1] as string, 0xb000)]));
    assert.deepEqual(await archive.store(FILES, '2.25.1'), {
      stored: UIDS,
      warnings: [{ sopInstanceUid: UIDS[1], reason: 0xb000 }],
    });
    const { method, path, authorization, body } = fake.requests[0] ?? assert.fail('no request');
    assert.deepEqual([method, path, authorization], ['POST', '/studies/2.25.1', 'Bearer token']);
    const at = FILES.map((file) => body.indexOf(file));
    assert.ok(at.every((position) => position > 0) && (at[0] as number) < (at[1] as number), `found at ${at}`);
  });

  for (const status of [200, 202, 409]) {
    it(`reports an object that was not taken, though the status is ${status}`, async () => {
      await says(status, answer([reference(UIDS[0] as string)], [failure(UIDS[1] as string, 0xa700)]));
      await assert.rejects(archive.store(FILES, '2.25.1'), (error) => {
        assert.ok(error instanceof StoreFailed);
        assert.deepEqual(error.failures, [{ sopInstanceUid: UIDS[1], reason: 0xa700 }]);
        assert.match(error.message, /one object was not taken, first 2\.25\.202: A700H, out of resources/);
        return true;
      });
      assert.equal(fake.requests.length, 1);
    });
  }

  it('does not count an object as stored that the answer does not name', async () => {
    await says(200, answer([reference(UIDS[0] as string)]));
    await assert.rejects(archive.store(FILES, '2.25.1'), {
      name: 'StoreFailed',
      message: /2\.25\.202: no reason given/,
    });
  });

  it('takes an object that the archive has already as stored, so that a repeated request succeeds', async () => {
    await says(
      409,
      answer(
        [],
        UIDS.map((uid) => failure(uid, 0x0111)),
      ),
    );
    const { stored, warnings } = await archive.store(FILES, '2.25.1');
    assert.deepEqual(stored, UIDS);
    assert.deepEqual(
      warnings.map((warning) => warning.reason),
      [0x0111, 0x0111],
    );
  });

  it('does not believe an answer that says nothing', async () => {
    for (const body of [undefined, {}, 'stored']) {
      await says(200, body);
      await assert.rejects(archive.store(FILES, '2.25.1'), {
        name: 'BrokenTransfer',
        message: /did not say what it stored/,
      });
      archive.close();
      await fake.stop();
    }
    await start((response) => response.writeHead(200).end('<NativeDicomModel/>'));
    await assert.rejects(archive.store(FILES, '2.25.1'), { name: 'BrokenTransfer' });
  });

  it('sends the same bytes again after a failure that may pass, and not after one that will not', async () => {
    await start((response, _request, count) => {
      if (count === 1) response.destroy();
      else if (count === 2) response.writeHead(503).end();
      else response.writeHead(200, JSON_TYPE).end(JSON.stringify(answer(UIDS.map((uid) => reference(uid)))));
    });
    assert.deepEqual((await archive.store(FILES, '2.25.1')).stored, UIDS);
    assert.equal(fake.requests.length, 3);
    archive.close();
    await fake.stop();
    await says(403, undefined);
    await assert.rejects(archive.store(FILES, '2.25.1'), { name: 'ArchiveRefused', status: 403 });
    assert.equal(fake.requests.length, 1);
  });

  it('splits what is too much for one request', async () => {
    const uids = ['2.25.301', '2.25.302', '2.25.303'];
    const pixels = new Uint8Array(15 * 1024 ** 2);
    await start((response, _request, count) => {
      const stored = count === 1 ? uids.slice(0, 2) : uids.slice(2);
      response.writeHead(200, JSON_TYPE).end(JSON.stringify(answer(stored.map((uid) => reference(uid)))));
    });
    async function* files(): AsyncGenerator<Uint8Array> {
      for (const sopInstanceUid of uids) yield smallDicomFile({ sopInstanceUid, pixels });
    }
    assert.deepEqual((await archive.store(files(), '2.25.1')).stored, uids);
    assert.equal(fake.requests.length, 2);
  });
});
