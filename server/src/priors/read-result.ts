import { CODES } from '../dicom/codes.ts';
import type { Dataset } from '../dicom/dataset.ts';
import { isUid } from '../dicom/uid.ts';
import type { PriorLesion } from '../findings/priors.ts';
import { measureShape, type VoxelRun } from '../findings/shape.ts';
import { type Provenance, provenanceOf } from '../reports/provenance.ts';
import { readSeg, type SegContent, SegError } from '../reports/read-seg.ts';
import { cross, dot, gridOfBox, length, subtract, voxelCount, voxelMl } from '../volume/geometry.ts';
import type { Box, Grid, LabelMap, Vec3 } from '../volume/volume.ts';

/** An earlier result of ours, from its segmentation alone. */
export interface PriorResult {
  readonly provenance: Provenance;
  /** The segmentation's header: patient, study, frame of reference. */
  readonly header: Dataset;
  readonly seg: { readonly seriesInstanceUID: string; readonly sopInstanceUID: string };
  readonly studyInstanceUid: string;
  readonly frameOfReferenceUid: string;
  /** The CT series that was segmented, and its instances in the order of its slices. */
  readonly source: { readonly seriesInstanceUid: string; readonly sopInstanceUids: readonly string[] };
  /** Segment numbers on the part of the source's grid that has any. */
  readonly segments: LabelMap<Uint16Array>;
  readonly liverVolumeMl: number;
  /** By segment number; places are the earlier scan's. */
  readonly lesions: readonly Omit<PriorLesion, 'alignedCentroidMm'>[];
}

/** The object is no result that can be read against; one line that says why. */
export class UnreadablePrior extends Error {
  override readonly name = 'UnreadablePrior';
}

/** 2 GiB of labels: more than any scan of a liver has. */
const MOST_VOXELS = 2 ** 30;
/** How far a frame may lie off the grid of the others, in voxels. */
const SLACK = 0.05;

/**
 * Reads a result's segmentations: the labels on their grid, and its lesions measured as this scan's are.
 * @param files of one run
 * @returns null for objects that are not ours
 * @throws UnreadablePrior; CorruptInstance when a file is damaged
 */
export function readResult(files: readonly Uint8Array[]): PriorResult | null {
  const content = together(files.map(readable));
  const { dataset } = content;
  const provenance = provenanceOf(dataset);
  if (provenance === null) return null;
  const source = dataset.items('00081115')[0];
  const sourceUid = source?.text('0020000e');
  if (!sourceUid) throw new UnreadablePrior('it does not say which series it is a result of');
  const livers = new Set(content.segments.filter(isLiver).map(({ number }) => number));
  if (livers.size === 0) throw new UnreadablePrior('it has no liver to align by');

  const segments = labelMapOf(content);
  const runs = runsBySegment(segments);
  const lesions = content.segments
    .filter(({ number }) => !livers.has(number) && runs.has(number))
    .map(({ number, trackingUid }) => {
      const { longAxisEndsMm: _ends, k: _k, ...shape } = measureShape(runs.get(number)!, segments.grid);
      return {
        segmentNumber: number,
        trackingUid: trackingUid !== null && isUid(trackingUid) ? trackingUid : null,
        ...shape,
      };
    })
    .sort((a, b) => a.segmentNumber - b.segmentNumber);
  const liverRuns = [...runs].filter(([number]) => livers.has(number)).flatMap(([, each]) => each);
  if (liverRuns.length === 0) throw new UnreadablePrior('it has no liver to align by');
  const parenchymaMl = volumeMl(liverRuns, segments.grid);
  return {
    provenance,
    header: dataset,
    seg: { seriesInstanceUID: dataset.text('0020000e') ?? '', sopInstanceUID: dataset.text('00080018') ?? '' },
    studyInstanceUid: dataset.text('0020000d') ?? '',
    frameOfReferenceUid: dataset.text('00200052') ?? '',
    source: {
      seriesInstanceUid: sourceUid,
      sopInstanceUids: (source?.items('0008114a') ?? []).flatMap((item) => item.text('00081155') ?? []),
    },
    segments,
    liverVolumeMl: lesions.reduce((sum, lesion) => sum + lesion.volumeMl, parenchymaMl),
    lesions,
  };
}

/** The lesions' segmentation, with the frames of the liver's own where that is another object. */
function together(contents: readonly SegContent[]): SegContent {
  const main = contents.find(({ frames, segments }) => {
    const lesions = new Set(segments.filter((segment) => !isLiver(segment)).map(({ number }) => number));
    return frames.some(({ segmentNumber }) => lesions.has(segmentNumber));
  });
  const first = main ?? contents[0]!;
  const isAlike = ({ rows, columns }: SegContent) => rows === first.rows && columns === first.columns;
  const others = contents.filter((each) => each !== first && isAlike(each));
  return { ...first, frames: [...first.frames, ...others.flatMap(({ frames }) => frames)] };
}

function readable(file: Uint8Array): SegContent {
  try {
    return readSeg(file);
  } catch (error) {
    if (error instanceof SegError) throw new UnreadablePrior(error.message, { cause: error });
    throw error;
  }
}

