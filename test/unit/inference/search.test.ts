import assert from 'node:assert/strict';
import fc from 'fast-check';
import { locateLiver, lookForLiver } from '../../../server/src/inference/locate.ts';
import type { Stage } from '../../../server/src/inference/manifest.ts';
import type { NetworkSession } from '../../../server/src/inference/session.ts';
import { type Field, runWindows } from '../../../server/src/inference/windows.ts';
import { connectedComponents, largestComponent, paintComponents } from '../../../server/src/volume/components.ts';
import type { Vec3 } from '../../../server/src/volume/volume.ts';
import { AXIAL } from '../../support/axial.ts';
import { tinyStage } from './tiny-model.ts';

const SPACING_MM = 20;
const VOXEL_ML = 8;
const STAGE: Stage = tinyStage('x.onnx', new Uint8Array(), {
  windowVoxels: [14, 12, 10],
  channels: ['background', 'liver'],
  spacingMm: [SPACING_MM, SPACING_MM, SPACING_MM],
  overlap: 0.25,
});
const [LIVER, BODY] = [100, 0];

/** A body with ellipsoids of liver in it. */
function fieldOf(shape: Vec3, livers: readonly { readonly centre: Vec3; readonly radius: Vec3 }[]): Field {
  const hu = Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, n) => {
    const at = [n % shape[0], Math.floor(n / shape[0]) % shape[1], Math.floor(n / (shape[0] * shape[1]))];
    const isIn = ({ centre, radius }: (typeof livers)[number]) =>
      at.reduce((sum, x, axis) => sum + ((x - centre[axis]!) / radius[axis]!) ** 2, 0) <= 1;
    return livers.some(isIn) ? LIVER : BODY;
  });
  return { grid: { shape, spacingMm: STAGE.spacingMm, originMm: [0, 0, 0], axes: AXIAL }, hu };
}

/** Tells liver by its value, and is less sure of it the nearer to the face of its window. */
function session() {
  const ran = { windows: 0 };
  const [wx, wy, wz] = STAGE.windowVoxels;
  const made: NetworkSession = {
    engine: { provider: 'cpu', device: 'made up' },
    batch: 1,
    run: () => assert.fail('not asked for'),
    probabilities: async (input) => {
      ran.windows++;
      const liver = input.map((value, n) => {
        const [x, y, z] = [n % wx, Math.floor(n / wx) % wy, Math.floor(n / (wx * wy))];
        const fromFace = Math.min(x, y, z, wx - 1 - x, wy - 1 - y, wz - 1 - z);
        return value === LIVER ? Math.min(0.9, 0.33 + 0.2 * fromFace) : 0.02;
      });
      return { liver, lesion: null, presence: null };
    },
    release: async () => {},
  };
  return { made, ran };
}

const { signal } = new AbortController();
const done = () => {};

const search = async (field: Field) => {
  const { made, ran } = session();
  const { mask } = locateLiver(field, await lookForLiver(field, STAGE, made, signal, done), 150);
  return { mask, windows: ran.windows };
};

/** The largest component of what is liver when every window is run. */
async function everywhere(field: Field) {
  const { made, ran } = session();
  const transform = { low: -1000, high: 1000, centre: 0, scale: 1 };
  const run = { stage: STAGE, session: made, transform, wanted: () => true, signal, done };
  const { probabilities } = await runWindows(field, run);
  const mask = Uint8Array.from(probabilities.liver, (value) => (value > 0.5 ? 1 : 0));
  const components = connectedComponents(mask, field.grid.shape, (value) => value === 1);
  const largest = largestComponent(components);
  paintComponents(mask, components, (label) => (label === largest ? null : 0));
  return { mask, ml: components.sizes[largest]! * VOXEL_ML, windows: ran.windows };
}

describe('the search for the liver in a long scan', () => {
  const SHAPE: Vec3 = [20, 16, 60];

  it('finds what all windows find, wherever it is, and runs fewer where it is no small piece', async () => {
    const centres = fc.tuple(
      fc.integer({ min: 0, max: 19 }),
      fc.integer({ min: 0, max: 15 }),
      fc.integer({ min: 0, max: 59 }),
    );
    const spared: number[] = [];
    await fc.assert(
      fc.asyncProperty(centres, fc.integer({ min: 3, max: 6 }), async (centre, size) => {
        const field = fieldOf(SHAPE, [{ centre, radius: [size, size - 0.5, size] }]);
        const expected = await everywhere(field);
        if (expected.ml < 150) return;
        const { mask, windows } = await search(field);
        assert.deepEqual(mask, expected.mask);
        assert.ok(windows <= expected.windows, `${windows} of ${expected.windows}`);
        if (expected.ml < 600) assert.equal(windows, expected.windows, `${expected.ml} ml`);
        else spared.push(expected.windows - windows);
      }),
      { numRuns: 60 },
    );
    assert.ok(spared.filter((windows) => windows > 0).length > spared.length / 2, `${spared}`);
  });

  it('takes a small piece that it sees first for no liver, and looks everywhere for a larger one', async () => {
    // Slices 10 to 12 lie between the layers that are run first.
    const hidden = { centre: [10, 8, 11], radius: [7, 6, 1.5] } as const;
    const piece = { centre: [6, 6, 30], radius: [2, 2, 2] } as const;
    const field = fieldOf(SHAPE, [hidden, piece]);
    const expected = await everywhere(field);
    const { mask, windows } = await search(field);
    assert.deepEqual(mask, expected.mask);
    assert.equal(windows, expected.windows);
    assert.equal(mask[10 + 20 * (8 + 16 * 11)], 1);
  });

  it('runs all windows where there is no liver, before it says so', async () => {
    const field = fieldOf(SHAPE, []);
    const { made, ran } = session();
    const seen = await lookForLiver(field, STAGE, made, signal, done);
    assert.throws(() => locateLiver(field, seen, 150), { name: 'Refusal', code: 'no-liver-in-view' });
    assert.equal(ran.windows, (await everywhere(field)).windows);
  });

  it('has nothing to spare in a scan of the liver alone', async () => {
    const field = fieldOf([20, 16, 14], [{ centre: [8, 8, 6], radius: [6, 5, 5] }]);
    const { mask, windows } = await search(field);
    const expected = await everywhere(field);
    assert.deepEqual(mask, expected.mask);
    assert.equal(windows, expected.windows);
  });
});
