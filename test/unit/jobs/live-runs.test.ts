import assert from 'node:assert/strict';
import { LiveRuns, type RunEvent } from '../../../server/src/jobs/live-runs.ts';
import type { Run } from '../../../server/src/jobs/run.ts';

const RUN: Run = {
  id: 'a',
  studyInstanceUid: '1.2',
  seriesInstanceUid: '1.2.3',
  instances: [],
  model: { id: 'm', version: '1', digest: 'd' },
  repeat: 0,
  origin: 'click',
  priority: 100,
  rule: null,
  deliveries: [],
  state: 'running',
  phase: null,
  attempt: 1,
  createdAt: new Date(0),
  startedAt: new Date(0),
  finishedAt: null,
  failure: null,
  refusal: null,
  supersedes: null,
  kind: 'segmentation',
  corrects: null,
  reviewer: null,
  verdict: null,
  position: null,
  archived: null,
  timingsMs: null,
};

describe('live progress', () => {
  it('never goes back, so that a progress bar does not jump', () => {
    const live = new LiveRuns();
    live.begin(RUN);
    const wholes: number[] = [];
    for (const [phase, fraction] of [
      ['retrieve', 0.5],
      ['segment', 0.6],
      ['segment', 0.2],
      ['assemble', 0.1],
      ['store', 1],
    ] as const) {
      live.advance('a', phase, fraction);
      wholes.push(live.progressOf('a')!.whole);
    }
    assert.deepEqual(
      wholes,
      wholes.toSorted((a, b) => a - b),
    );
    assert.equal(wholes.at(-1), 1);
  });

  it('measures from the start of the attempt', () => {
    let now = 1_000;
    const live = new LiveRuns(() => now);
    live.begin(RUN);
    now = 4_000;
    live.advance('a', 'segment', 0.5);
    const { elapsedMs, whole, remainingMs } = live.progressOf('a')!;
    assert.equal(elapsedMs, 3_000);
    assert.ok(Math.abs(remainingMs! - (3_000 / whole) * (1 - whole)) < 1e-9);
  });

  it('says which word is the first of a phase: only that one goes to the database', () => {
    const live = new LiveRuns();
    live.begin(RUN);
    const isNew = [
      live.advance('a', 'retrieve', 0),
      live.advance('a', 'retrieve', 1),
      live.advance('a', 'assemble', 0),
    ];
    assert.deepEqual(isNew, [true, false, true]);
  });

  it('reaches those who listen to this run, until they or it end', () => {
    const live = new LiveRuns();
    const heard: RunEvent['kind'][] = [];
    const other: RunEvent[] = [];
    live.subscribe('a', ({ kind }) => heard.push(kind));
    live.subscribe('b', (event) => other.push(event));
    const leave = live.subscribe('a', () => heard.push('progress'));
    live.begin(RUN);
    leave();
    live.advance('a', 'retrieve', 0);
    live.changed({ ...RUN, state: 'done' });
    live.changed({ ...RUN, state: 'done' });
    assert.deepEqual(heard, ['state', 'progress', 'progress', 'state']);
    assert.deepEqual(other, []);
    assert.equal(live.progressOf('a'), null);
  });
});
