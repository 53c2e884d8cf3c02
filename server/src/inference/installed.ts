import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ModelError } from './errors.ts';
import { stagesOf } from './manifest.ts';
import { listModels, loadModel, type Model } from './model.ts';

/** Holds the id of the model that runs when a request names none. */
const DEFAULT = 'default';

/** The id that `hepar models default` has set in a folder of models; undefined when none was. */
export async function readDefaultModel(modelsDir: string): Promise<string | undefined> {
  const text = await readFile(join(modelsDir, DEFAULT), 'utf8').catch(() => '');
  return text.trim() || undefined;
}

/** @throws ModelError when there is no model of this id */
export async function writeDefaultModel(modelsDir: string, id: string): Promise<Model> {
  const { models } = await listModels(modelsDir);
  const model = models.find(({ manifest }) => manifest.id === id);
  if (!model) {
    const known = models.map(({ manifest }) => manifest.id).join(', ') || 'none';
    throw new ModelError(modelsDir, [`there is no model '${id}'; there are: ${known}`]);
  }
  const unfinished = join(modelsDir, `.${DEFAULT}.part`);
  await writeFile(unfinished, `${id}\n`, { flush: true });
  await rename(unfinished, join(modelsDir, DEFAULT));
  return model;
}

/**
 * Copies a model into a folder of models, under its id: the manifest, the networks that it names and its card, nothing
 * else. It is there whole or not at all, and no other model is touched.
 * @throws ModelError when it cannot be used, or its id is taken
 */
export async function installModel(modelsDir: string, dir: string): Promise<Model> {
  const { manifest } = await loadModel(dir);
  await mkdir(modelsDir, { recursive: true });
  const { models } = await listModels(modelsDir);
  const taken = models.find((model) => model.manifest.id === manifest.id);
  if (taken) {
    throw new ModelError(dir, [
      `the id '${manifest.id}' is taken by version ${taken.manifest.version} in ${taken.dir}`,
    ]);
  }
  const unfinished = await mkdtemp(join(modelsDir, '.installing-'));
  try {
    for (const file of filesOf(manifest)) await copyFile(join(dir, file), join(unfinished, basename(file)));
    await copyFile(join(dir, 'card.md'), join(unfinished, 'card.md')).catch(ifAbsent);
    // What was copied is checked again: the files may have changed since.
    await loadModel(unfinished);
    const installed = join(modelsDir, manifest.id);
    await rename(unfinished, installed).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      throw new ModelError(dir, [`there is a folder ${installed} already`], { cause: error });
    });
    return await loadModel(installed);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

function filesOf(manifest: Model['manifest']): string[] {
  const networks = stagesOf(manifest).flatMap(({ stage }) => [stage, ...(stage.variants ?? [])]);
  return ['manifest.json', ...new Set(networks.map(({ file }) => file))];
}

/** A model need not have a card. */
function ifAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
