import type {
  CornerstoneImage,
  DisplaySet,
  ExtensionContext,
  Libraries,
  SegDisplaySet,
  Segmentation,
} from '../../../extension/src/ohif/types.ts';
import { STUDY } from './support.ts';

/**
 * The viewer's services as far as the extension calls them: which viewport shows which display set, and which
 * segmentation is attached to which viewport.
 */
export class FakeViewer {
  readonly viewports = new Map<string, { displaySetInstanceUIDs: string[] }>();
  readonly displaySets: DisplaySet[] = [];
  /** What the archive has, and the viewer has not asked for yet. */
  readonly stored: SegDisplaySet[] = [];
  /** By 'viewport segmentation': the segments of each representation. */
  readonly attached = new Map<string, Record<number, { visible: boolean }>>();
  /** How often the images were to be drawn anew. */
  redraws = 0;
  readonly forgotten: string[] = [];
  readonly jumps: unknown[] = [];
  /** Segmentations that are loaded, by id: their segments, and their layers as images of labels. */
  readonly segmentations = new Map<string, Segmentation>();
  readonly images = new Map<string, CornerstoneImage>();
  /** Locked segments of all segmentations. */
  readonly locked = new Set<number>();
  readonly commands: string[] = [];
  readonly events = new EventTarget();
  readonly #listeners = new Set<(payload: { segmentationId: string }) => void>();

  ct(seriesInstanceUID: string): this {
    this.displaySets.push({
      displaySetInstanceUID: `set ${seriesInstanceUID}`,
      StudyInstanceUID: STUDY,
      SeriesInstanceUID: seriesInstanceUID,
      Modality: 'CT',
      instances: [],
    });
    return this;
  }

  seg(seriesInstanceUID: string, referencedSeriesInstanceUID: string): SegDisplaySet {
    return {
      displaySetInstanceUID: `set ${seriesInstanceUID}`,
      StudyInstanceUID: STUDY,
      SeriesInstanceUID: seriesInstanceUID,
      SOPInstanceUID: `${seriesInstanceUID}.1`,
      Modality: 'SEG',
      referencedSeriesInstanceUID,
      load: async () => {
        const id = `set ${seriesInstanceUID}`;
        if (!this.segmentations.has(id)) this.segmentations.set(id, { segments: {}, representationData: {} });
      },
    };
  }

  show(viewportId: string, seriesInstanceUID: string): void {
    this.viewports.set(viewportId, { displaySetInstanceUIDs: [`set ${seriesInstanceUID}`] });
  }

  /** As a stroke of the viewer's brush does; without slices, as when a segmentation comes to the screen. */
  paint(segmentationId: string, ...modifiedSlicesToUse: number[]): void {
    const detail = { segmentationId, ...(modifiedSlicesToUse.length > 0 ? { modifiedSlicesToUse } : {}) };
    this.events.dispatchEvent(new CustomEvent('painted', { detail }));
  }

  /** 'viewport segment' of each hidden segment. */
  get hidden(): string[] {
    return [...this.attached].flatMap(([key, segments]) =>
      Object.entries(segments).flatMap(([n, { visible }]) => (visible ? [] : [`${key.split(' ')[0]} ${n}`])),
    );
  }

  #change(segmentationId: string, segments: Segmentation['segments']): void {
    this.segmentations.set(segmentationId, { ...this.segmentations.get(segmentationId)!, segments });
    for (const listener of this.#listeners) listener({ segmentationId });
  }

