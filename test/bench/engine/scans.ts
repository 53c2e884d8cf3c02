/**
 * `hepar segment` on a series in an Orthanc, result stored there: the stages' times and the memory of all its processes,
 * for the same liver in scans of 100, 300 and 1,200 slices. Prints a Markdown table.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createArchive } from '../../../server/src/dicomweb/archive.ts';
import { findingsSchema } from '../../../server/src/findings/schema.ts';
import { startTestOrthanc } from '../../support/orthanc.ts';
import { watchMemory } from '../../support/process-memory.ts';
import { benchCt } from './phantom-ct.ts';
import { heading, row } from './table.ts';

const COMMAND = fileURLToPath(new URL('../../../server/src/cli/main.ts', import.meta.url));
const STAGES = ['retrieve', 'assemble', 'segment', 'measure', 'report', 'store'] as const;

await using stack = new AsyncDisposableStack();
const scratch = await mkdtemp(join(tmpdir(), 'hepar-bench-'));
stack.defer(() => rm(scratch, { recursive: true, force: true }));
const orthanc = await startTestOrthanc();
stack.defer(() => orthanc.stop());
const { dicomWebUrl: url, username, password } = orthanc;

heading('slices of 512 x 512', 'liver, ml', 'whole command, s', ...STAGES, 'peak memory, MiB');
const segmentSeconds = new Map<number, number>();
for (const slices of [100, 300, 1200]) {
  const ct = await benchCt(slices);
  const archive = createArchive({ url, username, password });
  await archive.store(ct.files(), ct.studyInstanceUid);
  archive.close();
  const out = join(scratch, String(slices));
  const series = `${ct.studyInstanceUid}/${ct.seriesInstanceUid}`;
  const { seconds, peakMib } = await hepar('segment', series, '--dicomweb', url, '--store', '--out', out);
  const { engine, liver } = findingsSchema.parse(JSON.parse(await readFile(join(out, 'findings.json'), 'utf8')));
  const { timingsMs } = engine;
  const stages = STAGES.map((stage) => ((timingsMs[stage] ?? Number.NaN) / 1000).toFixed(1));
  row(slices, liver.volumeMl.toFixed(0), seconds.toFixed(1), ...stages, peakMib.toFixed(0));
  segmentSeconds.set(slices, timingsMs.segment / 1000);
}
const ratio = segmentSeconds.get(1200)! / segmentSeconds.get(300)!;
process.stdout.write(`\nThe segment stage of 1,200 slices takes ${ratio.toFixed(2)} times that of 300.\n`);

async function hepar(...args: string[]): Promise<{ seconds: number; peakMib: number }> {
  const started = performance.now();
  const env = { ...process.env, HEPAR_DICOMWEB_USERNAME: username, HEPAR_DICOMWEB_PASSWORD: password };
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'ignore', 'pipe'], env });
  const memory = watchMemory(child.pid!);
  let complaint = '';
  child.stderr.on('data', (data) => {
    complaint += data;
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const peakMib = memory.stop();
  if (code !== 0) throw new Error(`hepar ${args.join(' ')} ended with ${code}: ${complaint}`);
  return { seconds: (performance.now() - started) / 1000, peakMib };
}
