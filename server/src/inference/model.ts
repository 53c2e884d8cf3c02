import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError } from './errors.ts';
import {
  type LargerWindows,
  type Manifest,
  manifestSchema,
  type NetworkFile,
  type Stage,
  stagesOf,
} from './manifest.ts';
import { externalTensors } from './onnx/external-tensors.ts';
import type { Provider } from './segmentation.ts';

/** A model folder that was checked: its manifest is sound and its networks are the ones that the manifest names. */
export interface Model {
  readonly dir: string;
  readonly manifest: Manifest;
  /** SHA-256 of the manifest's canonical JSON. That JSON holds the networks' own SHA-256, so it covers them too. */
  readonly digest: string;
}

const MANIFEST = 'manifest.json';
const MOST_MANIFEST_BYTES = 1024 ** 2;
const MOST_ONNX_BYTES = 1024 ** 3;
/** 256 voxels cubed: a window beyond that is a mistake, and would take the machine's memory. */
const MOST_WINDOW_VOXELS = 256 ** 3;

/**
 * Reads and checks the model in a folder: manifest.json and the ONNX files that it names.
 * @throws ModelError with every problem found
 */
export async function loadModel(dir: string): Promise<Model> {
  const model = await readModel(dir);
  const problems: string[] = [];
  for (const network of networksOf(model.manifest)) {
    try {
      await readNetwork(dir, network);
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new ModelError(dir, problems);
  return model;
}

/**
 * Reads and checks a model's manifest alone; its networks are checked when they are read.
 * @throws ModelError with every problem found
 */
export async function readModel(dir: string): Promise<Model> {
  const manifest = parseManifest(dir, await readRegularFile(dir, MANIFEST, MOST_MANIFEST_BYTES));
  return { dir, manifest, digest: sha256(Buffer.from(canonicalJson(manifest))) };
}

/**
 * The models in the subfolders of a folder that hold a manifest, in the order of the subfolders' names.
 * A broken model, or a second one of the same id, is among the rejected and hides no other.
 */
export async function listModels(
  modelsDir: string,
): Promise<{ readonly models: readonly Model[]; readonly rejected: readonly ModelError[] }> {
  const models: Model[] = [];
  const rejected: ModelError[] = [];
  const entries = await readdir(modelsDir, { withFileTypes: true });
  for (const name of entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()) {
    const dir = join(modelsDir, name);
    if (!(await exists(join(dir, MANIFEST)))) continue;
    try {
      const model = await loadModel(dir);
      if (models.some((other) => other.manifest.id === model.manifest.id)) {
        throw new ModelError(dir, [`the id '${model.manifest.id}' is taken by another model`]);
      }
      models.push(model);
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      rejected.push(error);
    }
  }
  return { models, rejected };
}

/**
 * The forms of a stage's network that are meant for a provider, in the manifest's order: never none. They have the same
 * weights; which is the fastest is a matter of the hardware.
 */
export function formsFor({ variants = [], ...stage }: Stage, provider: Provider): readonly NetworkFile[] {
  const meant = variants.filter(({ providers }) => providers.includes(provider));
  return meant.length > 0 ? meant : [stage];
}

/** The form of a stage's network that runs on a provider: the first that is among the `fastest`, or the first of all. */
export function networkFor(stage: Stage, provider: Provider, fastest: readonly string[] = []): NetworkFile {
  const forms = formsFor(stage, provider);
  return forms.find(({ file }) => fastest.includes(file)) ?? forms[0]!;
}

/** Each file that a manifest names, once, however many stages and providers it is for. */
function networksOf(manifest: Manifest): NetworkFile[] {
  const named = stagesOf(manifest).flatMap(({ stage }) => [stage, ...(stage.variants ?? [])]);
  return named.filter(
    ({ file, sha256 }, n) => n === named.findIndex((other) => other.file === file && other.sha256 === sha256),
  );
}

/**
 * The bytes of a network, checked against the manifest at the moment that they are read.
 * @throws ModelError when the file is missing, no regular file in the folder, too large, another than the manifest
 * names, no ONNX, or keeps data in other files
 */
export async function readNetwork(dir: string, { file, sha256: expected }: NetworkFile): Promise<Uint8Array> {
  const bytes = await readRegularFile(dir, file, MOST_ONNX_BYTES);
  const digest = sha256(bytes);
  if (digest !== expected) {
    throw new ModelError(dir, [`${file} has SHA-256 ${digest}, but the manifest says ${expected}`]);
  }
  let external: number;
  try {
    external = externalTensors(bytes);
  } catch (error) {
    throw new ModelError(dir, [`${file} is no ONNX file: ${(error as Error).message}`], { cause: error });
  }
  if (external > 0) {
    throw new ModelError(dir, [`${file} keeps ${external} tensors in other files; save it as one file`]);
  }
  return bytes;
}

function parseManifest(dir: string, bytes: Uint8Array): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ModelError(dir, [`${MANIFEST} is no JSON: ${(error as Error).message}`], { cause: error });
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    throw new ModelError(
      dir,
      parsed.error.issues.map(({ path, message }) => `${MANIFEST}: ${path.join('.') || 'top level'}: ${message}`),
    );
  }
  const problems = [...contradictions(parsed.data)].map((problem) => `${MANIFEST}: ${problem}`);
  if (problems.length > 0) throw new ModelError(dir, problems);
  return parsed.data;
}

