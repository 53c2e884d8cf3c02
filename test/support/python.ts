import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Debian's own, which the independent checks run on. */
export const PYTHON = '/usr/bin/python3';

/** Whether PYTHON is there with all of these modules. */
export function hasPythonModules(names: readonly string[]): boolean {
  const find = `import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in ${JSON.stringify(names)}))`;
  return existsSync(PYTHON) && spawnSync(PYTHON, ['-c', find]).status === 0;
}
