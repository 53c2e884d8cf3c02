import assert from 'node:assert/strict';
import fc from 'fast-check';
import { inputShape, withInputShape } from '../../../server/src/inference/onnx/input-shape.ts';
import { bytesField, joined, message, numberField } from '../../../server/src/inference/onnx/protobuf.ts';
import { RuntimeSession } from '../../../server/src/inference/runtime.ts';
import { tinyOnnx } from './tiny-onnx.ts';

const CPU = { provider: 'cpu', threads: 1 } as const;
const withInput = (shape: readonly (number | string)[]) =>
  tinyOnnx({ weights: Float32Array.of(1, 2), bias: [0, 1], kernelZyx: [1, 1, 1], inputShape: shape, outputShape: [] });

describe('the sizes of a graph', () => {
  it('are written where they are open, and nothing else is touched: so the runtime reads it', async () => {
    const edge = fc.integer({ min: 1, max: 300 });
    const dimension = fc.oneof(edge, fc.constantFrom('n', 'depth', 'height', 'width'));
    await fc.assert(
      fc.asyncProperty(fc.tuple(dimension, dimension, dimension), fc.tuple(edge, edge, edge), async (stated, sizes) => {
        const onnx = withInput([1, 1, ...stated]);
        assert.deepEqual(inputShape(onnx, 'x'), [1, 1, ...stated]);
        const pieces = withInputShape(onnx, 'x', [1, 1, ...sizes]);
        const expected = [1, 1, ...stated.map((own, axis) => (typeof own === 'number' ? own : sizes[axis]!))];
        assert.equal(pieces === null, stated.every(Number.isInteger));
        if (pieces === null) return;
        assert.deepEqual(inputShape(joined(pieces), 'x'), expected);
        const session = await RuntimeSession.open(pieces, CPU);
        assert.deepEqual(session.inputs[0]!.shape, expected);
        const [, , z, y, x] = expected as [1, 1, number, number, number];
        if (z * y * x < 1e4) {
          const input = { name: 'x', values: new Float32Array(z * y * x).fill(3), shape: expected };
          const [output] = await session.run(input, [{ name: 'y', shape: [1, 2, z, y, x] }]);
          assert.deepEqual([...new Set(output!.values as Float32Array)], [3, 7]);
        }
        await session.release();
      }),
      { numRuns: 40 },
    );
  });

  it('are left as they are where there are fewer or more axes, no such input, or no sizes stated', () => {
    assert.equal(withInputShape(withInput([1, 1, 'z', 'y', 'x']), 'image', [1, 1, 2, 3, 4]), null);
    assert.equal(withInputShape(withInput([]), 'x', [1, 1, 2, 3, 4]), null);
    assert.deepEqual(inputShape(withInput([]), 'x'), []);
    const sized = withInputShape(withInput([1, 1, 'z', 'y', 'x', 't']), 'x', [1, 1, 2, 3, 4])!;
    assert.deepEqual(inputShape(joined(sized), 'x'), [1, 1, 2, 3, 4, 't']);
  });

  it('are open where they are negative, or without a name', () => {
    const minusOne = Uint8Array.from([0x08, ...new Array(9).fill(0xff), 0x01]);
    const dimensions = [numberField(1, 1), minusOne, new Uint8Array()].map((dimension) => bytesField(1, dimension));
    const shape = bytesField(2, message(...dimensions));
    const info = message(bytesField(1, Buffer.from('x')), bytesField(2, bytesField(1, shape)));
    const onnx = bytesField(7, bytesField(11, info));
    assert.deepEqual(inputShape(onnx, 'x'), [1, -1, -1]);
    assert.deepEqual(inputShape(joined(withInputShape(onnx, 'x', [5, 6, 7])!), 'x'), [1, 6, 7]);
  });
});
