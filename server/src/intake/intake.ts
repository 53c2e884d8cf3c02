import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from 'pg-boss';
import type { Archive } from '../dicomweb/archive.ts';
import { ArchiveError } from '../dicomweb/errors.ts';
import { FollowUps } from '../jobs/follow-ups.ts';
import { Arrivals } from './arrivals.ts';
import type { Decision } from './decide.ts';
import { Decider, type DeciderOptions } from './decider.ts';
import { Deliveries } from './deliveries.ts';
import { Feed } from './feed.ts';
import type { Rules } from './rules.ts';
import { searchStudies } from './search.ts';
import { IntakeStore } from './store.ts';

export interface IntakeOptions extends Omit<DeciderOptions, 'now'> {
  readonly archive: DeciderOptions['archive'] & Pick<Archive, 'url' | 'findStudiesOfDays'>;
  readonly db: Db;
  /** Whether other companions use the same database: of those, one follows. */
  readonly isShared: boolean;
  /** How often the archive is asked when nobody wakes us. */
  readonly pollMs: number;
  readonly now?: () => Date;
  /** The wait before a result is sent on a second time. */
  readonly firstDelaySeconds?: number;
}

/** For the operator: where the intake stands. */
export interface IntakeStatus {
  readonly archive: string;
  /** 'feed': Orthanc's changes; 'search': QIDO-RS. */
  readonly source: 'feed' | 'search';
  /** Whether it is this companion that follows. */
  readonly follows: boolean;
  /** Number of the last change that was read. */
  readonly position: number;
  /** When the archive was last read to its end, by whichever companion. */
  readonly readAt: Date | null;
  /** How many series (or studies) wait to be looked at. */
  readonly watched: number;
  /** Why the archive could not be read last time; null when it could. */
  readonly problem: string | null;
}

/** At least this long between two looks at the archive, however often we are woken. */
const SHORTEST_PAUSE_MS = 200;
/** While something is still coming in. */
const LOOKS_EVERY_MS = 500;
/** How soon an archive that could not be read is asked again. */
const ASKS_AGAIN_MS = 2_000;
/** How often it gives word that it still follows: a third of what another one waits for. */
const GIVES_WORD_EVERY_MS = 5_000;

