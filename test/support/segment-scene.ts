/**
 * Segments the scene whose answer is known and writes its labels to a file, a byte a voxel. Arguments: model folder,
 * provider, file. A process of its own, since a driver is chosen by its environment.
 */
import { writeFile } from 'node:fs/promises';
import { segment } from '../../server/src/inference/cascade.ts';
import { loadModel } from '../../server/src/inference/model.ts';
import type { Provider } from '../../server/src/inference/provider.ts';
import { gridAround, SCENE, seriesOf } from '../unit/inference/scene.ts';

const [modelDir, provider, file] = process.argv.slice(2);
const axes = [
  [0, 1, 0],
  [-1, 0, 0],
  [0, 0, 1],
] as const;
const series = seriesOf(SCENE, gridAround(SCENE.centreMm, [72, 80, 36], [1.5, 1.6, 2.5], axes));
const progress = { signal: new AbortController().signal, report: () => {} };
const options = { provider: provider as Provider, threads: 1 };
const { labelMap, engine } = await segment(series, await loadModel(modelDir!), options, progress);
if (engine.provider !== provider) throw new Error(`ran on ${engine.provider}`);
await writeFile(file!, labelMap.labels);