  get context(): ExtensionContext {
    const events = { subscribe: () => ({ unsubscribe: () => {} }) };
    return {
      servicesManager: {
        services: {
          displaySetService: {
            ...events,
            EVENTS: { DISPLAY_SETS_ADDED: '' },
            getDisplaySetByUID: (uid) => this.displaySets.find((set) => set.displaySetInstanceUID === uid),
            getDisplaySetsForSeries: (uid) => this.displaySets.filter((set) => set.SeriesInstanceUID === uid),
          },
          viewportGridService: {
            ...events,
            EVENTS: { ACTIVE_VIEWPORT_ID_CHANGED: '', GRID_STATE_CHANGED: '' },
            getActiveViewportId: () => [...this.viewports.keys()][0] ?? null,
            setActiveViewportId: () => {},
            getState: () => ({ viewports: this.viewports }),
            setDisplaySetsForViewports: () => {},
          },
          segmentationService: {
            EVENTS: { SEGMENTATION_MODIFIED: 'segments' },
            subscribe: (_event, listener) => {
              this.#listeners.add(listener);
              return { unsubscribe: () => this.#listeners.delete(listener) };
            },
            getSegmentation: (id) => this.segmentations.get(id),
            remove: (id) => this.segmentations.delete(id),
            setActiveSegmentation: () => {},
            setActiveSegment: () => {},
            setSegmentLocked: (_id, segment, isLocked) => {
              if (isLocked) this.locked.add(segment);
              else this.locked.delete(segment);
            },
            addSegment: (id, { segmentIndex, label }) => {
              const { segments } = this.segmentations.get(id)!;
              this.#change(id, { ...segments, [segmentIndex]: { segmentIndex, label } });
            },
            removeSegment: (id, segment) => {
              const { [segment]: _gone, ...segments } = this.segmentations.get(id)!.segments;
              this.#change(id, segments);
            },
            getSegmentationRepresentations: (viewport, { segmentationId }) =>
              this.attached.has(`${viewport} ${segmentationId}`) ? [{}] : [],
            addSegmentationRepresentation: async (viewport, { segmentationId }) => {
              const segments = [1, 2, 3].map((segment) => [segment, { visible: true }]);
              this.attached.set(`${viewport} ${segmentationId}`, Object.fromEntries(segments));
            },
            removeRepresentationsFromViewport: (viewport, { segmentationId }) => {
              this.attached.delete(`${viewport} ${segmentationId}`);
            },
            getViewportIdsWithSegmentation: (id) =>
              [...this.viewports.keys()].filter((viewport) => this.attached.has(`${viewport} ${id}`)),
            jumpToSegmentCenter: (...jump) => this.jumps.push(jump),
          },
          cornerstoneViewportService: { ...events, EVENTS: { VIEWPORT_DATA_CHANGED: '' } },
          hangingProtocolService: { getViewportsRequireUpdate: () => [] },
          panelService: { activatePanel: () => {} },
          userAuthenticationService: { getAuthorizationHeader: () => undefined },
        },
      },
      commandsManager: { runCommand: (name, options) => this.commands.push(`${name} ${Object.values(options)}`) },
      extensionManager: {
        getModuleEntry: () => ({ exports: { getCornerstoneLibraries: () => this.#libraries } }),
        getActiveDataSource: () => [
          {
            getConfig: () => ({ name: 'dicomweb' }),
            deleteStudyMetadataPromise: (key) => this.forgotten.push(key),
            retrieve: {
              series: {
                metadata: ({ filters }) => {
                  // The viewer answers from what it remembers, unless it was made to forget it.
                  if (!this.forgotten.includes(`dicomweb:${STUDY}`)) return;
                  const uids = filters.seriesInstanceUID;
                  this.displaySets.push(...this.stored.filter((set) => uids.includes(set.SeriesInstanceUID)));
                },
              },
            },
          },
        ],
      },
    };
  }

  get #libraries(): Libraries {
    return {
      cornerstone: {
        eventTarget: {
          addEventListener: (event, listener) => this.events.addEventListener(event, listener as () => void),
          removeEventListener: (event, listener) => this.events.removeEventListener(event, listener as () => void),
        },
        cache: { getImage: (id) => this.images.get(id), removeImageLoadObject: (id) => this.images.delete(id) },
        metaData: { get: (_type, imageId) => ({ SOPInstanceUID: `sop ${imageId}` }) },
      },
      cornerstoneTools: {
        Enums: { Events: { SEGMENTATION_DATA_MODIFIED: 'painted' } },
        segmentation: {
          state: {
            getSegmentationRepresentations: (viewport, { segmentationId }) => {
              const segments = this.attached.get(`${viewport} ${segmentationId}`);
              return segments ? [{ segments }] : [];
            },
          },
          segmentationStyle: { setStyle: () => {} },
          triggerSegmentationEvents: { triggerSegmentationRepresentationModified: () => void this.redraws++ },
        },
      },
    };
  }
}
