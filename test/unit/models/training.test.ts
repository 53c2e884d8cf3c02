import { match, strictEqual } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const PYTHON = '/usr/bin/python3';
const NEEDED = ['numpy', 'scipy', 'torch', 'onnx'];

describe('the training recipe', () => {
  before(function () {
    const check = `import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in ${JSON.stringify(NEEDED)}))`;
    if (!existsSync(PYTHON) || spawnSync(PYTHON, ['-c', check]).status !== 0) this.skip();
  });

  it('passes its own tests, so that the released weights can be made again', function () {
    this.timeout(900_000);
    const { status, stderr } = spawnSync(PYTHON, ['-m', 'unittest', 'discover', '-s', 'tests', '-t', '.'], {
      cwd: 'models/training',
      encoding: 'utf8',
    });
    strictEqual(status, 0, stderr);
    match(stderr, /^Ran [1-9]\d* tests/m);
  });
});
