import { match, strictEqual } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { hasPythonModules, PYTHON } from '../../support/python.ts';

describe('the importers', () => {
  before(function () {
    if (!hasPythonModules(['numpy', 'torch', 'onnx', 'nibabel', 'yaml'])) this.skip();
  });

  it('pass their own tests: what they carry over, what they refuse, and that nothing they read is run', function () {
    this.timeout(300_000);
    const { status, stderr } = spawnSync(PYTHON, ['-m', 'unittest', 'discover', '-s', 'tests', '-t', '.'], {
      cwd: 'models/import',
      encoding: 'utf8',
      env: { ...process.env, OMP_NUM_THREADS: '1' },
    });
    strictEqual(status, 0, stderr);
    match(stderr, /^Ran [1-9]\d* tests/m);
  });
});
