/**
 * All objects of a result on a CT of 300 x 512 x 512 with ten lesions: made, and written to disk. Prints a Markdown table.
 * Memory is the peak of the process above what it held before, which is the volume and the label map.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('reports-child.ts', import.meta.url));
const ROWS = [
  ['SEG, SR, Secondary Capture, preview (the server)', ['secondary-capture'], []],
  ['the same, PNG masks (hepar segment)', ['secondary-capture'], ['masks']],
  [
    'every optional object, PNG masks and NIfTI',
    ['secondary-capture', 'probability', 'mask', 'rtstruct'],
    ['masks', 'nifti'],
  ],
] as const;

process.stdout.write(`${cpus()[0]?.model ?? 'CPU'}, ${availableParallelism()} threads, Node ${process.version}\n\n`);
process.stdout.write(
  '| objects | made and written, s | CPU time, s | memory above the label map, MiB | on disk, MiB |\n|---|---|---|---|---|\n',
);
for (const [title, objects, plainFiles] of ROWS) {
  const out = await mkdtemp(join(tmpdir(), 'hepar-bench-reports-'));
  try {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--expose-gc', CHILD, out, objects.join(), plainFiles.join()],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`the objects were not made: ${stderr}`);
    const { wallMs, cpuMs, aboveMib, diskMib } = JSON.parse(stdout) as Record<string, number>;
    const cells = [(wallMs! / 1000).toFixed(2), (cpuMs! / 1000).toFixed(2), aboveMib!.toFixed(0), diskMib!.toFixed(0)];
    process.stdout.write(`| ${title} | ${cells.join(' | ')} |\n`);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}
