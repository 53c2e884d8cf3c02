import type { FindingsDocument, Lesion } from '../../../server/src/findings/schema.ts';
import type { ModelView, ReviewView, SegmentationView, StudySeriesView } from '../../../server/src/http/contract.ts';
import { currentResult, isLive, resultsOfSeries, runsOfSeries } from '../companion/run.ts';
import type { EditedSegment } from '../editing/segments.ts';
import { BY_NUMBER, confident, type Order, ordered } from '../findings/order.ts';
import type { ActiveSeries } from '../series/suitability.ts';

/** How a lesion looks over the CT. */
export type Drawing = 'fill' | 'outline';

/** A run, and when that was heard: what has passed since is added to its times. */
export interface HeardRun {
  readonly run: SegmentationView;
  readonly heardAt: number;
}

/** Of the overlay of one result. */
export type OverlayState = 'loading' | 'shown' | { readonly failed: string };

/** With what a result is corrected. */
export type Tool = 'brush' | 'eraser';

/** A correction in the making. */
export interface EditState {
  /** Whose result is corrected. */
  readonly run: SegmentationView;
  readonly segments: readonly EditedSegment[];
  /** The segment that is drawn. */
  readonly active: number;
  /** null: one of the viewer's own. */
  readonly tool: Tool | null;
  readonly radiusMm: number;
  /** There is something that is not saved. */
  readonly isChanged: boolean;
  /** The user is asked whether to give that up. */
  readonly isLeaving: boolean;
  /** Id of the run that saves it; empty while the server is asked for it. */
  readonly saving: string | null;
}

export interface SessionState {
  readonly series: ActiveSeries | null;
  readonly runs: ReadonlyMap<string, HeardRun>;
  readonly models: readonly ModelView[];
  /** How the server judges the series of the study; empty until it has told. */
  readonly judged: readonly StudySeriesView[];
  /** One line while the server cannot be reached. */
  readonly trouble: string | null;
  /** One line about what was last asked for and failed. */
  readonly error: string | null;
  /** A request is on its way. */
  readonly isAsking: boolean;
  /** The user is asked whether to segment again. */
  readonly isConfirming: boolean;
  /** Result chosen by hand for a series; the current one otherwise. */
  readonly chosen: ReadonlyMap<string, string>;
  readonly findings: ReadonlyMap<string, FindingsDocument>;
  readonly overlays: ReadonlyMap<string, OverlayState>;
  readonly order: Order;
  readonly lowestConfidence: number;
  readonly drawing: Drawing;
  /** Numbers of the lesions of a result that are hidden by hand. */
  readonly hidden: ReadonlyMap<string, ReadonlySet<number>>;
  readonly isLiverHidden: boolean;
  /** Number of the lesion of the shown result that was jumped to. */
  readonly selected: number | null;
  readonly editing: EditState | null;
  /** What was said of a result, oldest first; of results that were looked at. */
  readonly reviews: ReadonlyMap<string, readonly ReviewView[]>;
}

export const INITIAL: SessionState = {
  series: null,
  runs: new Map(),
  models: [],
  judged: [],
  trouble: null,
  error: null,
  isAsking: false,
  isConfirming: false,
  chosen: new Map(),
  findings: new Map(),
  overlays: new Map(),
  order: BY_NUMBER,
  lowestConfidence: 0,
  drawing: 'fill',
  hidden: new Map(),
  isLiverHidden: false,
  selected: null,
  editing: null,
  reviews: new Map(),
};

function allRuns({ runs }: SessionState): SegmentationView[] {
  return [...runs.values()].map(({ run }) => run);
}

/** The run that goes on for the active series. */
export function liveRun(state: SessionState): HeardRun | null {
  const run = state.series && runsOfSeries(allRuns(state), state.series.seriesInstanceUID).find(isLive);
  return (run && state.runs.get(run.id)) ?? null;
}

/** The results of the active series, newest first. */
export function results(state: SessionState): SegmentationView[] {
  return state.series ? resultsOfSeries(allRuns(state), state.series.seriesInstanceUID) : [];
}

/**
 * The result to show over a series: the one that is being corrected, the one chosen by hand, or the current one. Never one
 * of another series.
 */
