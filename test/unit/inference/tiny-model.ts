import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CODES } from '../../../server/src/dicom/codes.ts';
import type { Manifest, Presence, Stage } from '../../../server/src/inference/manifest.ts';
import { shiftedNetwork, thresholdNetwork, tinyOnnx } from './tiny-onnx.ts';

/** HU of the tissues of the tests' scenes, in the order of the tiny networks' channels. */
export const FAT = -100;
export const LIVER_HU = 80;
export const LESION_HU = 180;
export const BONE = 600;
const THRESHOLDS = [-10, 130, 400];

export interface TinyModelOptions {
  readonly locate?: Partial<Stage>;
  readonly segment?: Partial<Stage>;
  readonly cascade?: Partial<Manifest['cascade']>;
  readonly postprocessing?: Partial<Manifest['postprocessing']>;
  /** Stage 2 moves what it finds by one of its voxels to Left, Posterior and Superior. */
  readonly shifted?: boolean;
  /** Stage 2 adds this to its last channel. */
  readonly bias?: number;
  /** Stage 2 says of patches of this many voxels along each axis whether their mean HU is 20 above that of liver. */
  readonly patchVoxels?: number;
}

/** For tests to whom the answer does not matter, as long as there is a liver: of a phantom it is found in no time. */
export const COARSE: TinyModelOptions = {
  locate: { spacingMm: [12, 12, 12] },
  segment: { spacingMm: [10, 10, 10], overlap: 0.25 },
  postprocessing: { leastLesionMl: 1e6 },
};

/** Writes a model that tells tissues apart by their HU, so that its answer is known beforehand. */
export async function writeTinyModel(dir: string, options: TinyModelOptions = {}): Promise<Manifest> {
  const network = thresholdNetwork(THRESHOLDS);
  const locate = tinyOnnx(network);
  const bias = network.bias.with(-1, network.bias.at(-1)! + (options.bias ?? 0));
  const patch = options.patchVoxels;
  const segment = tinyOnnx({
    ...(options.shifted ? shiftedNetwork(network) : network),
    bias,
    ...(patch ? { presence: { patchZyx: [patch, patch, patch], threshold: LIVER_HU + 20, steepness: 0.3 } } : {}),
  });
  const manifest = tinyManifest(locate, segment, options);
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'locate.onnx'), locate);
  await writeFile(join(dir, 'segment.onnx'), segment);
  await writeFile(join(dir, 'manifest.json'), JSON.stringify(manifest));
  return manifest;
}

export function tinyStage(file: string, onnx: Uint8Array, changes: Partial<Stage> = {}): Stage {
  return {
    file,
    sha256: createHash('sha256').update(onnx).digest('hex'),
    input: 'x',
    output: 'y',
    activation: 'logits',
    channels: ['background', 'liver', 'lesion', 'other'],
    spacingMm: [2, 2, 2],
    windowVoxels: [32, 32, 32],
    overlap: 0.5,
    intensity: { kind: 'window', lowHu: -1000, highHu: 1000, centreHu: 0, scaleHu: 1 },
    ...changes,
  };
}

function tinyPresence(patch: number): Presence {
  return { output: 'presence', activation: 'logits', patchVoxels: [patch, patch, patch] };
}

function tinyManifest(locate: Uint8Array, segment: Uint8Array, options: TinyModelOptions): Manifest {
  const lesionCategory = CODES.morphologicallyAbnormalStructure;
  return {
    schema: 1,
    id: 'tiny',
    name: 'Tiny test model',
    version: '1.0.0',
    description: 'Tells tissues apart by HU',
    modality: 'CT',
    licence: 'Apache-2.0',
    labels: {
      liver: { category: CODES.anatomicalStructure, type: CODES.liver },
      lesion: { category: lesionCategory, type: CODES.mass, anatomicRegion: CODES.liver },
    },
    cascade: {
      locate: tinyStage('locate.onnx', locate, { spacingMm: [4, 4, 4], overlap: 0.25, ...options.locate }),
      leastLiverMl: 20,
      marginMm: 12,
      segment: {
        ...tinyStage('segment.onnx', segment, options.segment),
        ...(options.patchVoxels ? { presence: tinyPresence(options.patchVoxels) } : {}),
      },
      ...options.cascade,
    },
    postprocessing: {
      keepLargestLiver: true,
      fillHolesMl: 0,
      leastLesionMl: 0,
      leastLesionConfidence: 0,
      leastInsideLiver: 0,
      ...options.postprocessing,
    },
  };
}
