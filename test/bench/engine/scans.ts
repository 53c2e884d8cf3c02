/**
 * `hepar segment` on a series in an Orthanc, result stored there: the stages' times and the memory of all its processes,
 * for the same liver in scans of 100, 300 and 1,200 slices. Of three runs the one whose segment stage is the median. Prints a
 * Markdown table.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createArchive } from '../../../server/src/dicomweb/archive.ts';
import { startTestOrthanc } from '../../support/orthanc.ts';
import { hepar, peakMib, readFindings } from '../hepar-command.ts';
import { benchCt } from './phantom-ct.ts';
import { heading, row } from './table.ts';

const ROUNDS = 3;
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
  // Else the system writes to the disk what it was given while the command is timed.
  execFileSync('sync');
  const series = `${ct.studyInstanceUid}/${ct.seriesInstanceUid}`;
  const command = (out: string) => [
    'segment',
    series,
    '--dicomweb',
    url,
    '--store',
    '--again',
    '--out',
    join(scratch, out),
  ];
  const runs = [];
  for (let round = 0; round < ROUNDS; round++) {
    const out = `${slices}-${round}`;
    const seconds = await hepar(command(out), env);
    const { engine, liver } = await readFindings(join(scratch, out, 'findings.json'));
    runs.push({ seconds, timingsMs: engine.timingsMs, liverMl: liver.volumeMl });
  }
  const { seconds, timingsMs, liverMl } = runs.toSorted((a, b) => a.timingsMs.segment - b.timingsMs.segment)[
    ROUNDS >> 1
  ]!;
  const stages = STAGES.map((stage) => ((timingsMs[stage] ?? Number.NaN) / 1000).toFixed(1));
  const peak = await peakMib(command(`${slices}-peak`), env);
  row(slices, liverMl.toFixed(0), seconds.toFixed(1), ...stages, peak.toFixed(0));
  segmentSeconds.set(slices, timingsMs.segment / 1000);
}
const ratio = segmentSeconds.get(1200)! / segmentSeconds.get(300)!;
process.stdout.write(`\nThe segment stage of 1,200 slices takes ${ratio.toFixed(2)} times that of 300.\n`);
