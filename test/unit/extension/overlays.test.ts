import { deepEqual, match } from 'node:assert/strict';
import type { Companion } from '../../../extension/src/companion/client.ts';
import { Viewer } from '../../../extension/src/ohif/viewer.ts';
import { Overlays } from '../../../extension/src/state/overlays.ts';
import { INITIAL, type SessionState } from '../../../extension/src/state/session-state.ts';
import { Store } from '../../../extension/src/state/store.ts';
import type { FindingsDocument } from '../../../server/src/findings/schema.ts';
import type { SegmentationView } from '../../../server/src/http/contract.ts';
import { FakeViewer } from './fake-viewer.ts';
import { findings, lesion, run, SERIES, STUDY } from './support.ts';

const OTHER = '2.25.77';

describe('the overlay in the viewer', () => {
  /** Findings of a run whose segmentation is the series 'seg <run>'. */
  const result = (id: string): FindingsDocument =>
    findings([lesion(1), lesion(2, { confidence: 0.4 })], {
      run: id,
      objects: {
        seg: { seriesInstanceUID: `seg ${id}`, sopInstanceUID: `seg ${id}.1` },
        sr: null,
        secondaryCapture: null,
      },
    });

  function open(fake: FakeViewer, runs: readonly SegmentationView[]) {
    const store = new Store<SessionState>({
      ...INITIAL,
      runs: new Map(runs.map((each) => [each.id, { run: each, heardAt: 0 }])),
    });
    const companion = { findings: async (id: string) => result(id) } as unknown as Companion;
    const overlays = new Overlays(store, new Viewer(fake.context), companion);
    const settle = async () => {
      await overlays.sync();
      while ([...store.get().overlays.values()].includes('loading')) await new Promise((done) => setTimeout(done, 5));
      await overlays.sync();
      await new Promise((done) => setTimeout(done, 5));
    };
    return { store, overlays, settle };
  }

  it('fetches a segmentation that was stored after the study was opened, and lies over its series in all its viewports', async () => {
    const fake = new FakeViewer().ct(SERIES).ct(OTHER);
    fake.stored.push(fake.seg('seg a', SERIES));
    for (const [viewport, series] of Object.entries({ one: SERIES, two: OTHER, three: SERIES })) {
      fake.show(viewport, series);
    }
    await open(fake, [run('a')]).settle();
    deepEqual([...fake.attached.keys()].sort(), ['one set seg a', 'three set seg a']);
  });

  it('leaves a viewport as soon as that shows another series, and comes back with its own', async () => {
    const fake = new FakeViewer().ct(SERIES).ct(OTHER);
    fake.displaySets.push(fake.seg('seg a', SERIES), fake.seg('seg b', OTHER));
    fake.show('one', SERIES);
    const { settle } = open(fake, [run('a'), run('b', { seriesInstanceUID: OTHER })]);
    await settle();
    deepEqual([...fake.attached.keys()], ['one set seg a']);
    fake.show('one', OTHER);
    await settle();
    deepEqual([...fake.attached.keys()], ['one set seg b']);
    fake.show('one', SERIES);
    await settle();
    deepEqual([...fake.attached.keys()], ['one set seg a']);
  });

  it('never lies over a series that the segmentation itself does not name', async () => {
    const fake = new FakeViewer().ct(SERIES);
    fake.displaySets.push(fake.seg('seg a', OTHER));
    fake.show('one', SERIES);
    const { store, settle } = open(fake, [run('a')]);
    await settle();
    deepEqual([...fake.attached.keys()], []);
    match(JSON.stringify(store.get().overlays.get('a')), /belongs to another series/);
  });

  it('shows one result at a time: the chosen one in place of the newest', async () => {
    const fake = new FakeViewer().ct(SERIES);
    fake.displaySets.push(fake.seg('seg old', SERIES), fake.seg('seg new', SERIES));
    fake.show('one', SERIES);
    const { store, settle } = open(fake, [
      run('old', { finishedAt: '2026-10-01T10:00:00.000Z' }),
      run('new', { supersedes: 'old' }),
    ]);
    await settle();
    deepEqual([...fake.attached.keys()], ['one set seg new']);
    store.set({ chosen: new Map([[SERIES, 'old']]) });
    await settle();
    deepEqual([...fake.attached.keys()], ['one set seg old']);
  });

  it('hides what the slider and the eye hide, also in a viewport that is added later', async () => {
    const fake = new FakeViewer().ct(SERIES);
    fake.displaySets.push(fake.seg('seg a', SERIES));
    fake.show('one', SERIES);
    const { store, settle } = open(fake, [run('a')]);
    store.set({ lowestConfidence: 0.5 });
    await settle();
    deepEqual(fake.hidden, ['one 3']);
    fake.show('two', SERIES);
    store.set({ hidden: new Map([['a', new Set([1])]]), lowestConfidence: 0, isLiverHidden: true });
    await settle();
    deepEqual(fake.hidden.sort(), ['one 1', 'one 2', 'two 1', 'two 2']);
  });

  it('has the images drawn anew once for a change, however many segments it touches, and not where nothing changed', async () => {
    const fake = new FakeViewer().ct(SERIES);
    fake.displaySets.push(fake.seg('seg a', SERIES));
    fake.show('one', SERIES);
    const { store, settle } = open(fake, [run('a')]);
    await settle();
    fake.redraws = 0;
    store.set({ drawing: 'outline', isLiverHidden: true, lowestConfidence: 0.5 });
    await settle();
    deepEqual([fake.redraws, fake.hidden], [1, ['one 1', 'one 3']]);
  });

  it('jumps to the point that the server measured, not to one that the viewer computes', async () => {
    const fake = new FakeViewer().ct(SERIES);
    fake.displaySets.push(fake.seg('seg a', SERIES));
    fake.show('one', SERIES);
    const { store, overlays, settle } = open(fake, [run('a')]);
    const series = { studyInstanceUID: STUDY, seriesInstanceUID: SERIES, name: '1', unsuitable: null };
    store.set({ series, selected: 1 });
    overlays.jumpTo('a', 2, [5, 10, 0]);
    await settle();
    const [[id, segment, viewport, , , , , , center]] = fake.jumps as [unknown[]];
    deepEqual([id, segment, viewport, center], ['set seg a', 2, undefined, { world: [5, 10, 0] }]);
  });
});
