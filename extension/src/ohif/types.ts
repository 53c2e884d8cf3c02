/**
 * The part of OHIF 3.13 that is used here, and no more. The viewer comes prebuilt, and its own packages of types do not
 * install without all of its sources; so what is relied on is written down here, where an upgrade is checked against it.
 */
export interface Subscription {
  unsubscribe(): void;
}

/** `E`: names of the events that are listened to; `P`: what they tell. */
interface Publisher<E extends string, P = void> {
  readonly EVENTS: Readonly<Record<E, string>>;
  subscribe(event: string, listener: (payload: P) => void): Subscription;
}

/** A DICOM instance with its attributes by keyword; only those that are read. */
export interface Instance {
  readonly ImageType?: readonly string[] | string;
  readonly ImageOrientationPatient?: readonly (number | string)[];
}

export interface DisplaySet {
  readonly displaySetInstanceUID: string;
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
  readonly SeriesDescription?: string;
  readonly SeriesNumber?: number | string;
  readonly Modality: string;
  readonly instances?: readonly Instance[];
}

/** What the viewer's handler of Segmentation Storage makes of an object. */
export interface SegDisplaySet extends DisplaySet {
  readonly SOPInstanceUID: string;
  readonly referencedSeriesInstanceUID: string | null;
  /** What was read from the object; while it is there, it is not read again. */
  segments?: unknown;
  load(options: { headers: Record<string, string> | undefined }): Promise<unknown>;
}

export interface DisplaySetService extends Publisher<'DISPLAY_SETS_ADDED'> {
  getDisplaySetByUID(uid: string): DisplaySet | undefined;
  getDisplaySetsForSeries(seriesInstanceUID: string): DisplaySet[];
}

export interface ViewportGridService extends Publisher<'ACTIVE_VIEWPORT_ID_CHANGED' | 'GRID_STATE_CHANGED'> {
  getActiveViewportId(): string | null;
  setActiveViewportId(viewportId: string): void;
  getState(): { viewports: Map<string, { displaySetInstanceUIDs?: string[] }> };
  setDisplaySetsForViewports(updates: unknown[]): void;
}

export interface LabelmapStyle {
  readonly renderFill?: boolean;
  readonly renderOutline?: boolean;
  readonly fillAlpha?: number;
  readonly outlineWidth?: number;
}

/** Where a segment's voxels are: in which layer, and with which label. */
interface SegmentBinding {
  readonly labelmapId: string;
  readonly labelValue: number;
}

export interface LabelmapLayer {
  readonly labelmapId: string;
  /** An image of labels for each image of the source series. */
  readonly imageIds: readonly string[];
}

export interface Labelmap {
  readonly imageIds?: readonly string[];
  readonly labelmaps?: Readonly<Record<string, LabelmapLayer>>;
  readonly segmentBindings?: Readonly<Record<string, SegmentBinding>>;
}

export interface Segmentation {
  readonly segments: Readonly<Record<string, { readonly segmentIndex: number; readonly label: string } | undefined>>;
  readonly representationData: { readonly Labelmap?: Labelmap };
}

/** Of Cornerstone, as far as it is called. */
export interface CornerstoneImage {
  readonly columns: number;
  readonly rows: number;
  readonly referencedImageId?: string;
  readonly voxelManager: { getScalarData(): ArrayLike<number> };
}
/** `modifiedSlicesToUse`: those that a tool, or undoing, has changed. */
export interface DataModified {
  readonly segmentationId: string;
  readonly modifiedSlicesToUse?: readonly number[];
}
type DataModifiedListener = (event: CustomEvent<DataModified>) => void;
export interface Cornerstone {
  readonly eventTarget: {
    addEventListener(event: string, listener: DataModifiedListener): void;
    removeEventListener(event: string, listener: DataModifiedListener): void;
  };
  readonly cache: {
    getImage(imageId: string): CornerstoneImage | undefined;
    removeImageLoadObject(imageId: string, options: { force: boolean }): void;
  };
  readonly metaData: {
    get(
      type: 'instance',
      imageId: string,
    ): { readonly SOPInstanceUID: string; readonly NumberOfFrames?: number | string } | undefined;
  };
}

interface LabelmapSpecifier {
  readonly segmentationId: string;
  readonly type: 'Labelmap';
}

