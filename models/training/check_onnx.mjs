// Runs the released networks in ONNX Runtime and compares them with PyTorch's answers (written by the export).
// node models/training/check_onnx.mjs [MODEL_FOLDER] [WORK_FOLDER]
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ort from 'onnxruntime-node';

const model = process.argv[2] ?? 'models/hepar-ct-liver';
const work = process.argv[3] ?? '.data/training';
const manifest = JSON.parse(await readFile(join(model, 'manifest.json'), 'utf8'));
const floats = async (name) => {
  const bytes = await readFile(join(work, name));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
};
for (const name of ['locate', 'segment']) {
  const stage = manifest.cascade[name];
  const session = await ort.InferenceSession.create(join(model, stage.file), { intraOpNumThreads: 2 });
  const x = new ort.Tensor('float32', await floats(`${name}.x.f32`), [1, 1, ...stage.windowVoxels.toReversed()]);
  const expected = await floats(`${name}.y.f32`);
  await session.run({ [stage.input]: x });
  const start = performance.now();
  const got = (await session.run({ [stage.input]: x }))[stage.output].data;
  const ms = performance.now() - start;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(got[i] - expected[i]));
  console.log(`${name}: largest difference ${largest.toExponential(1)}, ${ms.toFixed(0)} ms a window`);
  if (got.length !== expected.length || largest > 1e-3) process.exitCode = 1;
}
