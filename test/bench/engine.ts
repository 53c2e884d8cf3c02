/**
 * How fast the engine is, against itself, the machine and PyTorch. Prints Markdown tables. Arguments: some of
 * `scans`, `loop` and `cascade`; all by default. Each runs in a process of its own, so that none finds the other's memory.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';

const PARTS = {
  scans: 'Whole scans, from the archive to the stored result',
  loop: 'The loop over the windows',
  cascade: 'Two stages against one',
};
const asked = process.argv.slice(2);
const unknown = asked.find((name) => !(name in PARTS));
if (unknown !== undefined) {
  process.stderr.write(`bench: no part '${unknown}'; there are: ${Object.keys(PARTS).join(', ')}\n`);
  process.exit(1);
}
const load = loadavg()[0]!.toFixed(1);
process.stdout.write(
  `${cpus()[0]?.model ?? 'CPU'}, ${availableParallelism()} cores, Node ${process.version}, load before: ${load}\n`,
);
for (const [name, title] of Object.entries(PARTS)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  process.stdout.write(`\n### ${title}\n\n`);
  const path = fileURLToPath(new URL(`engine/${name}.ts`, import.meta.url));
  const { status } = spawnSync(process.execPath, [path], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
