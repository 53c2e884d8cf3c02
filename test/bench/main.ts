/**
 * `npm run bench`: the performance tables of the README, measured now. Arguments: folders of CT series to time besides the
 * phantom; or `reports` or `viewer`, for the table of the objects of a result or the viewer's alone. Apart from those: `automation` for the way from the
 * archive to the queue, `queue [STUDIES]` for many studies at once,
 * `scaling [SECONDS A STUDY]` for what they cost a PostgreSQL, `faults` for the table of docs/faults.md, `engine [PART...]` for the
 * tables of docs/engine.md, `gpu` for what GPUs make of a model.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const args = process.argv.slice(2);
const BENCHES = [
  { title: 'Segmenting a series', file: 'segment.ts', args },
  { title: 'Making the objects of a result', file: 'reports.ts', args: [] },
  { title: 'Retrieving a series', file: 'retrieve.ts', args: [] },
  { title: 'The event loop of the server', file: 'event-loop.ts', args: [] },
  { title: 'The viewer', file: 'viewer.ts', args: [] },
];
/** Those that can be asked for by their name. */
const ALONE = [
  { title: 'The engine', file: 'engine.ts', args: args.slice(1) },
  { title: 'GPUs against the CPU', file: 'gpu.ts', args: args.slice(1) },
  ...BENCHES.filter(({ file }) => ['reports.ts', 'viewer.ts'].includes(file)),
  { title: 'Automation: from the archive to the queue', file: 'automation.ts', args: [] },
  { title: 'Many studies at once', file: 'queue.ts', args: args.slice(1) },
  { title: 'Room and time in the database', file: 'scaling.ts', args: args.slice(1) },
  { title: 'Faults', file: 'faults.ts', args: [] },
];
const alone = ALONE.filter(({ file }) => file === `${args[0]}.ts`);

for (const { title, file, args } of alone.length > 0 ? alone : BENCHES) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  process.stdout.write(`\n## ${title}\n\n`);
  const { status } = spawnSync(process.execPath, [path, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
