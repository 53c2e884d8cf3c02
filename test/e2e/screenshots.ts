/** `npm run screenshots [FOLDER]`: pictures of every state of the viewer, made by the end-to-end tests on phantoms. */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const folder = resolve(process.argv[2] ?? join(ROOT, '.data', 'screenshots'));
const tests = globSync('test/e2e/*.test.ts', { cwd: ROOT }).sort();
const env = { ...process.env, HEPAR_SCREENSHOTS: folder };
const { status } = spawnSync(process.execPath, ['test/run.ts', ...tests], { cwd: ROOT, stdio: 'inherit', env });
process.stdout.write(`The pictures are in ${folder}\n`);
process.exit(status ?? 1);
