import { deepEqual, equal, ok } from 'node:assert/strict';
import fc from 'fast-check';
import { nextOf, OLDEST_EVERY } from '../../../server/src/jobs/turns.ts';

interface Waiting {
  readonly priority: number;
  readonly ahead: number;
  readonly since: number;
}

describe('who is taken from the queue next', () => {
  it('is a click before what rules have queued, and among equals who came first', () => {
    const waiting = [{ priority: 10 }, { priority: 100 }, { priority: 50 }, { priority: 100 }];
    equal(nextOf(waiting, 0), waiting[1]);
    equal(nextOf([], 0), undefined);
    equal(nextOf([], OLDEST_EVERY - 1), undefined);
  });

  it('is never kept waiting for more than five takes for each run that came before, whoever else comes', () => {
    // At each step some runs arrive, with any priorities, and one is taken.
    const arrivals = fc.array(fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 3 }), { maxLength: 200 });
    fc.assert(
      fc.property(arrivals, fc.nat(OLDEST_EVERY), (steps, before) => {
        const waiting: Waiting[] = [];
        let takes = before;
        const take = () => {
          const next = nextOf(waiting, takes);
          if (!next) return;
          takes++;
          waiting.splice(waiting.indexOf(next), 1);
          const waited = takes - next.since;
          ok(waited <= OLDEST_EVERY * (next.ahead + 1), `${waited} takes with ${next.ahead} ahead`);
        };
        for (const priorities of steps) {
          for (const priority of priorities) waiting.push({ priority, ahead: waiting.length, since: takes });
          take();
        }
        while (waiting.length > 0) take();
      }),
    );
  });

  it('gives automation one take in five while clicks keep coming', () => {
    const rule = { priority: 0 };
    const taken = Array.from({ length: 10 }, (_, takes) => nextOf([rule, { priority: 100 }], takes) === rule);
    deepEqual(taken.map(Number), [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
  });
});
