import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import { parseInstance } from '../../server/src/dicom/parse.ts';
import { type Archive, createArchive } from '../../server/src/dicomweb/archive.ts';
import { type FindingsDocument, findingsSchema } from '../../server/src/findings/schema.ts';
import type { SegmentationView } from '../../server/src/http/contract.ts';
import type { PhantomSeries } from '../../server/src/phantom/series.ts';
import { BEFORE, scanAt, scanMoved } from '../support/next-scan.ts';
import { startTestOrthanc } from '../support/orthanc.ts';
import { type ServeProcess, startServe } from '../support/serve.ts';
import { isIn, json, until } from '../unit/http/support.ts';

const ENDED = isIn('done', 'refused', 'failed', 'cancelled');

/** Two studies of one patient through the server's interface, as a viewer or an archive's hook asks for them. */
describe('the next scan of the same patient, asked of the server', function () {
  this.timeout(600_000);
  const first = scanAt('20251003', BEFORE);
  const second = scanMoved();
  let dataDir: string;
  let orthanc: RunningOrthanc;
  let archive: Archive;
  let server: ServeProcess;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hepar-priors-server-'));
    orthanc = await startTestOrthanc();
    const { dicomWebUrl: url, username, password } = orthanc;
    archive = createArchive({ url, username, password });
    for (const series of [first, second]) {
      await archive.store(
        Array.from(series.instances(), ({ bytes }) => bytes),
        series.studyInstanceUid,
      );
    }
    server = await startServe({
      HEPAR_DATA: dataDir,
      HEPAR_DICOMWEB_URL: url,
      HEPAR_DICOMWEB_USERNAME: username,
      HEPAR_DICOMWEB_PASSWORD: password,
    });
  });

  after(async () => {
    await server?.end('SIGTERM');
    archive?.close();
    await orthanc?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  async function segmented(series: PhantomSeries): Promise<FindingsDocument> {
    const body = JSON.stringify({
      studyInstanceUID: series.studyInstanceUid,
      seriesInstanceUID: series.seriesInstanceUid,
    });
    const headers = { 'content-type': 'application/json' };
    const asked = await fetch(`${server.url}/api/segmentations`, { method: 'POST', headers, body });
    assert.equal(asked.status, 202);
    const { id } = await json<SegmentationView>(asked);
    const { state } = await until(server.url, id, ENDED, 280_000);
    assert.equal(state, 'done');
    return findingsSchema.parse(await json(fetch(`${server.url}/api/segmentations/${id}/findings`)));
  }

  it('is read against the earlier result, in the findings as in the stored report', async () => {
    const earlier = await segmented(first);
    assert.deepEqual(earlier.priors, { comparison: null, unused: [] });
    const later = await segmented(second);
    const { comparison } = later.priors!;
    assert.equal(comparison!.run, earlier.run);
    assert.equal(comparison!.intervalDays, 90);
    assert.deepEqual(comparison!.lesions.map(({ change }) => change).sort(), ['gone', 'grown', 'new', 'stable']);

    const { seriesInstanceUID, sopInstanceUID } = later.objects.sr!;
    const report = await archive.retrieveInstance(second.studyInstanceUid, seriesInstanceUID, sopInstanceUID);
    const text = JSON.stringify(textsOf(parseInstance(report).dataset));
    for (const word of ['Grown; was', 'Stable; was', 'New.', 'Gone; was', 'Earlier scan: 90 days before.']) {
      assert.ok(text.includes(word), `${word} is not in the report: ${text}`);
    }
    for (const { trackingUid } of later.lesions) assert.ok(Buffer.from(report).includes(trackingUid));
  });
});

type Item = ReturnType<typeof parseInstance>['dataset'];

/** All text of a report, from the top. */
function textsOf(item: Item): string[] {
  return [item.text('0040a160') ?? '', ...item.items('0040a730').flatMap(textsOf)];
}
