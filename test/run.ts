/**
 * Runs the tests: `test/run.ts [--full] [--grep TEXT] [files…]`. `--full` runs every case of every matrix. Without files all
 * layers run, three lanes of them beside one another: a test keeps one core busy, and often waits for another process.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Mocha from 'mocha';

/** In the order in which they run. */
const LAYERS = ['unit', 'integration', 'conformance', 'e2e'];
/** What each lane runs: a file goes with the first that takes it. They take about as long as one another. */
const LANES = [
  /^test\/(unit|conformance)\/|^test\/integration\/(cli-|imported)/,
  /^test\/e2e\/|^test\/integration\/(cli|one-study|priors|start)/,
  /./,
];

/** A lane that could write no more would stand still. */
const MOST_KEPT_BYTES = 2 ** 26;

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const { values, positionals } = parseArgs({
  options: { full: { type: 'boolean' }, grep: { type: 'string' } },
  allowPositionals: true,
});
if (values.full) process.env.HEPAR_TEST_FULL = '1';
// Tests start dozens of processes on the same modules: each takes half the time when they are compiled already.
process.env.NODE_COMPILE_CACHE ??= join(root, '.data', 'compiled');

const isLane = process.send !== undefined;
if (isLane) process.once('disconnect', () => process.exit(1));
const counts = positionals.length > 0 ? await runFiles(positionals) : await runLanes();
if (isLane) {
  process.send!(counts, () => process.exit());
} else {
  const summary = `\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`;
  process.stdout.write(summary, () => process.exit(counts.failed > 0 || counts.passed + counts.skipped === 0 ? 1 : 0));
}

async function runFiles(files: readonly string[]): Promise<Counts> {
  const mocha = new Mocha({
    timeout: 300_000,
    slow: 3_000,
    forbidOnly: process.env.CI !== undefined,
    ...(values.grep === undefined ? {} : { grep: values.grep }),
  });
  for (const file of files) mocha.addFile(file);
  await mocha.loadFilesAsync();
  return new Promise((resolve) => {
    const runner = mocha.run((failed) => {
      const { passes: passed = 0, pending: skipped = 0 } = runner.stats ?? {};
      resolve({ passed, failed, skipped });
    });
  });
}

/** Each lane in a process of its own. What the others say is kept until those before them have ended. */
async function runLanes(): Promise<Counts> {
  const grep = values.grep === undefined ? [] : ['--grep', values.grep];
  const env = process.stdout.isTTY ? { FORCE_COLOR: '1', ...process.env } : process.env;
  const all = LAYERS.flatMap((layer) => globSync(`test/${layer}/**/*.test.ts`).sort());
  const lanes = LANES.map((lane) => {
    const files = all.filter((file) => LANES.find((each) => each.test(file)) === lane);
    return fork(fileURLToPath(import.meta.url), [...grep, ...files], { silent: true, env });
  });
  const ends = lanes.map(countsOf);
  const said = lanes.map(({ stdout, stderr }) => {
    const both = new PassThrough({ highWaterMark: MOST_KEPT_BYTES });
    for (const stream of [stdout!, stderr!]) stream.pipe(both, { end: false });
    return both;
  });
  for (const [n, text] of said.entries()) {
    text.pipe(process.stdout, { end: false });
    await ends[n];
  }
  const counted = await Promise.all(ends);
  const sum = (what: keyof Counts) => counted.reduce((total, each) => total + each[what], 0);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
}

/** A lane that ends without its counts has failed. */
async function countsOf(lane: ChildProcess): Promise<Counts> {
  let counts: Counts | null = null;
  lane.once('message', (message) => {
    counts = message as Counts;
  });
  await once(lane, 'close');
  return counts ?? { passed: 0, failed: 1, skipped: 0 };
}
