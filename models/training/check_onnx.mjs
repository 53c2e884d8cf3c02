// Runs the released networks in ONNX Runtime and compares them with PyTorch's answers (written by the export).
// node models/training/check_onnx.mjs [MODEL_FOLDER] [WORK_FOLDER] [PROVIDER]: every file on one provider, the CPU's if none is named
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ort from 'onnxruntime-node';

const LARGEST_DIFFERENCE = 1e-3;
const MOST_BYTES = 10e6;

const model = process.argv[2] ?? 'models/hepar-ct-liver';
const work = process.argv[3] ?? '.data/training';
const provider = process.argv[4] ?? 'cpu';
const manifest = JSON.parse(await readFile(join(model, 'manifest.json'), 'utf8'));
const floats = async (name) => {
  const bytes = await readFile(join(work, name));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
};
const differenceOf = (got, expected) => {
  if (got.length !== expected.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(got[i] - expected[i]);
    // Written so that what is not a number is the largest of all.
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return largest;
};
for (const name of ['locate', 'segment']) {
  const stage = manifest.cascade[name];
  const outputs = [stage.output, ...(stage.presence ? [stage.presence.output] : [])];
  const x = new ort.Tensor('float32', await floats(`${name}.x.f32`), [1, 1, ...stage.windowVoxels.toReversed()]);
  const expected = await Promise.all(outputs.map((output) => floats(`${name}.${output}.f32`)));
  for (const file of [stage.file, ...(stage.variants ?? []).map((variant) => variant.file)]) {
    const bytes = await readFile(join(model, file));
    const session = await ort.InferenceSession.create(bytes, { executionProviders: [provider], intraOpNumThreads: 2 });
    await session.run({ [stage.input]: x });
    const start = performance.now();
    const got = await session.run({ [stage.input]: x }, outputs);
    const ms = performance.now() - start;
    const differences = outputs.map((output, n) => differenceOf(got[output].data, expected[n]));
    const shown = outputs.map((output, n) => `${output} ${differences[n].toExponential(1)}`).join(', ');
    console.log(
      `${file} on ${provider}: ${(bytes.length / 1e6).toFixed(1)} MB, largest difference ${shown}, ${ms.toFixed(0)} ms a window`,
    );
    if (Math.max(...differences) > LARGEST_DIFFERENCE || bytes.length > MOST_BYTES) process.exitCode = 1;
    await session.release();
  }
}