/** Lesions have a Tracking UID; what the liver's code is, the model says. */
const isLiver = ({ typeCode, label, trackingUid }: SegContent['segments'][number]) =>
  trackingUid === null && (typeCode === CODES.liver.value || label === 'Liver');

/** The frames' labels on a grid that holds no more than the labelled voxels. */
function labelMapOf(content: SegContent): LabelMap<Uint16Array> {
  const { columns, frames } = content;
  const whole = gridOf(content);
  const box = labelledBox(content, whole);
  if (voxelCount(box.size) > MOST_VOXELS) throw new UnreadablePrior(`it has ${voxelCount(box.size)} voxels`);
  const labels = new Uint16Array(voxelCount(box.size));
  const [width, height] = box.size;
  for (const frame of frames) {
    const mask = frame.mask();
    const slice = sliceOf(frame.positionMm, whole) - box.start[2];
    for (let j = 0; j < height; j++) {
      const from = box.start[0] + columns * (box.start[1] + j);
      const to = width * (j + height * slice);
      for (let i = 0; i < width; i++) if (mask[from + i] === 1) labels[to + i] = frame.segmentNumber;
    }
  }
  return { grid: gridOfBox(whole, box), labels };
}

/** The grid of all slices from the first to the last that has a frame. */
function gridOf({ dataset, columns, rows, frames }: SegContent): Grid {
  const shared = dataset.items('52009229')[0];
  const orientation = shared?.items('00209116')[0]?.numbers('00200037') ?? [];
  const measures = shared?.items('00289110')[0];
  const [rowSpacing = 0, columnSpacing = 0] = measures?.numbers('00280030') ?? [];
  const sliceSpacing = measures?.number('00180088') ?? 0;
  const along = orientation.slice(0, 3) as unknown as Vec3;
  const down = orientation.slice(3, 6) as unknown as Vec3;
  const isSound = orientation.length === 6 && [length(along), length(down)].every((n) => Math.abs(n - 1) < 1e-3);
  const isPlaced = frames.every(({ positionMm }) => positionMm.every(Number.isFinite));
  if (!isSound || !isPlaced || !(Math.min(rowSpacing, columnSpacing, sliceSpacing) > 0)) {
    throw new UnreadablePrior('it does not say how its frames lie in the patient');
  }
  const normal = cross(along, down);
  const heights = frames.map(({ positionMm }) => dot(positionMm, normal));
  const lowest = heights.indexOf(Math.min(...heights));
  const origin = frames[lowest]!.positionMm;
  const grid: Grid = {
    shape: [columns, rows, Math.round((Math.max(...heights) - heights[lowest]!) / sliceSpacing) + 1],
    spacingMm: [columnSpacing, rowSpacing, sliceSpacing],
    originMm: origin,
    axes: [along, down, normal],
  };
  for (const { positionMm } of frames) {
    const offset = subtract(positionMm, origin);
    const steps = dot(offset, normal) / sliceSpacing;
    const aside = Math.hypot(dot(offset, along) / columnSpacing, dot(offset, down) / rowSpacing);
    if (!(Math.abs(steps - Math.round(steps)) < SLACK && aside < SLACK)) {
      throw new UnreadablePrior('its frames do not lie on one grid');
    }
  }
  return grid;
}

function sliceOf(positionMm: Vec3, { originMm, axes, spacingMm }: Grid): number {
  return Math.round(dot(subtract(positionMm, originMm), axes[2]) / spacingMm[2]);
}

function labelledBox({ frames, columns, rows }: SegContent, { shape }: Grid): Box {
  let [left, right, top, bottom] = [columns, -1, rows, -1];
  for (const frame of frames) {
    const mask = frame.mask();
    for (let first = mask.indexOf(1); first !== -1; ) {
      const j = Math.floor(first / columns);
      const row = j * columns;
      left = Math.min(left, first - row);
      right = Math.max(right, mask.lastIndexOf(1, row + columns - 1) - row);
      top = Math.min(top, j);
      bottom = Math.max(bottom, j);
      first = mask.indexOf(1, row + columns);
    }
  }
  if (right < 0) throw new UnreadablePrior('it is empty');
  return { start: [left, top, 0], size: [right - left + 1, bottom - top + 1, shape[2]] };
}

function runsBySegment({ grid, labels }: LabelMap<Uint16Array>): Map<number, VoxelRun[]> {
  const [nx, ny, nz] = grid.shape;
  const runs = new Map<number, VoxelRun[]>();
  for (let k = 0, row = 0; k < nz; k++) {
    for (let j = 0; j < ny; j++, row += nx) {
      for (let i = 0; i < nx; ) {
        const label = labels[row + i]!;
        const firstI = i;
        while (i < nx && labels[row + i] === label) i++;
        if (label === 0) continue;
        const known = runs.get(label);
        const run = { firstI, lastI: i - 1, j, k };
        if (known) known.push(run);
        else runs.set(label, [run]);
      }
    }
  }
  return runs;
}

function volumeMl(runs: readonly VoxelRun[], grid: Grid): number {
  return runs.reduce((sum, { firstI, lastI }) => sum + lastI - firstI + 1, 0) * voxelMl(grid);
}
