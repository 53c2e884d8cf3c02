import { runLengths, type SliceLayer } from '../editing/run-lengths.ts';
import type { ViewerSegment } from '../editing/segments.ts';
import type { CornerstoneImage, Labelmap as LabelmapData, LabelmapLayer } from './types.ts';
import type { Viewer } from './viewer.ts';

/** A slice of the source series with what is drawn on it. */
export interface DrawnSlice {
  readonly sopInstanceUID: string;
  /** Of a multi-frame image, from 1. */
  readonly frame: number | null;
  /** As runLengths gives them. */
  readonly runs: number[];
}

/** The voxels of a segmentation as they are in the viewer, with all that was painted since it was loaded. */
export interface DrawnLabels {
  readonly columns: number;
  readonly rows: number;
  readonly slices: readonly DrawnSlice[];
}

/** A segmentation in the hands of the viewer's own editing tools. */
export class Labelmap {
  readonly #viewer: Viewer;
  readonly segmentationId: string;

  constructor(viewer: Viewer, segmentationId: string) {
    this.#viewer = viewer;
    this.segmentationId = segmentationId;
  }

  segments(): ViewerSegment[] {
    return Object.values(this.#segmentation().segments)
      .filter((segment) => segment !== undefined && segment !== null)
      .map(({ segmentIndex, label }) => ({ segment: segmentIndex, label }))
      .sort((a, b) => a.segment - b.segment);
  }

  /** What the tools draw from now on; in every viewport that shows it. */
  activate(segment: number): void {
    const { segmentationService } = this.#viewer.services;
    for (const viewportId of segmentationService.getViewportIdsWithSegmentation(this.segmentationId)) {
      segmentationService.setActiveSegmentation(viewportId, this.segmentationId);
    }
    segmentationService.setActiveSegment(this.segmentationId, segment);
  }

  /** Locks these segments against the tools, and no others. */
  lock(segments: readonly number[]): void {
    for (const { segment } of this.segments()) {
      const isLocked = segments.includes(segment);
      this.#viewer.services.segmentationService.setSegmentLocked(this.segmentationId, segment, isLocked);
    }
  }

  add(segment: number, label: string, [r, g, b]: readonly [number, number, number]): void {
    this.#viewer.services.segmentationService.addSegment(this.segmentationId, {
      segmentIndex: segment,
      label,
      color: [r, g, b, 255],
    });
  }

  remove(segment: number): void {
    this.#viewer.services.segmentationService.removeSegment(this.segmentationId, segment);
  }

  /**
   * Reads every layer: what was painted over a locked segment lies in one of its own.
   *
   * @throws Error when the viewer no longer holds the voxels, or not those of every slice
   */
  read(): DrawnLabels {
    const { cornerstone } = this.#viewer.libraries;
    const labelmap = this.#segmentation().representationData.Labelmap;
    if (!labelmap) throw new Error('the viewer holds no voxels of the segmentation');
    const bySource = new Map<string, { image: CornerstoneImage; layers: SliceLayer[] }>();
    for (const layer of layersOf(labelmap)) {
      const segmentOf = segmentsByLabel(labelmap, layer);
      for (const imageId of layer.imageIds) {
        const image = cornerstone.cache.getImage(imageId);
        if (!image?.referencedImageId) throw new Error('the viewer no longer holds all slices of the segmentation');
        const slice = bySource.get(image.referencedImageId) ?? { image, layers: [] };
        slice.layers.push({ labels: image.voxelManager.getScalarData(), segmentOf });
        bySource.set(image.referencedImageId, slice);
      }
    }
    const [first] = [...bySource.values()];
    if (!first) throw new Error('the viewer holds no voxels of the segmentation');
    const { columns, rows } = first.image;
    const slices = Array.from(bySource, ([imageId, { image, layers }]) => {
      if (image.columns !== columns || image.rows !== rows) throw new Error('the slices differ in size');
      const instance = cornerstone.metaData.get('instance', imageId);
      if (!instance) throw new Error('the viewer does not know the source image of a slice');
      const frame = Number(instance.NumberOfFrames ?? 1) > 1 ? frameOf(imageId) : null;
      return { sopInstanceUID: instance.SOPInstanceUID, frame, runs: runLengths(layers) };
    });
    return { columns, rows, slices };
  }

  #segmentation() {
    const segmentation = this.#viewer.services.segmentationService.getSegmentation(this.segmentationId);
    if (!segmentation) throw new Error('the viewer no longer has the segmentation');
    return segmentation;
  }
}

function layersOf({ imageIds, labelmaps }: LabelmapData): LabelmapLayer[] {
  const layers = Object.values(labelmaps ?? {});
  return layers.length > 0 ? layers : [{ labelmapId: '', imageIds: imageIds ?? [] }];
}

/** A label stands for the segment that is bound to it in this layer; where nothing says so, for that of its number. */
function segmentsByLabel({ segmentBindings = {} }: LabelmapData, { labelmapId }: LabelmapLayer) {
  const bound = new Map<number, number>();
  const elsewhere = new Set<number>();
  for (const [segment, binding] of Object.entries(segmentBindings)) {
    if (binding.labelmapId === labelmapId) bound.set(binding.labelValue, Number(segment));
    else elsewhere.add(Number(segment));
  }
  return (label: number): number => bound.get(label) ?? (elsewhere.has(label) ? 0 : label);
}

/** WADO-RS names a frame in its path, from 1. */
function frameOf(imageId: string): number {
  const [, frame] = /\/frames\/(\d+)/.exec(imageId) ?? /[?&]frame=(\d+)/.exec(imageId) ?? [];
  if (frame === undefined) throw new Error('the viewer does not name the frame of a slice');
  return Number(frame);
}
