/**
 * `hepar segment` as a user runs it: the whole command, its stages and the memory of all its processes.
 * Prints a Markdown table. The series: the project's own phantom, and the folders named as arguments.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { hepar, peakMib, readFindings } from './hepar-command.ts';

const scratch = await mkdtemp(join(tmpdir(), 'hepar-bench-'));
try {
  const phantom = join(scratch, 'phantom');
  await hepar(['phantom', '--out', phantom]);
  const inputs = [join(phantom, 'dicom'), ...process.argv.slice(2)];
  process.stdout.write(`${cpus()[0]?.model ?? 'CPU'}, ${availableParallelism()} threads, Node ${process.version}\n\n`);
  process.stdout.write(
    '| series | slices | whole command, s | retrieve + assemble | segment | measure | report | peak memory, MiB |\n',
  );
  process.stdout.write('|---|---|---|---|---|---|---|---|\n');
  for (const input of inputs) {
    const out = join(scratch, 'out');
    const seconds = await hepar(['segment', input, '--out', out]);
    const { engine, series } = await readFindings(join(out, 'findings.json'));
    const { retrieve, assemble, segment, measure, report } = engine.timingsMs;
    const stages = [retrieve + assemble, segment, measure, report].map((milliseconds) =>
      (milliseconds / 1000).toFixed(1),
    );
    const peak = await peakMib(['segment', input, '--out', `${out}-again`]);
    const name = input.startsWith(scratch) ? 'phantom' : `${basename(dirname(input))}/${basename(input)}`;
    process.stdout.write(
      `| ${name} | ${series.slices} | ${seconds.toFixed(1)} | ${stages.join(' | ')} | ${peak.toFixed(0)} |\n`,
    );
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}
