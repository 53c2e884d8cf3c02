/** Every fault at every stage, and the table of docs/faults.md made from it. */
import { spawnSync } from 'node:child_process';

const { status } = spawnSync(process.execPath, ['test/run.ts', '--full', 'test/integration/faults.test.ts'], {
  stdio: 'inherit',
  env: { ...process.env, HEPAR_FAULT_TABLE: '1' },
});
process.exitCode = status ?? 1;
