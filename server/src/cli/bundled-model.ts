import { fileURLToPath } from 'node:url';
import { readConfig } from '../config.ts';
import { readDefaultModel } from '../inference/installed.ts';
import { listModels } from '../inference/model.ts';

/** The folder of the model that comes with Hepar. */
export function bundledModelDir(): string {
  return fileURLToPath(new URL('../../../models/hepar-ct-liver', import.meta.url));
}

/** The folder of the model that `hepar models default` has chosen, else of the bundled one. @throws Error when it is gone */
export async function defaultModelDir(): Promise<string> {
  const { modelsDir } = readConfig({ HEPAR_MODELS: process.env.HEPAR_MODELS });
  const id = await readDefaultModel(modelsDir);
  if (id === undefined) return bundledModelDir();
  const model = (await listModels(modelsDir)).models.find(({ manifest }) => manifest.id === id);
  if (model) return model.dir;
  throw new Error(
    `The default model '${id}' is no usable model in ${modelsDir}: choose one with hepar models default.`,
  );
}
