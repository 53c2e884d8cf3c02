import type { Lesion } from '../../../server/src/findings/schema.ts';
import type { SegmentationView } from '../../../server/src/http/contract.ts';
import { Companion } from '../companion/client.ts';
import { StudyFollower } from '../companion/follow-study.ts';
import { nextRepeat } from '../companion/run.ts';
import { jumpTarget, neighbour, reordered, type SortKey } from '../findings/order.ts';
import { PANEL_ID } from '../id.ts';
import { warnBeforeLeaving } from '../ohif/leaving.ts';
import type { ExtensionContext } from '../ohif/types.ts';
import { Viewer } from '../ohif/viewer.ts';
import { Editing } from './editing.ts';
import { Overlays, oneLine } from './overlays.ts';
import { Reviews } from './reviews.ts';
import {
  type Drawing,
  INITIAL,
  listedLesions,
  liveRun,
  resultToShow,
  type SessionState,
  shownResult,
} from './session-state.ts';
import { Store } from './store.ts';
import { buttonState } from './wording.ts';

/** One stay in the viewer: what the user does, what the server tells and what the viewer shows come together here. */
export class Session {
  readonly store = new Store<SessionState>(INITIAL);
  readonly #viewer: Viewer;
  readonly #companion: Companion;
  readonly #overlays: Overlays;
  /** What is done to correct a result. */
  readonly editing: Editing;
  readonly reviews: Reviews;
  #follower: StudyFollower | null = null;
  #study: string | null = null;
  #unsubscribe: (() => void) | null = null;

