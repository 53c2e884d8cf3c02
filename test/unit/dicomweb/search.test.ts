import assert from 'node:assert/strict';
import { type Archive, createArchive } from '../../../server/src/dicomweb/archive.ts';
import { type Answer, type FakeArchive, startFakeArchive } from './fake-archive.ts';

const instance = (n: number) => ({ '00080018': { vr: 'UI', Value: [`2.25.${n}`] } });

describe('searching an archive', () => {
  let fake: FakeArchive;
  let archive: Archive;
  const start = async (respond: Answer): Promise<void> => {
    fake = await startFakeArchive(respond);
    archive = createArchive({ url: fake.url, retry: { tries: 2, firstDelayMs: 1 } });
  };
  afterEach(async () => {
    archive.close();
    await fake.stop();
  });

  it('finds every instance although the archive cuts its answers at 100 without a word', async () => {
    await start((response, request) => {
      const offset = Number(new URL(request.url ?? '', 'http://x').searchParams.get('offset') ?? 0);
      const page = Array.from({ length: Math.max(0, Math.min(100, 250 - offset)) }, (_, n) =>
        instance(1000 + offset + n),
      );
      if (page.length > 0) response.writeHead(200).end(JSON.stringify(page));
      else response.writeHead(204).end();
    });
    const found = await archive.findInstances('1.2', '1.3');
    assert.deepEqual(
      found,
      Array.from({ length: 250 }, (_, n) => `2.25.${1000 + n}`),
    );
  });

  it('ends when the archive knows no pages and always answers the same', async () => {
    await start((response) => response.writeHead(200).end(JSON.stringify([instance(1), instance(2)])));
    assert.deepEqual(await archive.findInstances('1.2', '1.3'), ['2.25.1', '2.25.2']);
    assert.equal(fake.requests.length, 2);
  });

  it('finds nothing in a study that the archive does not know, however it says so', async () => {
    for (const [status, body] of [
      [200, '[]'],
      [204, ''],
      [404, '{"Message":"no"}'],
    ] as const) {
      await start((response) => response.writeHead(status).end(body || undefined));
      assert.deepEqual(await archive.findSeries('1.2'), []);
      archive.close();
      await fake.stop();
    }
    await start((response) => response.writeHead(404).end());
  });

  it('tells whether a series is there by one instance of it, in one short request', async () => {
    for (const [body, held] of [
      [[instance(1)], true],
      [[instance(1), instance(2)], true],
      [[], false],
    ] as const) {
      await start((response) => response.writeHead(200).end(JSON.stringify(body)));
      assert.equal(await archive.holdsSeries('1.2', '1.3'), held);
      assert.deepEqual(
        fake.requests.map(({ path }) => path),
        ['/studies/1.2/series/1.3/instances?limit=1'],
      );
      archive.close();
      await fake.stop();
    }
    await start((response) => response.writeHead(404).end());
    assert.equal(await archive.holdsSeries('1.2', '1.3'), false);
  });

  it('describes series, and leaves out what the archive does not say', async () => {
    const full = {
      '0020000E': { vr: 'UI', Value: ['2.25.5'] },
      '00080060': { vr: 'CS', Value: ['CT'] },
      '0008103E': { vr: 'LO', Value: ['Abdomen 腹部'] },
      '00200011': { vr: 'IS', Value: ['7'] },
      '00201209': { vr: 'IS', Value: [300] },
    };
    const bare = { '0020000E': { vr: 'UI', Value: ['2.25.6'] }, '0008103E': { vr: 'LO' } };
    await start((response) => response.writeHead(200).end(JSON.stringify([full, bare])));
    const nothing = { modality: null, description: null, seriesNumber: null, instances: null };
    assert.deepEqual(await archive.findSeries('1.2'), [
      { seriesInstanceUid: '2.25.5', modality: 'CT', description: 'Abdomen 腹部', seriesNumber: 7, instances: 300 },
      { seriesInstanceUid: '2.25.6', ...nothing },
    ]);
  });

  it('says so when the answer is no search result', async () => {
    for (const body of ['<html>', '{"a":1}', '[{"00080018":{"Value":[5]}}]']) {
      await start((response) => response.writeHead(200).end(body));
      await assert.rejects(archive.findInstances('1.2', '1.3'), { name: 'BrokenTransfer', message: /DICOM JSON/ });
      archive.close();
      await fake.stop();
    }
    await start((response) => response.end());
  });
});
