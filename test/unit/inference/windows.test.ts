import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Stage } from '../../../server/src/inference/manifest.ts';
import type { NetworkSession } from '../../../server/src/inference/session.ts';
import { type Field, runWindows } from '../../../server/src/inference/windows.ts';
import type { Vec3 } from '../../../server/src/volume/volume.ts';
import { AXIAL } from '../../support/axial.ts';
import { tinyStage } from './tiny-model.ts';

const WINDOW: Vec3 = [4, 6, 2];
const STAGE: Stage = tinyStage('x.onnx', new Uint8Array(), {
  windowVoxels: [...WINDOW],
  channels: ['background', 'liver', 'lesion'],
  overlap: 0.5,
});
const AS_IT_IS = { low: -1e6, high: 1e6, centre: 0, scale: 1 };

/** Answers each voxel from its value alone, so that whatever windows show it, the blend has to say the same. */
const answers = {
  liver: (value: number) => 0.5 + 0.002 * value,
  lesion: (value: number) => 0.1 - 0.0005 * value,
};

function fakeSession(batch: number, sizes: number[] = []): NetworkSession {
  return {
    engine: { provider: 'cpu', device: 'made up' },
    batch,
    run: () => assert.fail('what is blended are probabilities'),
    probabilities: async (input, windows = 1) => {
      sizes.push(windows);
      return { liver: input.map(answers.liver), lesion: input.map(answers.lesion), presence: null };
    },
    release: async () => {},
  };
}

function fieldOf(shape: Vec3): Field {
  const hu = Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, n) => ((n * 7919) % 401) - 200);
  return { grid: { shape, spacingMm: [1, 1, 1], originMm: [0, 0, 0], axes: AXIAL }, hu };
}

const slide = (field: Field, session: NetworkSession, more: Partial<Parameters<typeof runWindows>[1]> = {}) =>
  runWindows(field, {
    stage: STAGE,
    session,
    transform: AS_IT_IS,
    wanted: () => true,
    signal: new AbortController().signal,
    done: () => {},
    ...more,
  });

const shapes = fc.tuple(
  fc.integer({ min: 4, max: 13 }),
  fc.integer({ min: 6, max: 17 }),
  fc.integer({ min: 2, max: 7 }),
);

describe('running windows over a field', () => {
  it('gives every voxel what the network says of it: all are covered, and the weights sum to one', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, async (shape) => {
        const field = fieldOf(shape);
        const { probabilities } = await slide(field, fakeSession(1));
        for (const [voxel, hu] of field.hu.entries()) {
          assert.ok(Math.abs(probabilities.liver[voxel]! - answers.liver(hu)) < 1e-6);
          assert.ok(Math.abs(probabilities.lesion[voxel]! - answers.lesion(hu)) < 1e-6);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('gives the same whatever number of windows runs at once', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.integer({ min: 2, max: 5 }), async (shape, batch) => {
        const field = fieldOf(shape);
        const sizes: number[] = [];
        const one = await slide(field, fakeSession(1));
        const several = await slide(field, fakeSession(batch, sizes));
        assert.deepEqual(several, one);
        assert.ok(sizes.slice(0, -1).every((size) => size === batch) && sizes.at(-1)! <= batch, `${sizes}`);
      }),
      { numRuns: 20 },
    );
  });

  it('gives the same however many lanes there are, in whatever order they end, with outputs that share their memory', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.integer({ min: 2, max: 4 }), fc.gen(), async (shape, lanes, gen) => {
        const field = fieldOf(shape);
        const inner = fakeSession(1);
        const floats = () => new Float32Array(WINDOW[0] * WINDOW[1] * WINDOW[2]);
        const memory = Array.from({ length: 2 * lanes }, () => ({ liver: floats(), lesion: floats() }));
        let [asked, underWay] = [0, 0];
        const session: NetworkSession = {
          ...inner,
          lanes,
          probabilities: async (input, windows) => {
            const { liver, lesion } = memory[asked++ % memory.length]!;
            underWay++;
            assert.ok(underWay <= 2 * lanes, `${underWay} under way`);
            for (let wait = gen(fc.nat, { max: 5 }); wait > 0; wait--) await Promise.resolve();
            // Only now, as a lane does, so that what is overwritten too early is seen.
            const answer = await inner.probabilities(input, windows);
            liver.set(answer.liver);
            lesion.set(answer.lesion!);
            underWay--;
            return { liver, lesion, presence: null };
          },
        };
        assert.deepEqual(await slide(field, session), await slide(field, inner));
      }),
      { numRuns: 20 },
    );
  });

  it('reads the next window while one is computed, and starts it before the last is blended', async () => {
    const events: string[] = [];
    const inner = fakeSession(1);
    const session: NetworkSession = {
      ...inner,
      probabilities: (input, windows) => {
        events.push('begins');
        return inner.probabilities(input, windows);
      },
    };
    await slide(fieldOf([4, 6, 4]), session, { done: () => events.push('blended') });
    assert.deepEqual(events, ['begins', 'begins', 'blended', 'begins', 'blended', 'blended']);
  });

  it('does not wait for a window to end when it is cancelled', async () => {
    const cancelling = new AbortController();
    const reason = new Error('cancelled by the test');
    const session: NetworkSession = {
      ...fakeSession(1),
      probabilities: () => {
        setImmediate(() => cancelling.abort(reason));
        return new Promise(() => {});
      },
    };
    await assert.rejects(
      slide(fieldOf([8, 6, 2]), session, { signal: cancelling.signal }),
      (error) => error === reason,
    );
  });

  it('gives probability zero where no window is wanted, and ends at once when none is', async () => {
    const { probabilities } = await slide(fieldOf([8, 6, 2]), fakeSession(2), { wanted: () => false });
    assert.ok(probabilities.both.every((value) => value === 0));
  });
});