/** Has every suitable series that arrives in the archive segmented, unasked and once. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #store: IntakeStore;
  readonly #feed: Feed | null;
  readonly #decider: Decider;
  readonly #arrivals: Arrivals;
  readonly #deliveries: Deliveries;
  readonly #stop = new AbortController();
  readonly #now: () => Date;
  #loop: Promise<void> = Promise.resolve();
  #woken = false;
  #alarm: AbortController | undefined;
  #follows = false;
  #gaveWordAt = Number.NEGATIVE_INFINITY;
  #problem: string | null = null;
  /** Of which kind it is: the same trouble shows at one address after the other, and is told of once. */
  #trouble: string | null = null;

  static start(options: IntakeOptions): Intake {
    const intake = new Intake(options);
    intake.#loop = intake.#run();
    return intake;
  }

  private constructor(options: IntakeOptions) {
    const { orthanc, archive, db, logger, now = () => new Date() } = options;
    this.#options = options;
    this.#now = now;
    this.#store = new IntakeStore(db, (orthanc ?? archive).url, randomUUID());
    this.#feed = orthanc && new Feed({ orthanc, store: this.#store, logger });
    this.#decider = new Decider({ ...options, now: this.#now });
    this.#arrivals = new Arrivals({
      store: this.#store,
      logger,
      orthanc,
      waitsForStudy: async () => (await this.#rules()).rules.some(({ series }) => series === 'best'),
      decide: (study, signal) => this.#decider.requestRuns(study, signal),
    });
    this.#deliveries = new Deliveries({
      followUps: new FollowUps(db),
      orthanc,
      destinations: async () => (await this.#rules()).destinations,
      decideAgain: (study, signal) => this.#decider.requestRuns(study, signal),
      logger,
      ...(options.firstDelaySeconds === undefined ? {} : { firstDelaySeconds: options.firstDelaySeconds }),
    });
  }

  /** Has the archive read at once: there may be something new. Costs nothing, however often it is called. */
  wake(): void {
    this.#woken = true;
    this.#alarm?.abort();
  }

  /**
   * What the rules say of each series of a study, as it is now.
   * @returns [] when the archive has no such study
   */
  async test(studyInstanceUid: string, signal: AbortSignal): Promise<Decision[]> {
    return this.#decider.decisions(studyInstanceUid, signal);
  }

  async status(): Promise<IntakeStatus> {
    const { orthanc, archive } = this.#options;
    const { position, readAt } = await this.#store.feed();
    return {
      archive: (orthanc ?? archive).url,
      source: orthanc ? 'feed' : 'search',
      follows: this.#follows,
      position,
      readAt,
      watched: await this.#store.countWatched(),
      problem: this.#problem,
    };
  }

  /** Ends after what is in hand, and lets another companion follow. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#alarm?.abort();
    await this.#loop;
    await this.#store.release().catch(() => {});
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let readAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const woken = this.#woken;
      this.#woken = false;
      try {
        await this.#take(woken);
        const { pollMs } = this.#options;
        const everyMs = this.#problem === null ? pollMs : Math.min(pollMs, ASKS_AGAIN_MS);
        const isDue = woken || performance.now() - readAt >= everyMs;
        if (this.#follows && isDue) {
          readAt = performance.now();
          await this.#read(signal);
        }
        // While it is in trouble, only the reading of the archive shows whether that is over.
        const isWell = this.#problem === null || isDue;
        if (this.#follows && isWell) {
          await this.#arrivals.lookAtAll(signal);
          await this.#deliveries.followUpAll(signal);
        }
        if (isWell) this.#recovered();
      } catch (error) {
        this.#failed(error);
      }
      await this.#pause(SHORTEST_PAUSE_MS, false);
      await this.#pause(LOOKS_EVERY_MS - SHORTEST_PAUSE_MS, true);
    }
  }

  /**
   * A companion that is woken follows from then on, whoever did before: it is the one that is told. Where there is one only,
   * it waits for nobody: the one before may have been killed a moment ago.
   */
  async #take(woken: boolean): Promise<void> {
    const followed = this.#follows;
    if (followed && performance.now() - this.#gaveWordAt < GIVES_WORD_EVERY_MS) return;
    this.#follows = await this.#store.take(woken || !this.#options.isShared);
    this.#gaveWordAt = performance.now();
    if (this.#follows === followed) return;
    const { logger, orthanc, archive } = this.#options;
    logger.info(
      { archive: (orthanc ?? archive).url },
      this.#follows ? 'follows the archive' : 'another companion follows the archive',
    );
  }

  async #read(signal: AbortSignal): Promise<void> {
    if (this.#feed) await this.#feed.catchUp(signal);
    else
      await searchStudies(this.#options.archive, this.#store, (await this.#rules()).search.days, this.#now(), signal);
  }

  #rules(): Promise<Rules> {
    return this.#options.rules.current();
  }

  #failed(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    const problem = error instanceof Error ? error.message : String(error);
    const trouble = troubleOf(error);
    if (trouble !== this.#trouble) {
      const { logger } = this.#options;
      if (error instanceof ArchiveError)
        logger.warn({ problem }, 'the archive cannot be followed: tried again until it can');
      else logger.error({ err: error }, 'the intake failed: tried again');
    }
    this.#problem = problem;
    this.#trouble = trouble;
  }

  #recovered(): void {
    if (this.#problem !== null) this.#options.logger.info('the archive is followed again');
    this.#problem = null;
    this.#trouble = null;
  }

  async #pause(ms: number, wakes: boolean): Promise<void> {
    if (wakes && this.#woken) return;
    const alarm = new AbortController();
    if (wakes) this.#alarm = alarm;
    const signal = AbortSignal.any([alarm.signal, this.#stop.signal]);
    await sleep(ms, undefined, { signal }).catch(() => {});
    this.#alarm = undefined;
  }
}

function troubleOf(error: unknown): string {
  if (!(error instanceof ArchiveError)) return error instanceof Error ? error.message : String(error);
  return error.transient ? 'out of reach' : error.name;
}
