import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import { parseInstance } from '../../server/src/dicom/parse.ts';
import { createArchive } from '../../server/src/dicomweb/archive.ts';
import { boundaryOf, readMultipart } from '../../server/src/dicomweb/multipart.ts';
import { studySeriesListSchema } from '../../server/src/http/contract.ts';
import { collectSeries, makePhantomSeries } from '../../server/src/phantom/series.ts';
import type { RunningServer } from '../../server/src/server.ts';
import { assemble } from '../../server/src/volume/assemble.ts';
import { python, writeSeg } from '../conformance/seg-support.ts';
import { startTestOrthanc } from '../support/orthanc.ts';
import { startTestServer } from '../unit/http/support.ts';

/** Frames of 99 x 125 pixels end in the middle of a byte, those of 64 x 64 do not. */
const ODD = { rows: 99, columns: 125, slices: 12, pixelSpacingMm: [3.2, 3.2], sliceSpacingMm: 18 } as const;
const EVEN = { ...ODD, rows: 96, columns: 128 } as const;

describe('what the viewer reads from a real archive', () => {
  let dir: string;
  let orthanc: RunningOrthanc;
  let server: RunningServer;
  const stored = new Map<string, { path: string; file: Uint8Array; ct: Uint8Array }>();

  before(async function () {
    this.timeout(60_000);
    dir = await mkdtemp(join(tmpdir(), 'hepar-viewer-archive-'));
    orthanc = await startTestOrthanc();
    const { dicomWebUrl, username, password } = orthanc;
    const archive = createArchive({ url: dicomWebUrl, username, password });
    for (const geometry of [ODD, EVEN]) {
      const { instances, truth } = collectSeries(makePhantomSeries({ geometry, lesions: 2 }));
      const series = await assemble(Readable.from(instances.map(({ bytes }) => parseInstance(bytes))), {
        signal: new AbortController().signal,
        report: () => {},
      });
      const file = writeSeg(series, { grid: truth.grid, labels: Uint16Array.from(truth.labels) });
      const { sopInstanceUid, dataset } = parseInstance(file);
      await archive.store([...instances.map(({ bytes }) => bytes), file], series.studyInstanceUid);
      const of = (study: string, uid: string, instance: string) =>
        `/studies/${study}/series/${uid}/instances/${instance}`;
      stored.set(`${geometry.rows} x ${geometry.columns}`, {
        path: of(series.studyInstanceUid, dataset.text('0020000e')!, sopInstanceUid),
        file,
        ct: instances[0]!.bytes,
      });
    }
    const viewer = join(dir, 'viewer');
    await mkdir(viewer);
    await writeFile(join(viewer, 'index.html'), '');
    server = await startTestServer(dir, {
      archive: archive as never,
      environment: {
        HEPAR_VIEWER: viewer,
        HEPAR_DICOMWEB_URL: dicomWebUrl,
        HEPAR_DICOMWEB_USERNAME: username,
        HEPAR_DICOMWEB_PASSWORD: password,
      },
    });
  });

  after(async () => {
    await server?.close();
    await orthanc?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const fromServer = (path: string) =>
    fetch(`${server.url}/dicom-web${path}`, { headers: { accept: 'multipart/related; type="application/dicom"' } });

  async function instance(answer: Response): Promise<Uint8Array> {
    const boundary = boundaryOf(answer.headers.get('content-type')!)!;
    const parts: Uint8Array[] = [];
    for await (const { content } of readMultipart(Readable.from(answer.body!), boundary, { maxPartBytes: 2 ** 28 })) {
      parts.push(content);
    }
    assert.equal(parts.length, 1);
    return parts[0]!;
  }

  for (const size of ['99 x 125', '96 x 128']) {
    it(`is a segmentation of ${size} with every voxel in its place`, async () => {
      const { path, file } = stored.get(size)!;
      const served = await instance(await fromServer(path));
      const files = [join(dir, 'stored.dcm'), join(dir, 'served.dcm')] as const;
      await writeFile(files[0], file);
      await writeFile(files[1], served);
      const isOdd = size === '99 x 125';
      const compared = (await python('compare_segs.py', ...files)) as Record<string, unknown>;
      assert.ok((compared.voxels as number) > 500);
      assert.equal(compared.wrongVoxels, 0);
      assert.deepEqual(compared.bits, [[1, 1, 0], isOdd ? [8, 8, 7] : [1, 1, 0]]);
      assert.deepEqual(compared.changed, isOdd ? ['BitsAllocated', 'BitsStored', 'HighBit', 'PixelData'] : []);
      assert.deepEqual([compared.added, compared.sameMeta], [[], true]);
    });
  }

  it('is metadata as it is stored, with addresses that lead back to the server', async () => {
    const { path } = stored.get('99 x 125')!;
    const metadata = await (await fetch(`${server.url}/dicom-web${path}/metadata`)).text();
    const [dataset] = JSON.parse(metadata) as Record<string, { Value?: unknown[] }>[];
    assert.deepEqual(dataset!['00280100']!.Value, [1], 'Bits Allocated');
    assert.ok(!metadata.includes(orthanc.url));
    for (const [address] of metadata.matchAll(/http:[^"]+/g)) assert.ok(address.startsWith(server.url), address);
  });

  it('is what is stored: the archive keeps one bit a pixel', async () => {
    const { path, file } = stored.get('99 x 125')!;
    const authorization = `Basic ${Buffer.from(`${orthanc.username}:${orthanc.password}`).toString('base64')}`;
    const accept = 'multipart/related; type="application/dicom"';
    const kept = await instance(await fetch(orthanc.dicomWebUrl + path, { headers: { authorization, accept } }));
    assert.deepEqual(parseInstance(kept).dataset.number('00280100'), 1);
    assert.equal(kept.length, file.length);
  });

  it('tells which series to segment, and why the segmentation itself is not one', async () => {
    const study = stored.get('96 x 128')!.path.split('/')[2]!;
    const answer = await fetch(`${server.url}/api/studies/${study}/series`);
    const series = studySeriesListSchema.parse(await answer.json());
    assert.deepEqual(series.map(({ modality, suitable, recommended }) => [modality, suitable, recommended]).sort(), [
      ['CT', true, true],
      ['SEG', false, false],
    ]);
    const ct = series.find(({ modality }) => modality === 'CT')!;
    assert.equal(ct.instances, 12);
    assert.match(ct.reason, /portal venous phase, thick: 18 mm slices, 12 slices over 216 mm/);
    assert.equal(series.find(({ modality }) => modality === 'SEG')!.refusal!.code, 'not-ct');
    assert.equal((await fetch(`${server.url}/api/studies/2.25.404/series`)).status, 404);
    assert.equal((await fetch(`${server.url}/api/studies/none/series`)).status, 422);
  });
});
