import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, ROOT, run, SetupError, say, succeeds } from './run.mjs';

const STAMP = join(ROOT, 'node_modules', '.hepar-installed');

/**
 * Installs the npm packages of package-lock.json when it has changed since the last time.
 * onnxruntime-node brings CPU and WebGPU along; its CUDA libraries are a large download, made only for an NVIDIA card.
 */
export async function installNodePackages() {
  const cuda = hasNvidiaCard();
  const lock = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
  const wanted = `${lock} ${process.platform}-${process.arch}${cuda ? ' cuda12' : ''}`;
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return;
  const npm = findProgram(process.platform === 'win32' ? 'npm.cmd' : 'npm');
  if (!npm) throw new SetupError('npm is not on the PATH; install Node.js 18 or later with npm.');
  await run('installing npm packages', npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    ONNXRUNTIME_NODE_INSTALL: 'skip',
  });
  if (cuda) await installCuda();
  writeFileSync(STAMP, wanted);
}

function hasNvidiaCard() {
  if (existsSync('/proc/driver/nvidia/gpus')) return true;
  const query = findProgram('nvidia-smi', 'nvidia-smi.exe');
  return query !== null && succeeds(query, ['-L']);
}

async function installCuda() {
  try {
    await run(
      'installing the CUDA libraries of onnxruntime-node',
      process.execPath,
      [join(ROOT, 'node_modules', 'onnxruntime-node', 'script', 'install.js')],
      { ONNXRUNTIME_NODE_INSTALL: 'cuda12' },
    );
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(
      `an NVIDIA card is here, but its libraries could not be installed; Hepar will run without it. ${error.message}`,
    );
  }
}
