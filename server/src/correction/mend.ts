import { LIVER_SEGMENT } from '../findings/measure.ts';
import { boundingBox, plainLayout } from '../volume/bounding-box.ts';
import { connectedComponents, fillHoles, paintComponents, sharesOfSurface } from '../volume/components.ts';
import type { Box, LabelMap, Vec3 } from '../volume/volume.ts';

/** What was lesion and is nothing any more becomes liver when more than this share of its surface lies against the liver. */
const LEAST_AGAINST_LIVER = 0.5;

/**
 * Mends what an eraser, or a lesion that was taken away, leaves within the liver: both leave nothing where liver should be.
 * Liver becomes what was labelled before, is not any more, and lies in a pocket that is closed on all sides; and what was
 * lesion before when it lies more against the liver than against anything else. A false lesion beside the liver goes for good,
 * liver that was erased at its border too, and holes that were there before stay.
 * @param before of the corrected result, on the same grid: segment numbers, 0 background
 * @returns how many voxels were mended
 */
export function mendHoles({ grid, labels }: LabelMap<Uint16Array>, before: Uint16Array): number {
  const box = boxOf(labels, grid.shape);
  return box === null ? 0 : mendPockets(labels, before, grid.shape, box) + mendLesions(labels, before, grid.shape);
}

function mendPockets(labels: Uint16Array, before: Uint16Array, shape: Vec3, box: Box): number {
  const [OPEN, CLOSED, HOLE] = [0, 1, 2];
  const mask = new Uint8Array(labels.length);
  for (let voxel = 0; voxel < labels.length; voxel++) mask[voxel] = labels[voxel] === 0 ? OPEN : CLOSED;
  fillHoles(mask, shape, (value) => value === OPEN, HOLE, Number.POSITIVE_INFINITY, box);
  let mended = 0;
  for (let voxel = 0; voxel < labels.length; voxel++) {
    if (mask[voxel] !== HOLE || before[voxel] === 0) continue;
    labels[voxel] = LIVER_SEGMENT;
    mended++;
  }
  return mended;
}

function mendLesions(labels: Uint16Array, before: Uint16Array, shape: Vec3): number {
  const mask = new Uint8Array(labels.length);
  for (let voxel = 0; voxel < labels.length; voxel++) {
    if (labels[voxel] === 0 && before[voxel]! > LIVER_SEGMENT) mask[voxel] = 1;
  }
  const gone = connectedComponents(mask, shape, (value) => value === 1);
  const against = sharesOfSurface(
    gone,
    shape,
    (voxel) => mask[voxel] === 1,
    (voxel) => labels[voxel] !== 0,
  );
  let mended = 0;
  paintComponents(labels, gone, (lesion) => {
    if (!(against[lesion]! > LEAST_AGAINST_LIVER)) return null;
    mended += gone.sizes[lesion]!;
    return LIVER_SEGMENT;
  });
  return mended;
}

/** The smallest box of what is labelled, one voxel wider where the grid goes on; null when nothing is. */
function boxOf(labels: Uint16Array, shape: Vec3): Box | null {
  const box = boundingBox(labels, plainLayout(shape));
  if (box === null) return null;
  const start = box.start.map((first) => Math.max(0, first - 1)) as unknown as Vec3;
  const end = shape.map((length, axis) => Math.min(length, box.start[axis]! + box.size[axis]! + 1));
  return { start, size: end.map((to, axis) => to - start[axis]!) as unknown as Vec3 };
}
