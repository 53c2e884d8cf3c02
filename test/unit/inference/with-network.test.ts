import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel, type Model } from '../../../server/src/inference/model.ts';
import type { openSession } from '../../../server/src/inference/provider.ts';
import { withNetwork } from '../../../server/src/inference/with-network.ts';
import { writeTinyModel } from './tiny-model.ts';

describe('a network that is opened while other work goes on', () => {
  let dir: string;
  let model: Model;
  let events: string[];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-with-network-'));
    await writeTinyModel(dir);
    model = await loadModel(dir);
  });
  after(() => rm(dir, { recursive: true }));
  beforeEach(() => {
    events = [];
  });

  /** Runs `meanwhile` and then a use that returns what it was given, with a runtime that opens when `opened` says so. */
  const run = (meanwhile: () => unknown, opened: Promise<void> = Promise.resolve()) => {
    const open: typeof openSession = async (read, stage) => {
      assert.ok((await read(stage)).length > 0);
      events.push('asked');
      await opened;
      events.push('open');
      return {
        engine: { provider: 'cpu', device: 'made up' },
        batch: 1,
        run: () => assert.fail('not used'),
        probabilities: () => assert.fail('not used'),
        release: async () => {
          events.push('released');
        },
      };
    };
    const options = { provider: 'cpu', open } as const;
    const { segment } = model.manifest.cascade;
    const { signal } = new AbortController();
    return withNetwork(model, { stage: segment }, options, signal, [], meanwhile, async (_, prepared) => {
      events.push('used');
      return prepared;
    });
  };

  it('has been asked for when the work begins, and gets what the work has made', async () => {
    const opened = Promise.withResolvers<void>();
    const prepare = () => {
      events.push('prepared');
      opened.resolve();
      return 'a field';
    };
    assert.equal(await run(prepare, opened.promise), 'a field');
    assert.deepEqual(events, ['asked', 'prepared', 'open', 'used', 'released']);
  });

  it('is let go when the work finds that it is not needed', async () => {
    const refusal = new Error('no liver');
    await assert.rejects(
      run(() => {
        throw refusal;
      }),
      refusal,
    );
    assert.deepEqual(events, ['asked', 'open', 'released']);
  });

  it('says that it could not be opened when the work is done', async () => {
    const opened = Promise.reject(new Error('out of memory'));
    await assert.rejects(
      run(() => events.push('prepared'), opened),
      /out of memory/,
    );
    assert.deepEqual(events, ['asked', 'prepared']);
  });
});
