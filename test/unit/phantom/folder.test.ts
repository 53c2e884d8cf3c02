import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderInUseError, writePhantomFolder } from '../../../server/src/phantom/folder.ts';
import { collectSeries, makePhantomSeries, SMALL_GEOMETRY } from '../../../server/src/phantom/series.ts';
import type { PhantomTruth } from '../../../server/src/phantom/truth.ts';

const geometry = {
  ...SMALL_GEOMETRY,
  rows: 64,
  columns: 60,
  slices: 24,
  pixelSpacingMm: [5.6, 5.8] as const,
  sliceSpacingMm: 10,
};

describe('phantom folder', () => {
  let parent: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'hepar-phantom-'));
  });
  afterEach(() => rm(parent, { recursive: true }));

  it('holds the series and its truth: files, label map and volumes agree', async () => {
    const series = makePhantomSeries({ seed: 2, geometry: { ...geometry, instanceOrder: 'shuffled' } });
    const folder = join(parent, 'made', 'here');
    await writePhantomFolder(series, folder, { signal: new AbortController().signal });
    const truth = JSON.parse(await readFile(join(folder, 'truth.json'), 'utf8')) as PhantomTruth;
    const { instances, truth: expected } = collectSeries(series);
    assert.deepEqual((await readdir(folder)).sort(), ['dicom', 'truth.json', 'truth.raw']);
    assert.deepEqual(await readFile(join(folder, 'truth.raw')), Buffer.from(expected.labels));
    assert.deepEqual(truth.labelMap.grid, expected.grid);
    assert.equal((await readdir(join(folder, 'dicom'))).length, 24);
    assert.deepEqual(await readFile(join(folder, 'dicom', '0007.dcm')), Buffer.from(instances[6]!.bytes));
    assert.equal(truth.lesions.length, 5);
    for (const { volumeMl, diameterMm } of truth.lesions) {
      assert.ok(Math.abs(volumeMl / ((Math.PI / 6) * (diameterMm / 10) ** 3) - 1) < 0.01);
    }
    assert.ok(Math.abs(truth.liver.voxelVolumeMl / truth.liver.volumeMl - 1) < 0.02);
  });

  it('leaves nothing behind when it is cancelled', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    const writing = writePhantomFolder(makePhantomSeries({ geometry }), join(parent, 'out'), {
      signal: controller.signal,
      onSlice: (done) => done === 5 && controller.abort(reason),
    });
    await assert.rejects(writing, reason);
    assert.deepEqual(await readdir(parent), []);
  });

  it('never writes into a folder with files in it, but takes an empty one', async () => {
    const signal = new AbortController().signal;
    const used = join(parent, 'used');
    await mkdir(used);
    await writeFile(join(used, 'thesis.txt'), 'mine');
    await assert.rejects(writePhantomFolder(makePhantomSeries({ geometry }), used, { signal }), FolderInUseError);
    await assert.rejects(
      writePhantomFolder(makePhantomSeries({ geometry }), join(used, 'thesis.txt'), { signal }),
      FolderInUseError,
    );
    assert.deepEqual(await readdir(used), ['thesis.txt']);
    const empty = join(parent, 'empty');
    await mkdir(empty);
    await writePhantomFolder(makePhantomSeries({ geometry, lesions: 0 }), empty, { signal });
    assert.equal((await readdir(empty)).length, 3);
  });
});
