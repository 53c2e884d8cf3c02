// Sets up whatever is missing, then runs a command with the project's own Node:
//
//   node scripts/setup.mjs [start|test|test:full|bench|hepar] [arguments]
//
// Plain JavaScript without dependencies, for any Node from 18 on: it runs before anything is installed.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { installNodePackages } from './setup/node-packages.mjs';
import { installOrthanc } from './setup/orthanc.mjs';
import { ROOT, SetupError } from './setup/run.mjs';
import { installTestTools } from './setup/test-tools.mjs';
import { installViewer } from './setup/viewer.mjs';

const COMMANDS = {
  start: { needs: [installOrthanc, installViewer], run: ['server/src/cli/main.ts', 'start'] },
  test: { needs: [installOrthanc, installViewer, installTestTools], run: ['test/run.ts'] },
  'test:full': { needs: [installOrthanc, installViewer, installTestTools], run: ['test/run.ts', '--full'] },
  screenshots: { needs: [installOrthanc, installViewer, installTestTools], run: ['test/e2e/screenshots.ts'] },
  bench: { needs: [installOrthanc, installViewer, installTestTools], run: ['test/bench/main.ts'] },
  hepar: { needs: [], run: ['server/src/cli/main.ts'] },
};

const [name = 'start', ...rest] = process.argv.slice(2);
const command = COMMANDS[name];
if (!command) fail(`no command '${name}'; there are: ${Object.keys(COMMANDS).join(', ')}`);
try {
  await installNodePackages();
  for (const install of command.needs) await install();
} catch (error) {
  if (error instanceof SetupError) fail(error.message);
  throw error;
}

const node = join(ROOT, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');
const child = spawn(node, [...command.run.map((part) => (part.endsWith('.ts') ? join(ROOT, part) : part)), ...rest], {
  stdio: 'inherit',
});
// The terminal sends Ctrl-C to the child as well; this process only waits for it to finish its own shutdown.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on('error', (error) => fail(`could not run Node: ${error.message}`));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));

function fail(message) {
  process.stderr.write(`set-up: ${message}\n`);
  process.exit(1);
}