  constructor(context: ExtensionContext, root: URL) {
    this.#viewer = new Viewer(context);
    this.#companion = new Companion({ root, authorization: () => this.#viewer.authorization() });
    this.#overlays = new Overlays(this.store, this.#viewer, this.#companion);
    this.reviews = new Reviews(this.store, this.#companion);
    this.editing = new Editing({
      store: this.store,
      viewer: this.#viewer,
      companion: this.#companion,
      overlays: this.#overlays,
      onRun: (run) => this.#follow(run),
    });
  }

  /** Begins to listen; the button and the panel call it when the viewer first shows one of them. */
  start(): void {
    if (this.#unsubscribe) return;
    const stopLooking = this.#viewer.onChange(() => this.#look());
    const stopWarning = warnBeforeLeaving(() => this.editing.wouldLose);
    this.#unsubscribe = () => {
      stopLooking();
      stopWarning();
    };
    this.#look();
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#follower?.stop();
    this.#overlays.stop();
    this.editing.stop();
  }

  /** What the toolbar button does: shows the panel, and segments where nothing goes on yet; asks before a second time. */
  press(): void {
    this.#viewer.showPanel(PANEL_ID);
    const state = this.store.get();
    if (buttonState(state).kind !== 'ready') return;
    if (shownResult(state)) this.store.set({ isConfirming: true });
    else void this.segment();
  }

  declineRepeat(): void {
    this.store.set({ isConfirming: false });
  }

  async segment(): Promise<void> {
    const { series, isAsking, runs } = this.store.get();
    if (!series || isAsking) return;
    this.store.set({ isConfirming: false, isAsking: true, error: null });
    await this.#attempt(async () => {
      const { studyInstanceUID, seriesInstanceUID } = series;
      const known = [...runs.values()].map(({ run }) => run);
      const repeat = nextRepeat(known, seriesInstanceUID);
      this.#follow(await this.#companion.segment({ studyInstanceUID, seriesInstanceUID, repeat }));
    });
    this.store.set({ isAsking: false });
  }

  async cancel(): Promise<void> {
    const live = liveRun(this.store.get());
    if (live) await this.#attempt(async () => this.#hear([await this.#companion.cancel(live.run.id)]));
  }

  choose(run: SegmentationView): void {
    this.store.set({ chosen: new Map(this.store.get().chosen).set(run.seriesInstanceUID, run.id), selected: null });
    void this.#overlays.sync();
  }

  /** Loads the overlay of the shown result once more after it failed. */
  retryOverlay(): void {
    this.#forgetFailures();
    void this.#overlays.sync();
  }

  jumpTo(lesion: Lesion): void {
    const result = shownResult(this.store.get());
    if (!result) return;
    this.store.set({ selected: lesion.number });
    this.#overlays.jumpTo(result.id, lesion.segmentNumber, jumpTarget(lesion));
  }

  step(step: 1 | -1): void {
    const state = this.store.get();
    const findings = state.findings.get(shownResult(state)?.id ?? '');
    const lesion = findings && neighbour(listedLesions(state, findings), state.selected, step);
    if (lesion) this.jumpTo(lesion);
  }

  sortBy(key: SortKey): void {
    this.store.set({ order: reordered(this.store.get().order, key) });
  }

  setLowestConfidence(lowestConfidence: number): void {
    this.store.set({ lowestConfidence });
    void this.#overlays.sync();
  }

  setDrawing(drawing: Drawing): void {
    this.store.set({ drawing });
    void this.#overlays.sync();
  }

  toggleLiver(): void {
    this.store.set({ isLiverHidden: !this.store.get().isLiverHidden });
    void this.#overlays.sync();
  }

  toggleLesion({ number }: Lesion): void {
    const state = this.store.get();
    const result = shownResult(state);
    if (!result) return;
    const numbers = new Set(state.hidden.get(result.id));
    if (!numbers.delete(number)) numbers.add(number);
    this.store.set({ hidden: new Map(state.hidden).set(result.id, numbers) });
    void this.#overlays.sync();
  }

  showSeries(seriesInstanceUID: string): void {
    this.#viewer.showSeries(seriesInstanceUID);
  }

  /** Takes in what the viewer shows now. */
  #look(): void {
    const series = this.#viewer.activeSeries();
    const before = this.store.get().series;
    if (series?.seriesInstanceUID !== before?.seriesInstanceUID || series?.unsuitable !== before?.unsuitable) {
      this.store.set({ series, selected: null, isConfirming: false, error: null });
    }
    if (series && series.studyInstanceUID !== this.#study) this.#open(series.studyInstanceUID);
    void this.#overlays.sync();
  }

  #open(studyInstanceUID: string): void {
    this.#study = studyInstanceUID;
    this.#follower?.stop();
    let isFirst = true;
    this.#follower = new StudyFollower(this.#companion, studyInstanceUID, {
      onRuns: (runs) => {
        this.#hear(runs);
        if (isFirst) this.#restore(runs);
        isFirst = false;
      },
      onRun: (run) => this.#hear([run]),
      onTrouble: (trouble) => this.#setTrouble(trouble),
    });
    // Names only: ids stand in for them.
    this.#companion.models().then((models) => this.store.set({ models }), ignore);
    this.store.set({ judged: [] });
    this.#judge(studyInstanceUID);
  }

  /** Asks how the server judges the series of the study. It is advice: without it everything still works. */
  #judge(studyInstanceUID: string): void {
    this.#companion.seriesOf(studyInstanceUID).then((judged) => {
      if (studyInstanceUID === this.#study) this.store.set({ judged });
    }, ignore);
  }

  /** Follows a run that this user has begun. Its result is what they want to see when it is there. */
  #follow(run: SegmentationView): void {
    const chosen = new Map(this.store.get().chosen);
    chosen.delete(run.seriesInstanceUID);
    this.store.set({ chosen });
    this.#hear([run]);
    this.#follower?.watch(run);
  }

  /** Where no viewport shows a series that has a result, the newest such series takes the place of an unsuitable one. */
  #restore(runs: readonly SegmentationView[]): void {
    const state = this.store.get();
    const shown = new Set(this.#viewer.seriesByViewport().values());
    const done = runs.filter(({ state: runState }) => runState === 'done');
    if (!state.series?.unsuitable || done.some(({ seriesInstanceUID }) => shown.has(seriesInstanceUID))) return;
    const newest = done.map(({ seriesInstanceUID }) => resultToShow(state, seriesInstanceUID)).find(Boolean);
    if (newest) this.#viewer.showSeries(newest.seriesInstanceUID);
  }

  #hear(heard: readonly SegmentationView[]): void {
    const runs = new Map(this.store.get().runs);
    const isNews = heard.some(({ id, state }) => state === 'done' && runs.get(id)?.run.state !== 'done');
    for (const run of heard) runs.set(run.id, { run, heardAt: performance.now() });
    this.store.set({ runs });
    for (const run of heard) {
      this.editing.hear(run);
      this.reviews.hear(run);
    }
    void this.#overlays.sync();
    // That can wait until the result is seen.
    if (isNews) void this.#overlays.settled().then(() => this.#study && this.#judge(this.#study));
  }

  #setTrouble(trouble: string | null): void {
    const before = this.store.get().trouble;
    if (trouble === before) return;
    this.store.set({ trouble });
    if (trouble === null) this.retryOverlay();
  }

  #forgetFailures(): void {
    const overlays = [...this.store.get().overlays].filter(([, overlay]) => typeof overlay !== 'object');
    this.store.set({ overlays: new Map(overlays) });
  }

  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.store.set({ error: oneLine(error) });
    }
  }
}

function ignore(): void {}
