import { match, strictEqual } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { hasPythonModules, PYTHON } from '../../support/python.ts';

const NEEDED = ['numpy', 'scipy', 'torch', 'onnx'];

describe('the training recipe', () => {
  before(function () {
    if (!hasPythonModules(NEEDED)) this.skip();
  });

  it('passes its own tests, so that the released weights can be made again', function () {
    this.timeout(900_000);
    const { status, stderr } = spawnSync(PYTHON, ['-m', 'unittest', 'discover', '-s', 'tests', '-t', '.'], {
      cwd: 'models/training',
      encoding: 'utf8',
      // Beside other tests more threads only wait for one another.
      env: { ...process.env, OMP_NUM_THREADS: '1' },
    });
    strictEqual(status, 0, stderr);
    match(stderr, /^Ran [1-9]\d* tests/m);
  });
});
