import assert from 'node:assert/strict';
import { RuntimeSession } from '../../../server/src/inference/runtime.ts';
import { tinyOnnx } from './tiny-onnx.ts';

/** Twice its input. */
const DOUBLE = tinyOnnx({ weights: Float32Array.of(2), bias: [0], kernelZyx: [1, 1, 1] });
const SHAPE = [1, 1, 2, 2, 2];
const wanted = [{ name: 'y', shape: SHAPE }];
const input = (value: number) => ({ name: 'x', values: new Float32Array(8).fill(value), shape: SHAPE });
const CPU = { provider: 'cpu', threads: 1 } as const;

describe('a network in lanes', () => {
  it('gives each run its own answer, twice as many at once as there are lanes', async () => {
    const session = await RuntimeSession.open([DOUBLE], CPU, 3);
    for (let round = 0; round < 3; round++) {
      const runs = Array.from({ length: 6 }, (_, n) => session.run(input(10 * round + n), wanted));
      for (const [n, run] of runs.entries()) {
        const [output] = await run;
        assert.deepEqual([...(output!.values as Float32Array)], new Array(8).fill(2 * (10 * round + n)));
      }
    }
    await session.release();
  });

  it('does not run what still waits when it is released: who cancels waits for no second window', async () => {
    const session = await RuntimeSession.open([DOUBLE], CPU, 2);
    const runs = Array.from({ length: 100 }, (_, n) => session.run(input(n), wanted));
    const ended = Promise.allSettled(runs);
    await session.release();
    const last = (await ended).at(-1)!;
    assert.equal(last.status, 'rejected');
    assert.match(String(last.reason), /released/);
  });

  it('says what is wrong with a network in all lanes, and opens the next', async () => {
    await assert.rejects(RuntimeSession.open([DOUBLE.subarray(0, 40)], CPU, 2));
    await (await RuntimeSession.open([DOUBLE], CPU, 2)).release();
  });
});
