import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { showProgress } from '../../../server/src/cli/progress-display.ts';

function display(isTTY: boolean, columns = 80) {
  const written: string[] = [];
  let clock = 0;
  const shown = showProgress({ isTTY, columns, write: (text) => written.push(text) }, () => clock);
  return { ...shown, written, wait: (milliseconds: number) => (clock += milliseconds) };
}

describe('progress of the hepar command', () => {
  it('is plain lines in a pipe: one for each phase, and a sign of life every five seconds', () => {
    const { report, written, wait, end } = display(false);
    for (let step = 0; step <= 100; step++) {
      report('segment', step / 100);
      wait(100);
    }
    report('measure', 0);
    end();
    deepStrictEqual(written, [
      '0.0 s segment 0%\n',
      '5.0 s segment 50%\n',
      '10.0 s segment 100%\n',
      '10.1 s measure 0%\n',
    ]);
  });

  it('is one line on a terminal that is drawn again, fits its width and is gone at the end', () => {
    const { report, written, end } = display(true, 40);
    report('segment', 0.5);
    report('segment', 0.51);
    strictEqual(written.length, 1);
    ok(written[0]!.startsWith('\r\x1b[2K3/6 segment'));
    ok(written[0]!.replace('\r\x1b[2K', '').length < 40);
    end();
    strictEqual(written.at(-1), '\r\x1b[2K');
  });

  it('never shows less than nothing or more than all', () => {
    const { report, written } = display(false);
    report('retrieve', -1);
    report('assemble', 7);
    deepStrictEqual(written, ['0.0 s retrieve 0%\n', '0.0 s assemble 100%\n']);
  });
});
