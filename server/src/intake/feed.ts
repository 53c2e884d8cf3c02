import type { Logger } from 'pino';
import type { Change, ChangePage, Orthanc } from './orthanc.ts';
import type { Anchor, FeedState, IntakeStore } from './store.ts';

export interface FeedOptions {
  readonly orthanc: Pick<Orthanc, 'url' | 'changes' | 'series' | 'seriesOfInstance'>;
  readonly store: Pick<IntakeStore, 'feed' | 'advance' | 'reset' | 'take'>;
  readonly logger: Logger;
  /** How many changes are asked for at once. */
  readonly pageSize?: number;
}

/** What a page names. */
interface Touched {
  readonly series: ReadonlySet<string>;
  readonly stableStudies: ReadonlySet<string>;
}

const PAGE_SIZE = 1000;
/** Changes that the feed is known by: after deletions one of them is likely to be left. */
const ANCHORS = 16;

/**
 * Follows Orthanc's feed of changes from the one that was read last: which series have to be looked at. Nothing that is
 * told here is lost when Orthanc restarts; its events are (StableSeries does not come at all after a restart).
 */
export class Feed {
  readonly #options: FeedOptions;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /**
   * Reads all that is new, page by page.
   * @returns whether it came to the end; false when another companion follows the feed
   */
  async catchUp(signal: AbortSignal): Promise<boolean> {
    const { store, orthanc, logger, pageSize = PAGE_SIZE } = this.#options;
    for (let read = 0; ; ) {
      signal.throwIfAborted();
      const state = await store.feed();
      if (state.readAt === null) logger.info({ archive: orthanc.url }, 'the feed is read from its beginning');
      const last = state.anchors.at(-1);
      // From one before the last: it tells whether this is still the same feed.
      const page = await orthanc.changes(last ? last.seq - 1 : state.position, pageSize, signal);
      if (await this.#isAnother(state, page, signal)) {
        logger.warn(
          { archive: orthanc.url, position: state.position, last: page.Last },
          'the archive has another database than before: its feed is read from the beginning',
        );
        await store.reset();
        continue;
      }
      const changes = page.Changes.filter(({ Seq }) => Seq > state.position);
      const to = changes.at(-1)?.Seq ?? state.position;
      const touched = await this.#touchedBy(changes, signal);
      if (!(await store.advance(state.position, to, anchorsAfter(state.anchors, changes.at(-1)), touched)))
        return false;
      read += changes.length;
      if (page.Done || changes.length === 0) {
        if (read > pageSize) logger.info({ changes: read, position: to }, 'caught up with the feed');
        return true;
      }
      if (!(await store.take(false))) return false;
    }
  }

  /** Whether the feed is not the one that was read before. In doubt it is: to read it again does no harm. */
  async #isAnother({ position, anchors }: FeedState, page: ChangePage, signal: AbortSignal): Promise<boolean> {
    const last = anchors.at(-1);
    if (!last) return false;
    const [first] = page.Changes;
    if (!first) return page.Last < position;
    if (first.Seq === last.seq) return first.ID !== last.id;
    // What that change was about has been deleted, or this is another feed: an older one may tell.
    for (const anchor of anchors.slice(0, -1).reverse()) {
      const { Changes } = await this.#options.orthanc.changes(anchor.seq - 1, 1, signal);
      if (Changes[0]?.Seq === anchor.seq) return Changes[0].ID !== anchor.id;
    }
    return true;
  }

  /**
   * The series that a page is about. Most changes are of single instances; one look at a series accounts for all of its
   * instances, so that a page costs two requests for each series in it.
   */
  async #touchedBy(changes: readonly Change[], signal: AbortSignal): Promise<Touched> {
    const { orthanc } = this.#options;
    const series = new Set<string>();
    const stableStudies = new Set<string>();
    const instances = new Set<string>();
    for (const { ChangeType, ID } of changes) {
      if (ChangeType === 'NewSeries' || ChangeType === 'StableSeries') series.add(ID);
      else if (ChangeType === 'StableStudy') stableStudies.add(ID);
      else if (ChangeType === 'NewInstance') instances.add(ID);
    }
    for (const instance of instances) {
      const parent = await orthanc.seriesOfInstance(instance, signal);
      if (parent === null) continue;
      series.add(parent);
      const found = await orthanc.series(parent, signal);
      // A Set may be made smaller while it is gone through.
      for (const each of found?.Instances ?? []) instances.delete(each);
    }
    return { series, stableStudies };
  }
}

function anchorsAfter(anchors: readonly Anchor[], last: Change | undefined): readonly Anchor[] {
  if (!last) return anchors;
  // One for each resource: those of one are deleted together.
  return [...anchors.filter(({ id }) => id !== last.ID), { seq: last.Seq, id: last.ID }].slice(-ANCHORS);
}
