/** `npm run bench`: the performance tables of the README, measured now. Arguments: folders of CT series to time besides the phantom. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BENCHES = [
  { title: 'Segmenting a series', file: 'segment.ts', args: process.argv.slice(2) },
  { title: 'Retrieving a series', file: 'retrieve.ts', args: [] },
  { title: 'The event loop of the server', file: 'event-loop.ts', args: [] },
];

for (const { title, file, args } of BENCHES) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  process.stdout.write(`\n## ${title}\n\n`);
  const { status } = spawnSync(process.execPath, [path, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
