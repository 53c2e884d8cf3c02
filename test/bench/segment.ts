/**
 * `hepar segment` as a user runs it: the whole command, its stages and the memory of all its processes.
 * Prints a Markdown table. The series: the project's own phantom, and the folders named as arguments.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FindingsDocument, findingsSchema } from '../../server/src/findings/schema.ts';
import { watchMemory } from '../support/process-memory.ts';

const COMMAND = fileURLToPath(new URL('../../server/src/cli/main.ts', import.meta.url));
const scratch = await mkdtemp(join(tmpdir(), 'hepar-bench-'));
try {
  const phantom = join(scratch, 'phantom');
  await hepar('phantom', '--out', phantom);
  const inputs = [join(phantom, 'dicom'), ...process.argv.slice(2)];
  process.stdout.write(`${cpus()[0]?.model ?? 'CPU'}, ${availableParallelism()} threads, Node ${process.version}\n\n`);
  process.stdout.write(
    '| series | slices | whole command, s | retrieve + assemble | segment | measure | report | peak memory, MiB |\n',
  );
  process.stdout.write('|---|---|---|---|---|---|---|---|\n');
  for (const input of inputs) {
    const out = join(scratch, 'out');
    const { seconds, peakMib } = await hepar('segment', input, '--out', out);
    const { engine, series } = await readFindings(join(out, 'findings.json'));
    const { retrieve, assemble, segment, measure, report } = engine.timingsMs;
    const stages = [retrieve + assemble, segment, measure, report].map((milliseconds) =>
      (milliseconds / 1000).toFixed(1),
    );
    const name = input.startsWith(scratch) ? 'phantom' : `${basename(dirname(input))}/${basename(input)}`;
    process.stdout.write(
      `| ${name} | ${series.slices} | ${seconds.toFixed(1)} | ${stages.join(' | ')} | ${peakMib.toFixed(0)} |\n`,
    );
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}

async function hepar(...args: string[]): Promise<{ seconds: number; peakMib: number }> {
  const started = performance.now();
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
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

async function readFindings(file: string): Promise<FindingsDocument> {
  return findingsSchema.parse(JSON.parse(await readFile(file, 'utf8')));
}
