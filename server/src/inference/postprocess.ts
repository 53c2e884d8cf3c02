import {
  type Components,
  componentBox,
  connectedComponents,
  fillHoles,
  largestComponent,
  paintComponents,
  sharesOfSurface,
} from '../volume/components.ts';
import { subtract, voxelAt, voxelMl } from '../volume/geometry.ts';
import type { Box, LabelMap, Vec3 } from '../volume/volume.ts';
import type { Manifest } from './manifest.ts';
import { BACKGROUND, LESION, LIVER, type Segmentation } from './segmentation.ts';

/**
 * Applies the manifest's rules to a label map, in place, in this order: the largest liver alone; holes become liver;
 * lesions that are not in the liver become background; those too small or too doubtful become liver.
 * Nothing outside the box of the probabilities is labelled, so nothing there is read.
 */
export function postprocess(
  { grid, labels }: LabelMap<Uint8Array>,
  { box, values }: Segmentation['lesionProbability'],
  rules: Manifest['postprocessing'],
): void {
  const { shape } = grid;
  const ml = voxelMl(grid);
  // Where there is anything to look at.
  let around = box;
  if (rules.keepLargestLiver) {
    const livers = connectedComponents(labels, shape, (label) => label !== BACKGROUND, { box });
    const largest = largestComponent(livers);
    paintComponents(labels, livers, (liver) => (liver === largest ? null : BACKGROUND));
    around = componentBox(livers, shape, largest) ?? box;
  }
  if (rules.fillHolesMl > 0) {
    fillHoles(labels, shape, (label) => label === BACKGROUND, LIVER, Math.floor(rules.fillHolesMl / ml), around);
  }
  const isLesion = (label: number) => label === LESION;
  if (rules.leastInsideLiver > 0) {
    const lesions = connectedComponents(labels, shape, isLesion, { box: around });
    // One without a surface, in a scan that is all lesion, is left.
    const shares = sharesOfSurface(
      lesions,
      shape,
      (voxel) => labels[voxel] === LESION,
      (voxel) => labels[voxel] === LIVER,
    );
    paintComponents(labels, lesions, (lesion) => (shares[lesion]! < rules.leastInsideLiver ? BACKGROUND : null));
  }
  if (rules.leastLesionMl > 0 || rules.leastLesionConfidence > 0) {
    const lesions = connectedComponents(labels, shape, isLesion, { box: around });
    const confidences = meanProbabilities(lesions, shape, box, values);
    paintComponents(labels, lesions, (lesion) => {
      const tooSmall = lesions.sizes[lesion]! * ml < rules.leastLesionMl;
      return tooSmall || confidences[lesion]! < rules.leastLesionConfidence ? LIVER : null;
    });
  }
}

/** Mean lesion probability of each component, 0 to 1. */
function meanProbabilities(lesions: Components, shape: Vec3, box: Box, values: Uint8Array): Float64Array {
  const sums = new Float64Array(lesions.count + 1);
  lesions.runStarts.forEach((start, run) => {
    const [i, j, k] = subtract(voxelAt(shape, start), box.start);
    const first = i + box.size[0] * (j + box.size[1] * k);
    let sum = 0;
    for (let at = first; at < first + lesions.runLengths[run]!; at++) sum += values[at]!;
    sums[lesions.runLabels[run]!]! += sum;
  });
  return sums.map((sum, lesion) => (lesion === 0 ? 0 : sum / (255 * lesions.sizes[lesion]!)));
}
