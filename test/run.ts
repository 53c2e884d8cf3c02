/** Runs the tests: `test/run.ts [--full] [--grep TEXT] [files…]`. `--full` runs every case of every matrix. */
import { globSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Mocha from 'mocha';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const { values, positionals } = parseArgs({
  options: { full: { type: 'boolean' }, grep: { type: 'string' } },
  allowPositionals: true,
});
if (values.full) process.env.HEPAR_TEST_FULL = '1';

const mocha = new Mocha({
  timeout: 300_000,
  slow: 3_000,
  forbidOnly: process.env.CI !== undefined,
  ...(values.grep === undefined ? {} : { grep: values.grep }),
});
const layers = ['unit', 'integration', 'conformance', 'e2e'];
const files =
  positionals.length > 0 ? positionals : layers.flatMap((layer) => globSync(`test/${layer}/**/*.test.ts`).sort());
for (const file of files) mocha.addFile(file);
await mocha.loadFilesAsync();
const runner = mocha.run((failures) => {
  const { passes = 0, pending = 0, tests = 0 } = runner.stats ?? {};
  const summary = `\n${passes} passed, ${failures} failed, ${pending} skipped\n`;
  process.stdout.write(summary, () => process.exit(failures > 0 || tests === 0 ? 1 : 0));
});
