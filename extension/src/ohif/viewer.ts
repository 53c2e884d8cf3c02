import { type ActiveSeries, activeSeries } from '../series/suitability.ts';
import type {
  DataModified,
  DisplaySet,
  ExtensionContext,
  Libraries,
  SegDisplaySet,
  Services,
  Subscription,
} from './types.ts';

/** What the viewer shows at present, in terms of series. */
export class Viewer {
  readonly #context: ExtensionContext;

  constructor(context: ExtensionContext) {
    this.#context = context;
  }

  get services(): Services {
    return this.#context.servicesManager.services;
  }

  /** @throws Error in a viewer that does not hand them out */
  get libraries(): Libraries {
    const id = '@ohif/extension-cornerstone.utilityModule.common';
    const module = this.#context.extensionManager.getModuleEntry(id);
    if (!module) throw new Error('the viewer does not give access to the voxels');
    return module.exports.getCornerstoneLibraries();
  }

  run(command: string, options: Readonly<Record<string, unknown>>): void {
    this.#context.commandsManager.runCommand(command, options);
  }

  authorization(): Record<string, string> | undefined {
    return this.services.userAuthenticationService.getAuthorizationHeader();
  }

  activeSeries(): ActiveSeries | null {
    const id = this.services.viewportGridService.getActiveViewportId();
    const displaySet = id === null ? undefined : this.#displaySetIn(id);
    return displaySet ? activeSeries(displaySet) : null;
  }

  /** Series UID of the images that each viewport shows. */
  seriesByViewport(): Map<string, string> {
    const ids = [...this.services.viewportGridService.getState().viewports.keys()];
    return new Map(
      ids.flatMap((id) => {
        const displaySet = this.#displaySetIn(id);
        return displaySet ? [[id, displaySet.SeriesInstanceUID] as const] : [];
      }),
    );
  }

  /** Goes to the viewport that shows the series; where none does, the active one shows it. */
  showSeries(seriesInstanceUID: string): void {
    const { viewportGridService, hangingProtocolService } = this.services;
    const [showing] = [...this.seriesByViewport()].find(([, series]) => series === seriesInstanceUID) ?? [];
    if (showing !== undefined) {
      viewportGridService.setActiveViewportId(showing);
      return;
    }
    const displaySet = this.#ofSeries(seriesInstanceUID);
    const viewportId = viewportGridService.getActiveViewportId();
    if (!displaySet || viewportId === null) return;
    viewportGridService.setDisplaySetsForViewports(
      hangingProtocolService.getViewportsRequireUpdate(viewportId, displaySet.displaySetInstanceUID),
    );
  }

  showPanel(panelId: string): void {
    this.services.panelService.activatePanel(panelId, true);
  }

  /** Calls the listener whenever another series may be shown or be active. @returns a function that ends it */
  onChange(listener: () => void): () => void {
    const { viewportGridService: grid, cornerstoneViewportService: viewports, displaySetService: sets } = this.services;
    const subscriptions: Subscription[] = [
      grid.subscribe(grid.EVENTS.ACTIVE_VIEWPORT_ID_CHANGED, listener),
      grid.subscribe(grid.EVENTS.GRID_STATE_CHANGED, listener),
      viewports.subscribe(viewports.EVENTS.VIEWPORT_DATA_CHANGED, listener),
      sets.subscribe(sets.EVENTS.DISPLAY_SETS_ADDED, listener),
    ];
    return () => {
      for (const subscription of subscriptions) subscription.unsubscribe();
    };
  }

  /**
   * Calls the listener when somebody has painted or erased (`voxels`), or has added, removed or renamed a segment.
   * @returns a function that ends it
   */
  onEdit(listener: (segmentationId: string, what: 'voxels' | 'segments') => void): () => void {
    const { segmentationService } = this.services;
    const { cornerstone, cornerstoneTools } = this.libraries;
    const painted = ({ detail }: CustomEvent<DataModified>) => {
      // Without slices, the segmentation has only been brought to the screen.
      if (detail.modifiedSlicesToUse?.length) listener(detail.segmentationId, 'voxels');
    };
    const event = cornerstoneTools.Enums.Events.SEGMENTATION_DATA_MODIFIED;
    cornerstone.eventTarget.addEventListener(event, painted);
    const subscription = segmentationService.subscribe(
      segmentationService.EVENTS.SEGMENTATION_MODIFIED,
      ({ segmentationId }) => listener(segmentationId, 'segments'),
    );
    return () => {
      cornerstone.eventTarget.removeEventListener(event, painted);
      subscription.unsubscribe();
    };
  }

  /**
   * The display set of a segmentation that was stored after the study was opened, or before.
   *
   * @throws Error when the archive has not given it in time, or it belongs to another series
   */
  async segmentation(request: {
    readonly studyInstanceUID: string;
    readonly sourceSeriesUID: string;
    readonly seriesInstanceUID: string;
    readonly signal: AbortSignal;
  }): Promise<SegDisplaySet> {
    const { seriesInstanceUID, studyInstanceUID, signal } = request;
    const find = () => this.#ofSeries(seriesInstanceUID) as SegDisplaySet | undefined;
    let found = find();
    if (!found) {
      const [dataSource] = this.#context.extensionManager.getActiveDataSource();
      if (!dataSource) throw new Error('the viewer has no data source');
      // The viewer remembers what a study consists of under the second key, and forgets it only under the key it is given.
      dataSource.deleteStudyMetadataPromise(studyInstanceUID);
      dataSource.deleteStudyMetadataPromise(`${dataSource.getConfig()?.name}:${studyInstanceUID}`);
      await dataSource.retrieve.series.metadata({
        StudyInstanceUID: studyInstanceUID,
        filters: { seriesInstanceUID: [seriesInstanceUID] },
      });
      found = await eventually(find, signal);
    }
    if (!found) throw new Error('the archive did not give the segmentation');
    if (found.referencedSeriesInstanceUID !== request.sourceSeriesUID) {
      throw new Error('the segmentation belongs to another series');
    }
    return found;
  }

  /** What a viewport shows; a segmentation that somebody has opened stands for the series that it belongs to. */
  #displaySetIn(viewportId: string): DisplaySet | undefined {
    const { viewportGridService, displaySetService } = this.services;
    const [uid] = viewportGridService.getState().viewports.get(viewportId)?.displaySetInstanceUIDs ?? [];
    const displaySet = uid === undefined ? undefined : displaySetService.getDisplaySetByUID(uid);
    const source = (displaySet as SegDisplaySet | undefined)?.referencedSeriesInstanceUID;
    return (source && this.#ofSeries(source)) || displaySet;
  }

  #ofSeries(seriesInstanceUID: string): DisplaySet | undefined {
    return this.services.displaySetService.getDisplaySetsForSeries(seriesInstanceUID)?.[0];
  }
}

/** The viewer makes display sets some time after it has the metadata. */
async function eventually<T>(find: () => T | undefined, signal: AbortSignal): Promise<T | undefined> {
  const until = performance.now() + 15_000;
  for (;;) {
    const found = find();
    if (found !== undefined || signal.aborted || performance.now() > until) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
