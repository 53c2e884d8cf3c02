import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Comparison } from '../../server/src/findings/priors.ts';
import { compareScans } from '../../server/src/priors/compare.ts';
import { readResult } from '../../server/src/priors/read-result.ts';
import { makeResult, writeResult } from './made-result.ts';
import { SEG_CASES } from './seg-cases.ts';
import { dciodvfyErrors } from './seg-check.ts';
import { labelsInPixels, makeSeries, readSeries } from './seg-support.ts';

const CASE = SEG_CASES.find(({ name }) => name === 'oblique, reversed')!;

describe('a comparison with an earlier scan in the TID 1500 report, read by dcmtk and dciodvfy', () => {
  let folder: string;
  let comparison: Comparison;
  let tree: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hepar-sr-prior-'));
    await makeSeries(folder, [CASE]);
    const series = await readSeries(join(folder, CASE.uid, 'ct'));
    const { labels } = labelsInPixels(series);
    const earlier = await makeResult(series, labels, { runId: 'earlier' });
    // One lesion less than before: it is gone.
    const without = earlier.segments.labels.map((label) => (label === 2 ? 1 : label));
    const current = await makeResult(series, without, { runId: 'now' });
    const compared = compareScans(current, {
      result: readResult([earlier.objects.files['segmentation.dcm']!])!,
      fieldOfView: series.volume.grid,
      intervalDays: 91,
    });
    assert.ok(!('message' in compared), JSON.stringify(compared));
    comparison = compared;
    await writeResult(folder, await makeResult(series, without, { runId: 'now', comparison }));
    ({ stdout: tree } = await promisify(execFile)('dsrdump', ['-Ec', '-Er', '+Pl', join(folder, 'report.dcm')]));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('breaks no rule', async () => {
    assert.deepEqual(await dciodvfyErrors(join(folder, 'report.dcm'), 'Comprehensive3DSR'), []);
  });

  it('says of each lesion what became of it, and of the scan when the earlier one was', () => {
    assert.ok(comparison.lesions.some(({ change }) => change === 'gone'));
    for (const { change, lesions } of comparison.lesions) {
      if (lesions.length === 0) continue;
      assert.ok(tree.includes(`"Change since the earlier scan")=(${change.toUpperCase()},99HEPAR`), change);
    }
    assert.match(tree, /Gone; was [\d.]+ ml and [\d.]+ mm\./);
    assert.match(tree, /"Time since the earlier scan"\)="91" \(d,UCUM/);
    assert.ok(tree.includes(comparison.seg.sopInstanceUID));
    if (comparison.sumOfDiameters) assert.match(tree, /Sum of target diameters in the earlier scan/);
  });
});
