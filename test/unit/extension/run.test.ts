import { deepEqual, equal } from 'node:assert/strict';
import { currentResult, nextRepeat, resultsOfSeries } from '../../../extension/src/companion/run.ts';
import { run, SERIES } from './support.ts';

describe('the results of a series in the viewer', () => {
  const old = run('old', { finishedAt: '2026-11-01T10:00:00.000Z' });
  const late = run('late', { finishedAt: '2026-11-03T10:00:00.000Z', supersedes: 'old' });

  it('never takes a result of another series, which would draw lesions where there are none', () => {
    const elsewhere = run('elsewhere', { seriesInstanceUID: '2.25.77', finishedAt: '2026-12-01T10:00:00.000Z' });
    equal(currentResult([elsewhere], SERIES), null);
    equal(currentResult([elsewhere, old], SERIES)?.id, 'old');
  });

  it('takes the newest that none has taken the place of, in whatever order they are told', () => {
    equal(currentResult([old, late], SERIES)?.id, 'late');
    equal(currentResult([late, old], SERIES)?.id, 'late');
    const finishedLaterButSuperseded = run('x', { finishedAt: '2026-11-09T10:00:00.000Z' });
    const current = run('y', { finishedAt: '2026-11-08T10:00:00.000Z', supersedes: 'x' });
    equal(currentResult([finishedLaterButSuperseded, current], SERIES)?.id, 'y');
  });

  it('keeps an earlier result in view when a later run failed, was refused or still goes on', () => {
    for (const state of ['failed', 'refused', 'cancelled', 'queued', 'running'] as const) {
      const later = run('later', { state, createdAt: '2026-11-05T10:00:00.000Z', supersedes: 'old' });
      equal(currentResult([later, old], SERIES)?.id, 'old', state);
    }
  });

  it('lists results by date, newest first', () => {
    deepEqual(
      resultsOfSeries([old, late, run('failed', { state: 'failed' })], SERIES).map(({ id }) => id),
      ['late', 'old'],
    );
  });

  it('asks for a new run only where there is a result already; a failed one is taken up again', () => {
    equal(nextRepeat([], SERIES), 0);
    equal(nextRepeat([run('a', { state: 'failed' })], SERIES), 0);
    equal(nextRepeat([run('a'), run('b', { repeat: 3 })], SERIES), 4);
    equal(nextRepeat([run('a'), run('b', { repeat: 1, state: 'cancelled' })], SERIES), 1);
    equal(nextRepeat([run('a', { seriesInstanceUID: '2.25.77', repeat: 5 })], SERIES), 0);
  });
});
