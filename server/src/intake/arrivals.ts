import type { Logger } from 'pino';
import { ArchiveError } from '../dicomweb/errors.ts';
import type { Orthanc } from './orthanc.ts';
import type { IntakeStore, Watched } from './store.ts';

export interface ArrivalsOptions {
  readonly store: Pick<IntakeStore, 'due' | 'later' | 'forget' | 'take'>;
  readonly logger: Logger;
  /** Null where the archive has no feed: what is watched are studies then, by their UIDs. */
  readonly orthanc: Pick<Orthanc, 'series' | 'study'> | null;
  /** Whether the choice between the series of a study waits until the whole study has come. */
  readonly waitsForStudy: () => Promise<boolean>;
  /** Decides about the series of a study, and queues runs. @returns seconds until it has to be looked at again; null: done */
  readonly decide: (studyInstanceUid: string, signal: AbortSignal) => Promise<number | null>;
}

const AT_ONCE = 50;
/** A series that is still coming in is looked at after ¼, ½, 1, … seconds, unless the feed tells before. */
const LONGEST_LOOK_SECONDS = 15;
const LONGEST_RETRY_SECONDS = 300;
/** So often a study is tried that the archive answers strangely for; that is half a day. */
const MOST_TRIES = 150;

/** Looks at what has arrived until it is complete, and then has it decided, once for all series of a study. */
export class Arrivals {
  readonly #options: ArrivalsOptions;

  constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  /**
   * Looks at all that is due.
   * @throws ArchiveError that may pass; what is not done stays due
   */
  async lookAtAll(signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    for (;;) {
      const due = await store.due(AT_ONCE);
      const waiting = new Map(due.map((watched) => [watched.resource, watched]));
      for (const watched of due) {
        signal.throwIfAborted();
        if (!waiting.delete(watched.resource)) continue;
        await this.#tryLookAt(watched, waiting, signal);
      }
      if (due.length < AT_ONCE || !(await store.take(false))) return;
    }
  }

  async #tryLookAt(watched: Watched, waiting: Map<string, Watched>, signal: AbortSignal): Promise<void> {
    const { store, logger, orthanc } = this.#options;
    try {
      await (orthanc ? this.#lookAtSeries(orthanc, watched, waiting, signal) : this.#lookAtStudy(watched, signal));
    } catch (error) {
      // The archive is down: that concerns all. Else it is this study's own, and must not hold up the others.
      if (signal.aborted || !(error instanceof ArchiveError) || error.transient) throw error;
      logger.warn({ err: error, resource: watched.resource }, 'the archive answers strangely for a series');
      if (watched.looks < MOST_TRIES) await store.later(watched, backOff(watched.looks, LONGEST_RETRY_SECONDS));
      else await store.forget(watched);
    }
  }

  async #lookAtSeries(
    orthanc: NonNullable<ArrivalsOptions['orthanc']>,
    watched: Watched,
    waiting: Map<string, Watched>,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, waitsForStudy, decide } = this.#options;
    const series = await orthanc.series(watched.resource, signal);
    // Results of ours come in by the feed like everything else; they are no CT.
    if (series?.MainDicomTags.Modality !== 'CT') return store.forget(watched);
    if (!series.IsStable) return store.later(watched, backOff(watched.looks, LONGEST_LOOK_SECONDS));
    const study = await orthanc.study(series.ParentStudy, signal);
    if (!study) return store.forget(watched);
    if (!study.IsStable && (await waitsForStudy())) {
      return store.later(watched, backOff(watched.looks, LONGEST_LOOK_SECONDS), study.ID);
    }
    const again = await decide(study.MainDicomTags.StudyInstanceUID, signal);
    // The one decision was about all that the study has; what else is due of it needs no look of its own.
    const siblings = study.IsStable ? study.Series.flatMap((id) => waiting.get(id) ?? []) : [];
    for (const each of [watched, ...siblings]) {
      waiting.delete(each.resource);
      await (again === null ? store.forget(each) : store.later(each, again));
    }
  }

  async #lookAtStudy(watched: Watched, signal: AbortSignal): Promise<void> {
    const again = await this.#options.decide(watched.resource, signal);
    await (again === null ? this.#options.store.forget(watched) : this.#options.store.later(watched, again));
  }
}

function backOff(looks: number, longest: number): number {
  return Math.min(longest, 2 ** Math.min(looks - 2, 20));
}