export interface CornerstoneTools {
  readonly Enums: { readonly Events: { readonly SEGMENTATION_DATA_MODIFIED: string } };
  readonly segmentation: {
    readonly state: {
      /** What is drawn in a viewport, and is asked when it is drawn anew. */
      getSegmentationRepresentations(
        viewportId: string,
        specifier: LabelmapSpecifier,
      ): { readonly segments: Readonly<Record<number, { visible: boolean } | undefined>> }[];
    };
    readonly segmentationStyle: {
      /** For when it is drawn anew, in all viewports. */
      setStyle(specifier: LabelmapSpecifier & { readonly segmentIndex: number }, style: LabelmapStyle): void;
    };
    readonly triggerSegmentationEvents: {
      /** Has it drawn anew; without `viewportId`, in all viewports. */
      triggerSegmentationRepresentationModified(
        viewportId: string | undefined,
        segmentationId: string,
        type: 'Labelmap',
      ): void;
    };
  };
}

export interface Libraries {
  readonly cornerstone: Cornerstone;
  readonly cornerstoneTools: CornerstoneTools;
}

export interface SegmentationService extends Publisher<'SEGMENTATION_MODIFIED', { readonly segmentationId: string }> {
  getSegmentation(segmentationId: string): Segmentation | undefined;
  remove(segmentationId: string): void;
  setActiveSegmentation(viewportId: string, segmentationId: string): void;
  setActiveSegment(segmentationId: string, segmentIndex: number): void;
  setSegmentLocked(segmentationId: string, segmentIndex: number, isLocked: boolean): void;
  /** Makes it the active one as well. */
  addSegment(
    segmentationId: string,
    config: { segmentIndex: number; label: string; color: [r: number, g: number, b: number, a: number] },
  ): void;
  /** Leaves 0 where it was, and can be undone. */
  removeSegment(segmentationId: string, segmentIndex: number): void;
  getSegmentationRepresentations(viewportId: string, specifier: { segmentationId: string }): unknown[];
  addSegmentationRepresentation(
    viewportId: string,
    representation: { segmentationId: string; type: 'Labelmap' },
  ): Promise<void>;
  removeRepresentationsFromViewport(viewportId: string, specifier: { segmentationId: string; type: 'Labelmap' }): void;
  getViewportIdsWithSegmentation(segmentationId: string): string[];
  /**
   * All nine arguments, or the viewer computes a centre of its own, which is wrong where Rows and Columns differ.
   * Without `viewportId`, all viewports that show the segmentation jump.
   */
  jumpToSegmentCenter(
    segmentationId: string,
    segmentIndex: number,
    viewportId: string | undefined,
    highlightAlpha: number,
    highlightSegment: boolean,
    animationMs: number,
    hideOthers: boolean,
    easing: undefined,
    center: { world: readonly [number, number, number] },
  ): void;
}

export interface DataSource {
  getConfig(): { name?: string } | undefined;
  deleteStudyMetadataPromise(key: string): void;
  readonly retrieve: {
    readonly series: {
      metadata(request: {
        StudyInstanceUID: string;
        filters: { seriesInstanceUID: string[] };
      }): Promise<unknown> | unknown;
    };
  };
}

export interface Services {
  readonly displaySetService: DisplaySetService;
  readonly viewportGridService: ViewportGridService;
  readonly segmentationService: SegmentationService;
  readonly cornerstoneViewportService: Publisher<'VIEWPORT_DATA_CHANGED'>;
  readonly hangingProtocolService: {
    getViewportsRequireUpdate(viewportId: string, displaySetInstanceUID: string): unknown[];
  };
  readonly panelService: { activatePanel(panelId: string, forceActive?: boolean): void };
  readonly userAuthenticationService: { getAuthorizationHeader(): Record<string, string> | undefined };
}

export interface ExtensionContext {
  readonly servicesManager: { readonly services: Services };
  readonly commandsManager: { runCommand(name: string, options: Readonly<Record<string, unknown>>): unknown };
  readonly extensionManager: {
    getActiveDataSource(): DataSource[];
    getModuleEntry(
      id: '@ohif/extension-cornerstone.utilityModule.common',
    ): { readonly exports: { getCornerstoneLibraries(): Libraries } } | undefined;
  };
}
