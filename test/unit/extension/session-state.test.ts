import { equal, match } from 'node:assert/strict';
import { Reviews } from '../../../extension/src/state/reviews.ts';
import {
  betterSeries,
  endedWithoutResult,
  INITIAL,
  isDrawn,
  isOutgrown,
  liveRun,
  otherSeries,
  resultToShow,
  type SessionState,
  timesOf,
} from '../../../extension/src/state/session-state.ts';
import { Store } from '../../../extension/src/state/store.ts';
import { buttonState, phaseText } from '../../../extension/src/state/wording.ts';
import type { ReviewView, SegmentationView, StudySeriesView } from '../../../server/src/http/contract.ts';
import { edited, lesion, run, SERIES, STUDY } from './support.ts';

function state(runs: readonly SegmentationView[], parts: Partial<SessionState> = {}): SessionState {
  return {
    ...INITIAL,
    series: { studyInstanceUID: STUDY, seriesInstanceUID: SERIES, name: '3 Portal venous', unsuitable: null },
    runs: new Map(runs.map((each) => [each.id, { run: each, heardAt: 0 }])),
    ...parts,
  };
}
const running = (parts: Partial<SegmentationView> = {}) =>
  run('live', { state: 'running', createdAt: '2026-11-05T10:00:00.000Z', progress: 0.4, finishedAt: null, ...parts });

function judgedSeries(parts: Partial<StudySeriesView>): StudySeriesView {
  return {
    seriesInstanceUID: SERIES,
    seriesNumber: 3,
    description: 'Portal venous',
    modality: 'CT',
    instances: 100,
    suitable: true,
    refusal: null,
    score: 1,
    reason: 'portal venous phase',
    recommended: false,
    activeRun: null,
    currentResult: null,
    newerSegmentation: null,
    ...parts,
  };
}

describe('the toolbar button', () => {
  it('says why it is disabled', () => {
    match(buttonState({ ...INITIAL }).hint, /axial CT/);
    const unsuitable = { ...state([]).series!, unsuitable: 'This series is MR. Only CT can be segmented.' };
    equal(buttonState(state([], { series: unsuitable })).hint, unsuitable.unsuitable);
    equal(buttonState(state([], { series: unsuitable })).kind, 'disabled');
    equal(buttonState(state([], { trouble: 'Connection lost.' })).hint, 'Connection lost.');
  });

  it('is busy with a run of this series, and free while another series is segmented', () => {
    equal(buttonState(state([running()])).kind, 'busy');
    match(buttonState(state([running()])).label, /^Segmenting 40 %$/);
    match(buttonState(state([running({ kind: 'correction' })])).label, /^Saving 40 %$/);
    equal(buttonState(state([running({ seriesInstanceUID: '2.25.77' })])).kind, 'ready');
    equal(buttonState(state([], { isAsking: true })).kind, 'busy');
  });

  it('still leads to the progress of a run when the connection is lost', () => {
    equal(buttonState(state([running()], { trouble: 'Connection lost.' })).kind, 'busy');
  });

  it('tells how many wait before a run', () => {
    const queued = (position: number) => state([running({ state: 'queued', phase: null, position })]);
    match(buttonState(queued(3)).hint, /number 3 in the queue/);
    match(buttonState(queued(1)).hint, /next in the queue/);
  });

  it('does not begin while a correction is not saved', () => {
    const { kind, hint } = buttonState(state([run('a')], { editing: edited(run('a')) }));
    equal(kind, 'disabled');
    match(hint, /Save or discard/);
  });

  it('says that there is a result already', () => {
    match(buttonState(state([run('a')])).hint, /again/);
  });
});

