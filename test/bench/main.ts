/**
 * `npm run bench`: the performance tables of the README, measured now. Arguments: folders of CT series to time besides the
 * phantom; or `reports` or `viewer`, for the table of the objects of a result or the viewer's alone.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const args = process.argv.slice(2);
const ALONE: Readonly<Record<string, string>> = { reports: 'reports.ts', viewer: 'viewer.ts' };
const only = ALONE[args[0] ?? ''] ?? null;
const BENCHES = [
  { title: 'Segmenting a series', file: 'segment.ts', args },
  { title: 'Making the objects of a result', file: 'reports.ts', args: [] },
  { title: 'Retrieving a series', file: 'retrieve.ts', args: [] },
  { title: 'The event loop of the server', file: 'event-loop.ts', args: [] },
  { title: 'The viewer', file: 'viewer.ts', args: [] },
];

for (const { title, file, args } of BENCHES.filter(({ file }) => only === null || file === only)) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  process.stdout.write(`\n## ${title}\n\n`);
  const { status } = spawnSync(process.execPath, [path, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
