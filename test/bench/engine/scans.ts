/**
 * `hepar segment` on a series in an Orthanc, result stored there: the stages' times and the memory of all its processes,
 * for the same liver in scans of 100, 300 and 1,200 slices. Prints a Markdown table.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createArchive } from '../../../server/src/dicomweb/archive.ts';
import { startTestOrthanc } from '../../support/orthanc.ts';
import { hepar, readFindings } from '../hepar-command.ts';
import { benchCt } from './phantom-ct.ts';
import { heading, row } from './table.ts';

const STAGES = ['retrieve', 'assemble', 'segment', 'measure', 'report', 'store'] as const;

await using stack = new AsyncDisposableStack();
const scratch = await mkdtemp(join(tmpdir(), 'hepar-bench-'));
stack.defer(() => rm(scratch, { recursive: true, force: true }));
const orthanc = await startTestOrthanc();
stack.defer(() => orthanc.stop());
const { dicomWebUrl: url, username, password } = orthanc;
const env = { HEPAR_DICOMWEB_USERNAME: username, HEPAR_DICOMWEB_PASSWORD: password };

heading('slices of 512 x 512', 'liver, ml', 'whole command, s', ...STAGES, 'peak memory, MiB');
const segmentSeconds = new Map<number, number>();
for (const slices of [100, 300, 1200]) {
  const ct = await benchCt(slices);
  const archive = createArchive({ url, username, password });
  await archive.store(ct.files(), ct.studyInstanceUid);
  archive.close();
  const out = join(scratch, String(slices));
  const series = `${ct.studyInstanceUid}/${ct.seriesInstanceUid}`;
  const { seconds, peakMib } = await hepar(['segment', series, '--dicomweb', url, '--store', '--out', out], env);
  const { engine, liver } = await readFindings(join(out, 'findings.json'));
  const { timingsMs } = engine;
  const stages = STAGES.map((stage) => ((timingsMs[stage] ?? Number.NaN) / 1000).toFixed(1));
  row(slices, liver.volumeMl.toFixed(0), seconds.toFixed(1), ...stages, peakMib.toFixed(0));
  segmentSeconds.set(slices, timingsMs.segment / 1000);
}
const ratio = segmentSeconds.get(1200)! / segmentSeconds.get(300)!;
process.stdout.write(`\nThe segment stage of 1,200 slices takes ${ratio.toFixed(2)} times that of 300.\n`);