export function resultToShow(state: SessionState, seriesInstanceUID: string): SegmentationView | null {
  if (state.editing && isEdited(state, seriesInstanceUID)) return state.editing.run;
  const chosen = state.runs.get(state.chosen.get(seriesInstanceUID) ?? '')?.run;
  if (chosen?.state === 'done' && chosen.seriesInstanceUID === seriesInstanceUID) return chosen;
  return currentResult(allRuns(state), seriesInstanceUID);
}

export function shownResult(state: SessionState): SegmentationView | null {
  return state.series && resultToShow(state, state.series.seriesInstanceUID);
}

/**
 * The newest run of the active series, where that ended without a result. It is told beside an older result, save that
 * who has cancelled it knows, and of a correction that was not saved only who still has it.
 */
export function endedWithoutResult(state: SessionState): SegmentationView | null {
  if (!state.series) return null;
  const [newest] = runsOfSeries(allRuns(state), state.series.seriesInstanceUID);
  if (!newest || isLive(newest) || newest.state === 'done') return null;
  if (newest.kind === 'correction' && !isEdited(state, newest.seriesInstanceUID)) return null;
  return newest.state === 'cancelled' && shownResult(state) ? null : newest;
}

/** The series that the server would segment in this study, where that is another than the active one. */
export function betterSeries({ series, judged }: SessionState): StudySeriesView | null {
  const best = judged.find(({ recommended }) => recommended);
  return best && best.seriesInstanceUID !== series?.seriesInstanceUID ? best : null;
}

/** What another series of the study has: it is at work, or it has a result. */
export interface OtherSeries {
  readonly seriesInstanceUID: string;
  readonly name: string;
  readonly live: SegmentationView | null;
  readonly isEdited: boolean;
}

/** The other series of the study that are segmented, or are being segmented. */
export function otherSeries(state: SessionState): OtherSeries[] {
  const runs = allRuns(state).filter(
    (run) =>
      run.studyInstanceUID === state.series?.studyInstanceUID &&
      run.seriesInstanceUID !== state.series.seriesInstanceUID &&
      (isLive(run) || run.state === 'done'),
  );
  return [...new Set(runs.map(({ seriesInstanceUID }) => seriesInstanceUID))].map((uid) => {
    const judged = state.judged.find(({ seriesInstanceUID }) => seriesInstanceUID === uid);
    return {
      seriesInstanceUID: uid,
      name: judged ? seriesName(judged) : '',
      live: runsOfSeries(runs, uid).find(isLive) ?? null,
      isEdited: isEdited(state, uid),
    };
  });
}

/** Number and description, as the viewer's own list shows them. */
export function seriesName({ seriesNumber, description }: StudySeriesView): string {
  return [seriesNumber, description].filter((part) => part !== null).join(' ');
}

/** Whether images have arrived since a result was made, so that it speaks of a part of the series only. */
export function isOutgrown({ judged }: SessionState, { id }: SegmentationView): boolean {
  return judged.some(({ currentResult }) => currentResult?.run === id && !currentResult.coversAllInstances);
}

/** The lesions that the table lists, in its order. */
export function listedLesions(state: SessionState, findings: FindingsDocument): Lesion[] {
  return ordered(confident(findings.lesions, state.lowestConfidence), state.order);
}

/** Whether a lesion is drawn over the CT. */
export function isDrawn(state: SessionState, runId: string, { number, confidence }: Lesion): boolean {
  return (confidence === null || confidence >= state.lowestConfidence) && !state.hidden.get(runId)?.has(number);
}

/** Whether the result of a series is being corrected. */
export function isEdited({ editing }: SessionState, seriesInstanceUID: string | undefined): boolean {
  return editing?.run.seriesInstanceUID === seriesInstanceUID;
}

/** Elapsed and remaining time of a run at this moment; the clock goes on between two messages. */
export function timesOf(
  { run, heardAt }: HeardRun,
  now: number,
): { elapsedMs: number | null; remainingMs: number | null } {
  const since = run.state === 'running' ? Math.max(0, now - heardAt) : 0;
  return {
    elapsedMs: run.elapsedMs === null ? null : run.elapsedMs + since,
    remainingMs: run.remainingMs === null ? null : Math.max(0, run.remainingMs - since),
  };
}
