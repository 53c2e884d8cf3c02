import type { DisplaySet, ExtensionContext, SegDisplaySet } from '../../../extension/src/ohif/types.ts';
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
  /** 'viewport segmentation' of each representation. */
  readonly attached = new Set<string>();
  /** 'viewport segment' of each hidden segment. */
  readonly hidden = new Set<string>();
  readonly forgotten: string[] = [];
  readonly jumps: unknown[] = [];
  readonly #loaded = new Set<string>();

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
      load: async () => this.#loaded.add(`set ${seriesInstanceUID}`),
    };
  }

  show(viewportId: string, seriesInstanceUID: string): void {
    this.viewports.set(viewportId, { displaySetInstanceUIDs: [`set ${seriesInstanceUID}`] });
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
            getSegmentation: (id) => (this.#loaded.has(id) ? {} : undefined),
            getSegmentationRepresentations: (viewport, { segmentationId }) =>
              this.attached.has(`${viewport} ${segmentationId}`) ? [{}] : [],
            addSegmentationRepresentation: async (viewport, { segmentationId }) => {
              this.attached.add(`${viewport} ${segmentationId}`);
            },
            removeRepresentationsFromViewport: (viewport, { segmentationId }) => {
              this.attached.delete(`${viewport} ${segmentationId}`);
            },
            getViewportIdsWithSegmentation: (id) =>
              [...this.viewports.keys()].filter((viewport) => this.attached.has(`${viewport} ${id}`)),
            setSegmentVisibility: (viewport, _id, segment, isVisible) => {
              if (isVisible) this.hidden.delete(`${viewport} ${segment}`);
              else this.hidden.add(`${viewport} ${segment}`);
            },
            setStyle: () => {},
            jumpToSegmentCenter: (...jump) => this.jumps.push(jump),
          },
          cornerstoneViewportService: { ...events, EVENTS: { VIEWPORT_DATA_CHANGED: '' } },
          hangingProtocolService: { getViewportsRequireUpdate: () => [] },
          panelService: { activatePanel: () => {} },
          userAuthenticationService: { getAuthorizationHeader: () => undefined },
        },
      },
      extensionManager: {
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
}
