import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import { parseInstance } from '../../server/src/dicom/parse.ts';
import { createArchive } from '../../server/src/dicomweb/archive.ts';
import { collectSeries, makePhantomSeries, SMALL_GEOMETRY } from '../../server/src/phantom/series.ts';
import { OPTIONAL_OBJECTS } from '../../server/src/reports/options.ts';
import { assemble } from '../../server/src/volume/assemble.ts';
import { makeResult } from '../conformance/made-result.ts';
import { startTestOrthanc } from '../support/orthanc.ts';

const run = promisify(execFile);

/** The commands of docs/retrieval.md, by the heading that they stand under. */
async function documented(): Promise<Map<string, string>> {
  const text = await readFile('docs/retrieval.md', 'utf8');
  const sections = text.split(/^## /m).map((section) => {
    const command = /^```sh\n([\s\S]*?)^```/m.exec(section)?.[1];
    return [section.split('\n', 1)[0]!, command] as const;
  });
  return new Map(sections.filter((section): section is [string, string] => section[1] !== undefined));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('retrieving results by the documented commands', function () {
  this.timeout(240_000);
  let orthanc: RunningOrthanc;
  let commands: Map<string, string>;
  let environment: Record<string, string>;
  const objects = new Map<string, Uint8Array>();

  before(async () => {
    commands = await documented();
    const [dicomPort, port] = [await freePort(), await freePort()];
    orthanc = await startTestOrthanc({
      DicomServerEnabled: true,
      DicomPort: dicomPort,
      DicomAet: 'ORTHANC',
      DicomModalities: { reader: ['READER', '127.0.0.1', port] },
    });
    const { instances, truth } = collectSeries(
      makePhantomSeries({
        lesions: 2,
        geometry: { ...SMALL_GEOMETRY, rows: 64, columns: 64, pixelSpacingMm: [5.6, 5.6] },
      }),
    );
    const quiet = { signal: new AbortController().signal, report: () => {} };
    const series = await assemble(Readable.from(instances.map(({ bytes }) => parseInstance(bytes))), quiet);
    const options = { seg: 'binary', liver: 'together', deflated: false, objects: OPTIONAL_OBJECTS } as const;
    const { files } = (await makeResult(series, truth.labels, { options })).objects;
    for (const [name, content] of Object.entries(files)) if (name.endsWith('.dcm')) objects.set(name, content);
    const { dicomWebUrl, username, password } = orthanc;
    const archive = createArchive({ url: dicomWebUrl, username, password });
    await archive.store([...instances.map(({ bytes }) => bytes), ...objects.values()], series.studyInstanceUid);
    archive.close();
    environment = {
      DICOMWEB: dicomWebUrl,
      WADO: dicomWebUrl.replace('/dicom-web', '/wado'),
      LOGIN: `${username}:${password}`,
      STUDY: series.studyInstanceUid,
      HOST: '127.0.0.1',
      DICOM_PORT: String(dicomPort),
      AET: 'READER',
      PORT: String(port),
    };
  });
  after(() => orthanc?.stop());

  /** Runs a command of the page in an empty folder, and gives the files that it left there. */
  async function files(heading: string, object: Uint8Array): Promise<Map<string, Buffer>> {
    const command = commands.get(heading);
    assert.ok(command, `the page has no '${heading}'`);
    const { dataset, sopInstanceUid } = parseInstance(object);
    const folder = await mkdtemp(join(tmpdir(), 'hepar-retrieval-'));
    try {
      const env = { ...process.env, ...environment, SERIES: dataset.text('0020000e')!, INSTANCE: sopInstanceUid };
      await run('bash', ['-euc', command], { cwd: folder, env });
      const names = await readdir(folder);
      return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Everything that an object says, and its pixels. */
  const saidBy = (object: Uint8Array) => {
    const { dataset, sopInstanceUid } = parseInstance(object);
    const pixels = dataset.raw('7fe00010')?.value;
    return {
      sopInstanceUid,
      pixels: pixels && Buffer.from(pixels).toString('base64').slice(0, -8),
      content: dataset.items('0040a730').length,
      contours: dataset.items('30060039').length,
      comments: dataset.text('00204000'),
    };
  };

  it('has a command for each way', () => {
    assert.deepEqual(
      [...commands.keys()],
      [
        'What is there (QIDO-RS)',
        'A series (WADO-RS)',
        'One object (WADO-URI)',
        'A series (C-MOVE, with dcmtk)',
        'A series (C-GET, with dcmtk)',
      ],
    );
  });

  it('finds the report', async () => {
    const report = objects.get('report.dcm')!;
    const found = JSON.parse(String((await files('What is there (QIDO-RS)', report)).get('series.json')));
    assert.deepEqual(
      found.map((series: Record<string, { Value: string[] }>) => series['0020000E']!.Value[0]),
      [parseInstance(report).dataset.text('0020000e')],
    );
  });

  for (const name of [
    'segmentation.dcm',
    'report.dcm',
    'secondary-capture/0001.dcm',
    'probability.dcm',
    'mask.dcm',
    'rtstruct.dcm',
  ]) {
    it(`${name} comes by WADO-RS and WADO-URI, byte for byte`, async () => {
      const object = objects.get(name)!;
      const one = (await files('One object (WADO-URI)', object)).get('object.dcm')!;
      assert.ok(one.equals(object), 'WADO-URI');
      const multipart = (await files('A series (WADO-RS)', object)).get('series.multipart')!;
      assert.ok(multipart.includes(Buffer.from(object)), 'WADO-RS');
    });

    it(`${name} comes by C-MOVE and C-GET, with the same content`, async () => {
      const object = objects.get(name)!;
      for (const heading of ['A series (C-MOVE, with dcmtk)', 'A series (C-GET, with dcmtk)']) {
        const received = [...(await files(heading, object)).values()];
        const { sopInstanceUid } = parseInstance(object);
        const same = received.find((file) => parseInstance(file).sopInstanceUid === sopInstanceUid);
        assert.ok(same, `${heading} brought ${received.length} files, and not this one`);
        assert.deepEqual(saidBy(same), saidBy(object), heading);
      }
    });
  }
});