/** What each field allows and the whole does not. */
function* contradictions(manifest: Manifest): Generator<string> {
  const { locate, segment } = manifest.cascade;
  const stages = stagesOf(manifest);
  if (stages[0]!.stage.intensity.kind === 'liver-median') {
    yield `cascade.${stages[0]!.name}.intensity: the liver median is not known before the liver is located`;
  }
  if (locate && segment.wholeScan) yield 'cascade.locate: a network that sees the whole scan needs none';
  if (!locate && !segment.wholeScan) yield 'cascade.locate: is missing, and cascade.segment.wholeScan is too';
  if (!locate && manifest.cascade.locateShare !== undefined) {
    yield 'cascade.locateShare: there is no stage that locates the liver';
  }
  if (segment.wholeScan) yield* wholeScanContradictions(segment);
  for (const { name, stage } of stages) {
    const { channels, intensity, windowVoxels } = stage;
    for (const channel of name === 'locate' ? (['liver'] as const) : (['liver', 'lesion'] as const)) {
      if (!channels.includes(channel)) yield `cascade.${name}.channels: no '${channel}' among them`;
    }
    if ((intensity.kind === 'scan-zscore' || intensity.kind === 'scan-range') && !stage.wholeScan) {
      yield `cascade.${name}.intensity: '${intensity.kind}' is for a network that sees the whole scan`;
    }
    if (intensity.kind === 'window' && intensity.lowHu >= intensity.highHu) {
      yield `cascade.${name}.intensity: lowHu ${intensity.lowHu} is not below highHu ${intensity.highHu}`;
    }
    const files = stage.variants?.map(({ file }) => file) ?? [];
    const twice = files.find((file, n) => files.indexOf(file) !== n);
    if (twice !== undefined) yield `cascade.${name}.variants: ${twice} is named twice`;
    const voxels = windowVoxels[0] * windowVoxels[1] * windowVoxels[2];
    if (voxels > MOST_WINDOW_VOXELS) {
      yield `cascade.${name}.windowVoxels: ${voxels} voxels a window, more than ${MOST_WINDOW_VOXELS}`;
    }
  }
  const { windowVoxels, presence, largerWindows } = segment;
  if (largerWindows) yield* largerContradictions(segment, largerWindows);
  if (presence?.patchVoxels.some((edge, axis) => windowVoxels[axis]! % edge !== 0)) {
    const patch = presence.patchVoxels.join(' x ');
    yield `cascade.segment.presence: patches of ${patch} voxels do not fill a window of ${windowVoxels.join(' x ')}`;
  }
}

function* largerContradictions(
  { windowVoxels, presence, wholeScan }: Stage,
  { stepVoxels, mostVoxels }: LargerWindows,
): Generator<string> {
  const at = 'cascade.segment.largerWindows';
  if (wholeScan) yield `${at}: is for a network that sees the box around the liver`;
  if (mostVoxels > MOST_WINDOW_VOXELS) yield `${at}: ${mostVoxels} voxels a window, more than ${MOST_WINDOW_VOXELS}`;
  if (windowVoxels.some((edge) => edge % stepVoxels !== 0)) {
    yield `${at}: a window of ${windowVoxels.join(' x ')} is not made of steps of ${stepVoxels}`;
  }
  if (presence?.patchVoxels.some((edge) => stepVoxels % edge !== 0)) {
    yield `${at}: patches of ${presence.patchVoxels.join(' x ')} voxels do not fill a step of ${stepVoxels}`;
  }
}

function* wholeScanContradictions({ channels, presence, wholeScan }: Stage): Generator<string> {
  const { decide, mirrorAxes } = wholeScan!;
  if (presence) yield 'cascade.segment.presence: is for a network that sees the box around the liver';
  if (decide === 'regions' && channels.includes('background')) {
    yield "cascade.segment.channels: regions overlap, and none of them is 'background'";
  }
  if (new Set(mirrorAxes).size !== mirrorAxes.length) {
    yield 'cascade.segment.wholeScan.mirrorAxes: an axis is named twice';
  }
}

/** Reads a file that must lie in the folder itself: a link, a device or a folder of that name is refused. */
async function readRegularFile(dir: string, name: string, mostBytes: number): Promise<Uint8Array> {
  const path = join(dir, name);
  try {
    if (!(await lstat(path)).isFile()) throw new ModelError(dir, [`${name} is no regular file of the model's folder`]);
    await using file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    const { size } = await file.stat();
    if (size > mostBytes) throw new ModelError(dir, [`${name} has ${size} bytes, more than ${mostBytes}`]);
    return await file.readFile();
  } catch (error) {
    if (error instanceof ModelError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'is missing' : `cannot be read: ${code ?? (error as Error).message}`;
    throw new ModelError(dir, [`${name} ${reason}`], { cause: error });
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** JSON without white space and with the keys of every object in code unit order, so that layout changes no digest. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
