import assert from 'node:assert/strict';
import { remainingMs, USUAL_MS, wholeFraction } from '../../../server/src/jobs/estimate.ts';
import { PHASES } from '../../../server/src/progress.ts';

describe('estimate of the time left', () => {
  it('is exact for a run that takes what it is expected to', () => {
    const all = PHASES.reduce((sum, phase) => sum + USUAL_MS[phase], 0);
    let before = 0;
    for (const phase of PHASES) {
      for (const fraction of [0, 0.25, 1]) {
        const elapsed = before + fraction * USUAL_MS[phase];
        const whole = wholeFraction(phase, fraction, USUAL_MS);
        assert.ok(Math.abs(whole - elapsed / all) < 1e-12);
        const left = remainingMs(whole, elapsed);
        if (elapsed / all < 0.03) assert.equal(left, null, 'too early to say');
        else assert.ok(Math.abs(left! - (all - elapsed)) < 1e-6);
      }
      before += USUAL_MS[phase];
    }
  });

  it('doubles on a machine that is half as fast', () => {
    const whole = wholeFraction('segment', 0.5, USUAL_MS);
    assert.equal(remainingMs(whole, 2_000), 2 * remainingMs(whole, 1_000)!);
  });
});
