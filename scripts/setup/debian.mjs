import { existsSync, statSync } from 'node:fs';
import { findProgram, run, SetupError, succeeds } from './run.mjs';

const LISTS = '/var/lib/apt/lists';
const ONE_DAY_MS = 86_400_000;

/** The words before apt-get, when Debian packages may be installed here without asking for a password; else null. */
function privilege() {
  if (!findProgram('apt-get')) return null;
  if (process.getuid?.() === 0) return [];
  const sudo = findProgram('sudo');
  return sudo && succeeds(sudo, ['-n', 'true']) ? [sudo, '-n'] : null;
}

export function mayInstallDebianPackages() {
  return privilege() !== null;
}

/**
 * Installs Debian packages.
 * @throws SetupError
 */
export async function installDebianPackages(packages) {
  const before = privilege();
  if (!before) throw new SetupError(`please install: ${packages.join(' ')}`);
  const aptGet = (what, args) => {
    const [program, ...rest] = [...before, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args];
    return run(what, program, rest);
  };
  if (
    !existsSync(LISTS) ||
    Date.now() - statSync(LISTS).mtimeMs > ONE_DAY_MS ||
    !succeeds('apt-cache', ['show', packages[0]])
  ) {
    await aptGet('reading the list of Debian packages', ['update']);
  }
  await aptGet(`installing ${packages.join(', ')}`, ['install', '-y', '--no-install-recommends', ...packages]);
}

/** A package that brings a system service starts it at once: we run our own copy, and the service is not wanted. */
export async function stopService(name) {
  const before = privilege();
  const systemctl = findProgram('systemctl');
  if (!before || !systemctl || !succeeds(systemctl, ['is-active', '--quiet', name])) return;
  const [program, ...rest] = [...before, systemctl, 'disable', '--now', name];
  await run(`stopping the system's own ${name} service`, program, rest);
}