describe('what the panel tells of the series', () => {
  it('shows a result chosen by hand only over the series that it belongs to', () => {
    const other = run('other', { seriesInstanceUID: '2.25.77' });
    const older = run('older', { finishedAt: '2026-10-01T10:00:00.000Z' });
    const runs = [run('newest'), older, other];
    equal(resultToShow(state(runs), SERIES)?.id, 'newest');
    equal(resultToShow(state(runs, { chosen: new Map([[SERIES, 'older']]) }), SERIES)?.id, 'older');
    equal(resultToShow(state(runs, { chosen: new Map([[SERIES, 'other']]) }), SERIES)?.id, 'newest');
  });

  it('tells of the last run where it brought no result, and no longer once a later one has', () => {
    const refused = running({ state: 'refused' });
    equal(endedWithoutResult(state([refused, run('a')]))?.id, 'live');
    equal(endedWithoutResult(state([run('later', { createdAt: '2026-11-06T10:00:00.000Z' }), refused])), null);
    equal(endedWithoutResult(state([running()])), null);
    equal(endedWithoutResult(state([running({ state: 'cancelled' })]))?.id, 'live');
    equal(endedWithoutResult(state([running({ state: 'cancelled' }), run('a')])), null, 'who cancelled it knows');
    equal(liveRun(state([refused])), null);
  });

  it('lets the clock go on between two messages, but not while the run waits', () => {
    const heard = { run: running({ elapsedMs: 5_000, remainingMs: 2_000 }), heardAt: 1_000 };
    equal(timesOf(heard, 4_000).elapsedMs, 8_000);
    equal(timesOf(heard, 4_000).remainingMs, 0);
    const waiting = { run: running({ state: 'queued', elapsedMs: null, remainingMs: null }), heardAt: 1_000 };
    equal(timesOf(waiting, 4_000).elapsedMs, null);
  });

  it('tells of runs and results of the other series of the study, and of no other study', () => {
    const other = { seriesInstanceUID: '2.25.77' };
    const runs = [run('own'), running({ ...other, id: 'x' }), run('y', other), run('z', { ...other, state: 'failed' })];
    const [only, ...more] = otherSeries(state(runs));
    equal(only?.live?.id, 'x');
    equal(more.length, 0);
    equal(otherSeries(state([run('z', { ...other, state: 'failed' })])).length, 0);
    equal(otherSeries(state([run('y', { ...other, studyInstanceUID: '2.25.99' })])).length, 0);
  });

  it('recommends a series only where another one is in view', () => {
    const judged = [judgedSeries({ seriesInstanceUID: SERIES, recommended: true })];
    equal(betterSeries(state([], { judged })), null);
    const elsewhere = [judgedSeries({ seriesInstanceUID: '2.25.77', recommended: true })];
    equal(betterSeries(state([], { judged: elsewhere }))?.seriesInstanceUID, '2.25.77');
    equal(betterSeries(state([])), null);
  });

  it('says when images have come that the result does not cover', () => {
    const { kind, reviewer, verdict, model } = run('a');
    const result = { run: 'a', kind, reviewer, verdict, model, finishedAt: null };
    const withCover = (coversAllInstances: boolean) =>
      state([], { judged: [judgedSeries({ currentResult: { ...result, coversAllInstances } })] });
    equal(isOutgrown(withCover(false), run('a')), true);
    equal(isOutgrown(withCover(true), run('a')), false);
    equal(isOutgrown(withCover(false), run('older')), false);
  });

  it('says that a run waits for another attempt', () => {
    match(phaseText(running({ state: 'queued', attempt: 1 })), /next attempt/);
    match(phaseText(running({ state: 'queued', attempt: 0 })), /turn/);
    match(phaseText(running({ phase: 'segment' })), /Segmenting/);
  });

  it('draws a lesion that is sure enough and not hidden by hand', () => {
    const unsure = lesion(2, { confidence: 0.4 });
    equal(isDrawn(state([], { lowestConfidence: 0.5 }), 'a', unsure), false);
    equal(isDrawn(state([], { hidden: new Map([['a', new Set([2])]]) }), 'a', unsure), false);
    equal(isDrawn(state([], { hidden: new Map([['b', new Set([2])]]) }), 'a', unsure), true);
  });
});

describe('what people say of a result', () => {
  const review = (verdict: ReviewView['verdict'], comment: string | null): ReviewView => ({
    run: 'a',
    verdict,
    comment,
    reviewer: 'reader',
    createdAt: '2026-11-01T10:00:00.000Z',
    object: { seriesInstanceUID: '2.25.5', sopInstanceUID: '2.25.6' },
  });

  function reviewing(stored: ReviewView[]) {
    const store = new Store<SessionState>(state([run('a')]));
    let asked = 0;
    const reviews = new Reviews(store, {
      review: async (_id, { verdict, comment }) => {
        if (comment === 'refused') throw new Error('the archive is down');
        stored.push(review(verdict, comment ?? null));
        return stored.at(-1)!;
      },
      reviewsOf: async () => {
        asked += 1;
        return [...stored];
      },
    });
    return { store, reviews, asked: () => asked };
  }

  it('is asked for when a run tells a verdict that is news, and not again with each list', async () => {
    const { store, reviews, asked } = reviewing([review('rejected', 'A vessel.')]);
    reviews.hear(run('a'));
    equal(asked(), 0);
    reviews.hear(run('a', { verdict: 'rejected' }));
    await new Promise((done) => setTimeout(done, 1));
    reviews.hear(run('a', { verdict: 'rejected' }));
    equal(asked(), 1);
    equal(store.get().reviews.get('a')?.at(-1)?.comment, 'A vessel.');
  });

  it('is shown as the server has stored it, or why it was not', async () => {
    const { store, reviews } = reviewing([]);
    match((await reviews.send({ verdict: 'accepted', comment: 'refused' }))!, /archive is down/);
    equal(store.get().reviews.get('a'), undefined);
    equal(await reviews.send({ verdict: 'accepted' }), null);
    equal(store.get().reviews.get('a')?.at(-1)?.verdict, 'accepted');
  });
});
