import { match, strictEqual } from 'node:assert';
import { spawnSync } from 'node:child_process';

/** The set-up script as npm calls it. */
function setup(...args: string[]) {
  return spawnSync(process.execPath, ['scripts/setup.mjs', ...args], { encoding: 'utf8' });
}

describe('the set-up script', () => {
  it('does nothing when everything is there, and passes arguments and exit code on', () => {
    const help = setup('hepar', 'help');
    strictEqual(help.stderr, '');
    match(help.stdout, /hepar segment/);
    strictEqual(help.status, 0);
    strictEqual(setup('hepar', 'nonsense').status, 1);
  });

  it('names its commands when it is asked for another', () => {
    const { status, stderr } = setup('dance');
    strictEqual(status, 1);
    match(stderr, /no command 'dance'; there are: start, test/);
  });
});
