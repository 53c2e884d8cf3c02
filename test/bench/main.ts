/**
 * `npm run bench`: the performance tables of the README, measured now. Arguments: folders of CT series to time besides the
 * phantom; or `viewer`, for the viewer's table alone.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const args = process.argv.slice(2);
const only = args[0] === 'viewer' ? 'viewer.ts' : null;
const BENCHES = [
  { title: 'Segmenting a series', file: 'segment.ts', args },
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
