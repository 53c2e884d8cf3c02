import assert from 'node:assert/strict';
import { openSession } from '../../../server/src/inference/provider.ts';
import { asAsked, mirroring, slidingOptions } from '../../../server/src/inference/sliding.ts';
import { runId } from '../../../server/src/jobs/run.ts';
import { tinyStage } from './tiny-model.ts';
import { shiftedNetwork, thresholdNetwork, tinyOnnx } from './tiny-onnx.ts';

const plain = thresholdNetwork([-10, 130, 400]);
const shape = { x: 8, y: 6, z: 4 };
const voxels = 8 * 6 * 4;
const input = Float32Array.from({ length: voxels }, (_, n) => ((n * 37) % 101) - 50);

/** What a network that looks one voxel back along x, y and z says of channel 1, written out: its input, shifted. */
const shiftedInput = (x: number, y: number, z: number) =>
  x < 0 || y < 0 || z < 0 || x >= 8 || y >= 6 || z >= 4 ? 0 : input[x + 8 * (y + 6 * z)]!;

describe('what a site asks of the windows', () => {
  const open = async () => {
    const onnx = tinyOnnx(shiftedNetwork(plain));
    const stage = tinyStage('x.onnx', onnx, { windowVoxels: [shape.x, shape.y, shape.z] });
    return { stage, session: await openSession(async () => onnx, stage, 'cpu', 1) };
  };

  it('means over the mirror images, mirrored back: what is to one side comes from both', async () => {
    const { stage, session } = await open();
    const { classes } = await mirroring(session, stage, { mirrorAxes: ['x', 'z'] }).run(input);
    for (let z = 0; z < 4; z++) {
      for (let y = 0; y < 6; y++) {
        for (let x = 0; x < 8; x++) {
          const images = [-1, 1].flatMap((dx) => [-1, 1].map((dz) => shiftedInput(x + dx, y - 1, z + dz)));
          const expected = images.reduce((sum, value) => sum + value / 4, 0) + plain.bias[1]!;
          assert.ok(Math.abs(classes[voxels + x + 8 * (y + 6 * z)]! - expected) < 1e-4);
        }
      }
    }
    await session.release();
  });

  it('leaves the session as it is when nothing is asked', async () => {
    const { stage, session } = await open();
    assert.equal(mirroring(session, stage, {}), session);
    assert.equal(asAsked(stage, {}).overlap, stage.overlap);
    assert.equal(asAsked(stage, { overlap: 0.75 }).overlap, 0.75);
    await session.release();
  });

  it('names a run by it, and one that asks for nothing as before', () => {
    const parts = {
      studyInstanceUid: '1.2',
      seriesInstanceUid: '1.2.3',
      instances: ['1.2.3.4'],
      model: { id: 'm', version: '1', digest: 'd' },
      repeat: 0,
    };
    const named = [{}, { overlap: 0.5 }, { mirrorAxes: ['x'] as const }, { mirrorAxes: ['x', 'y'] as const }].map(
      (sliding) => runId(parts, slidingOptions(sliding)),
    );
    assert.equal(new Set(named).size, 4);
    assert.equal(named[0], runId(parts));
    const turned = slidingOptions({ mirrorAxes: ['y', 'x'] });
    assert.equal(runId(parts, turned), named[3], 'the order in which the axes are written');
  });
});
