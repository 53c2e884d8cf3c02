import type { SegmentationView } from '../../../server/src/http/contract.ts';
import { type Companion, CompanionRefused } from './client.ts';
import { isLive } from './run.ts';

export interface StudyListener {
  /** All runs of the study. */
  onRuns(runs: readonly SegmentationView[]): void;
  /** One run has changed. */
  onRun(run: SegmentationView): void;
  /** null: all is well; otherwise one line. */
  onTrouble(trouble: string | null): void;
}

export interface FollowDelays {
  /** How often the list is read again, for runs that others have begun. */
  readonly listEveryMs: number;
  /** After the first failure; doubles up to the longest. */
  readonly retryMs: number;
  readonly longestRetryMs: number;
}
const DELAYS: FollowDelays = { listEveryMs: 10_000, retryMs: 1_000, longestRetryMs: 8_000 };

/** Keeps up with all runs of one study until it is stopped. The server is the truth: what was lost is asked for again. */
export class StudyFollower {
  readonly #companion: Pick<Companion, 'runsOf' | 'follow'>;
  readonly #listener: StudyListener;
  readonly #delays: FollowDelays;
  readonly #stop = new AbortController();
  readonly #watched = new Set<string>();

  constructor(
    companion: Pick<Companion, 'runsOf' | 'follow'>,
    studyInstanceUID: string,
    listener: StudyListener,
    delays: FollowDelays = DELAYS,
  ) {
    this.#companion = companion;
    this.#listener = listener;
    this.#delays = delays;
    void this.#list(studyInstanceUID);
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Follows a run that is known from elsewhere, such as the answer to a request. */
  watch(run: SegmentationView): void {
    if (!isLive(run) || this.#watched.has(run.id)) return;
    this.#watched.add(run.id);
    void this.#follow(run.id).finally(() => this.#watched.delete(run.id));
  }

  async #list(studyInstanceUID: string): Promise<void> {
    const { signal } = this.#stop;
    const retries = this.#retries();
    while (!signal.aborted) {
      try {
        const runs = await this.#companion.runsOf(studyInstanceUID, signal);
        if (signal.aborted) return;
        // What a stream tells is newer than a list that was asked for before.
        this.#listener.onRuns(runs.filter(({ id }) => !this.#watched.has(id)));
        this.#listener.onTrouble(null);
        retries.reset();
        for (const run of runs) this.watch(run);
        await pause(this.#delays.listEveryMs, signal);
      } catch (error) {
        this.#tell(error);
        await retries.wait();
      }
    }
  }

  async #follow(id: string): Promise<void> {
    const { signal } = this.#stop;
    const retries = this.#retries();
    while (!signal.aborted) {
      try {
        for await (const run of this.#companion.follow(id, signal)) {
          if (signal.aborted) return;
          this.#listener.onRun(run);
          this.#listener.onTrouble(null);
          retries.reset();
          if (!isLive(run)) return;
        }
      } catch (error) {
        // The list tells what has become of it.
        if (error instanceof CompanionRefused) return;
        this.#tell(error);
      }
      await retries.wait();
    }
  }

  #tell(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#listener.onTrouble(
      error instanceof CompanionRefused ? error.message : 'Connection to the Hepar server lost; trying again.',
    );
  }

  #retries() {
    const { retryMs, longestRetryMs } = this.#delays;
    let delay = retryMs;
    return {
      reset: () => {
        delay = retryMs;
      },
      wait: async () => {
        await pause(delay, this.#stop.signal);
        delay = Math.min(longestRetryMs, 2 * delay);
      },
    };
  }
}

/** Resolves after the time, or at once when it is stopped. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
