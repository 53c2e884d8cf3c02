import { LIVER_SEGMENT } from '../editing/segments.ts';
import { Labelmap } from './labelmap.ts';
import type { LabelmapStyle, SegDisplaySet } from './types.ts';
import type { Viewer } from './viewer.ts';

const TYPE = 'Labelmap';
type Kind = 'liver' | 'lesion' | 'selected';
/** Beside the outline: dense enough to be seen, thin enough to read the CT through it. The liver hardly more than tinted. */
const FILL_ALPHA: Record<Kind, number> = { liver: 0.16, lesion: 0.35, selected: 0.6 };
const OUTLINE_WIDTH: Record<Kind, number> = { liver: 1, lesion: 2, selected: 3 };

export interface Appearance {
  readonly isOutline: boolean;
  /** Segment numbers that are not drawn. */
  readonly hidden: ReadonlySet<number>;
  readonly selected: number | null;
}

/** One segmentation over the CT that it belongs to, in each viewport that shows this CT and in no other. */
export class Overlay {
  readonly sourceSeriesUID: string;
  readonly #viewer: Viewer;
  readonly labelmap: Labelmap;
  readonly #segmentation: SegDisplaySet;
  readonly #segmentationId: string;
  /** How each segment is drawn at present. */
  readonly #styles = new Map<number, string>();

  private constructor(viewer: Viewer, segmentation: SegDisplaySet) {
    this.#viewer = viewer;
    this.#segmentation = segmentation;
    this.#segmentationId = segmentation.displaySetInstanceUID;
    this.sourceSeriesUID = segmentation.referencedSeriesInstanceUID!;
    this.labelmap = new Labelmap(viewer, this.#segmentationId);
  }

  /** @param segmentation of that very series, as Viewer.segmentation gives it */
  static async load(viewer: Viewer, segmentation: SegDisplaySet): Promise<Overlay> {
    await segmentation.load({ headers: viewer.authorization() });
    return new Overlay(viewer, segmentation);
  }

  /** False when somebody has removed it in the viewer's own panel. */
  get exists(): boolean {
    return this.#viewer.services.segmentationService.getSegmentation(this.#segmentationId) !== undefined;
  }

  /** Attaches it to the viewports that show its CT, and takes it from all others. */
  async attach(isWanted: boolean): Promise<void> {
    const { segmentationService } = this.#viewer.services;
    const specifier = { segmentationId: this.#segmentationId };
    for (const [viewportId, series] of this.#viewer.seriesByViewport()) {
      const isThere = segmentationService.getSegmentationRepresentations(viewportId, specifier).length > 0;
      const belongs = isWanted && series === this.sourceSeriesUID;
      if (belongs && !isThere) {
        await segmentationService.addSegmentationRepresentation(viewportId, { ...specifier, type: TYPE });
      } else if (!belongs && isThere) {
        segmentationService.removeRepresentationsFromViewport(viewportId, { ...specifier, type: TYPE });
      }
    }
  }

  /**
   * Tells the viewer of all changes at once: by its own functions, which take one segment each, it would draw its images anew
   * for each segment, one after the other.
   * @param segments numbers of all its segments
   */
  draw(segments: readonly number[], { isOutline, hidden, selected }: Appearance): void {
    const { segmentationService } = this.#viewer.services;
    const { segmentation } = this.#viewer.libraries.cornerstoneTools;
    const specifier = { segmentationId: this.#segmentationId, type: TYPE } as const;
    let isChanged = false;
    for (const viewportId of segmentationService.getViewportIdsWithSegmentation(this.#segmentationId)) {
      for (const representation of segmentation.state.getSegmentationRepresentations(viewportId, specifier)) {
        for (const segment of segments) {
          const drawn = representation.segments[segment];
          const isVisible = !hidden.has(segment);
          if (!drawn || drawn.visible === isVisible) continue;
          drawn.visible = isVisible;
          isChanged = true;
        }
      }
    }
    for (const segmentIndex of segments) {
      const kind = segmentIndex === selected ? 'selected' : segmentIndex === LIVER_SEGMENT ? 'liver' : 'lesion';
      const drawn = `${kind} ${isOutline}`;
      if (this.#styles.get(segmentIndex) === drawn) continue;
      segmentation.segmentationStyle.setStyle({ ...specifier, segmentIndex }, style(kind, isOutline));
      this.#styles.set(segmentIndex, drawn);
      isChanged = true;
    }
    if (!isChanged) return;
    segmentation.triggerSegmentationEvents.triggerSegmentationRepresentationModified(
      undefined,
      this.#segmentationId,
      TYPE,
    );
  }

  /** Forgets what was painted: the viewer will read the object from the archive when it is loaded again. */
  discard(): void {
    const { services } = this.#viewer;
    const { cornerstone } = this.#viewer.libraries;
    const labelmap = services.segmentationService.getSegmentation(this.#segmentationId)?.representationData.Labelmap;
    const layers = Object.values(labelmap?.labelmaps ?? {});
    services.segmentationService.remove(this.#segmentationId);
    this.#segmentation.segments = undefined;
    for (const { imageIds } of layers) {
      for (const imageId of imageIds) {
        if (cornerstone.cache.getImage(imageId)) cornerstone.cache.removeImageLoadObject(imageId, { force: true });
      }
    }
  }

  /** Brings the point into view in all viewports that show it. */
  jumpTo(segment: number, world: readonly [number, number, number]): void {
    // The viewer's own flash would end with wiping out the style by which the lesion stays marked.
    const withFlash = false;
    this.#viewer.services.segmentationService.jumpToSegmentCenter(
      this.#segmentationId,
      segment,
      undefined,
      0.9,
      withFlash,
      750,
      false,
      undefined,
      { world },
    );
  }
}

function style(kind: Kind, isOutline: boolean): LabelmapStyle {
  return {
    renderOutline: true,
    outlineWidth: OUTLINE_WIDTH[kind],
    renderFill: !isOutline,
    fillAlpha: FILL_ALPHA[kind],
  };
}
