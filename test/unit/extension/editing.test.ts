import { deepEqual, equal, match, ok } from 'node:assert/strict';
import type { Companion } from '../../../extension/src/companion/client.ts';
import { Viewer } from '../../../extension/src/ohif/viewer.ts';
import { Editing } from '../../../extension/src/state/editing.ts';
import { Overlays } from '../../../extension/src/state/overlays.ts';
import { INITIAL, type SessionState } from '../../../extension/src/state/session-state.ts';
import { Store } from '../../../extension/src/state/store.ts';
import type { CorrectionRequest, SegmentationView } from '../../../server/src/http/contract.ts';
import { FakeViewer } from './fake-viewer.ts';
import { findings, lesion, run, SERIES, STUDY } from './support.ts';

const SEG = 'set seg a';

describe('correcting a result in the viewer', () => {
  const document = findings([lesion(1), lesion(2)], {
    objects: { seg: { seriesInstanceUID: 'seg a', sopInstanceUID: 'seg a.1' }, sr: null, secondaryCapture: null },
  });
  let fake: FakeViewer;
  let store: Store<SessionState>;
  let editing: Editing;
  let sent: CorrectionRequest[];
  let answer: () => Promise<SegmentationView>;

  beforeEach(async () => {
    sent = [];
    answer = async () => run('b', { kind: 'correction', corrects: 'a', state: 'running', finishedAt: null });
    fake = new FakeViewer().ct(SERIES);
    fake.displaySets.push(fake.seg('seg a', SERIES));
    fake.show('one', SERIES);
    store = new Store<SessionState>({
      ...INITIAL,
      series: { studyInstanceUID: STUDY, seriesInstanceUID: SERIES, name: '1', unsuitable: null },
      runs: new Map([['a', { run: run('a'), heardAt: 0 }]]),
    });
    const viewer = new Viewer(fake.context);
    const companion = {
      findings: async () => document,
      correct: (_id: string, correction: CorrectionRequest) => {
        sent.push(correction);
        return answer();
      },
    };
    const overlays = new Overlays(store, viewer, companion as unknown as Companion);
    editing = new Editing({ store, viewer, companion, overlays, onRun: () => {} });
    drawTwoLayers();
    await overlays.sync();
    while (store.get().overlays.get('a') !== 'shown') await new Promise((done) => setTimeout(done, 2));
  });
  afterEach(() => editing.stop());

  /** Two slices of 3 x 2; lesion 2 was painted over something locked, and so lies in a layer of its own. */
  function drawTwoLayers(): void {
    const image = (id: string, source: string, labels: number[]) =>
      fake.images.set(id, {
        columns: 3,
        rows: 2,
        referencedImageId: source,
        voxelManager: { getScalarData: () => Uint8Array.from(labels) },
      });
    image('p1', 's1', [1, 1, 2, 0, 0, 0]);
    image('p2', 's2', [0, 0, 0, 0, 0, 0]);
    image('q1', 's1', [0, 1, 0, 0, 0, 0]);
    image('q2', 's2', [0, 0, 0, 0, 0, 1]);
    fake.segmentations.set(SEG, {
      segments: {
        1: { segmentIndex: 1, label: 'Liver' },
        2: { segmentIndex: 2, label: 'Lesion 1' },
        3: { segmentIndex: 3, label: 'Lesion 2' },
      },
      representationData: {
        Labelmap: {
          labelmaps: {
            p: { labelmapId: 'p', imageIds: ['p1', 'p2'] },
            q: { labelmapId: 'q', imageIds: ['q1', 'q2'] },
          },
          segmentBindings: {
            1: { labelmapId: 'p', labelValue: 1 },
            2: { labelmapId: 'p', labelValue: 2 },
            3: { labelmapId: 'q', labelValue: 1 },
          },
        },
      },
    });
  }

  it('sends every slice and layer with what each segment is', async () => {
    editing.begin();
    fake.paint(SEG, 0);
    await editing.save();
    deepEqual(sent, [
      {
        columns: 3,
        rows: 2,
        segments: [
          { segment: 1, kind: 'liver', trackingUid: null },
          { segment: 2, kind: 'lesion', trackingUid: '2.25.101' },
          { segment: 3, kind: 'lesion', trackingUid: '2.25.102' },
        ],
        slices: [
          { sopInstanceUID: 'sop s1', frame: null, runs: [1, 0, 2, 2, 2, 1, 3, 1, 1] },
          { sopInstanceUID: 'sop s2', frame: null, runs: [3, 5, 1] },
        ],
      },
    ]);
  });

  it('begins with the first stroke, also with the viewer’s own tools, but not when a segmentation comes to the screen', () => {
    fake.paint(SEG);
    equal(store.get().editing, null);
    fake.paint(SEG, 1);
    equal(store.get().editing?.isChanged, true);
  });

  it('warns before changes are lost, and only then', async () => {
    editing.begin();
    equal(editing.wouldLose, false);
    fake.paint(SEG, 0);
    equal(editing.wouldLose, true);
    editing.leave();
    equal(store.get().editing?.isLeaving, true);
    editing.discard();
    equal(editing.wouldLose, false);
  });

  it('leaves a new lesion on which nothing was drawn out, and a deleted one', async () => {
    editing.begin();
    editing.addLesion();
    equal(store.get().editing?.active, 4);
    editing.removeSegment(2);
    await editing.save();
    deepEqual(
      sent[0]?.segments.map(({ segment }) => segment),
      [1, 3],
    );
  });

  it('lets the eraser take from the chosen segment only, and the brush paint over all', () => {
    editing.begin();
    deepEqual([...fake.locked], []);
    editing.take('eraser');
    deepEqual([...fake.locked].sort(), [1, 3]);
    editing.choose(3);
    deepEqual([...fake.locked].sort(), [1, 2]);
    editing.take('brush');
    deepEqual([...fake.locked], []);
    ok(fake.commands.includes('setToolActiveToolbar CircularEraser'));
  });

  it('shows the result as the archive has it, once the new one is stored', async () => {
    editing.begin();
    fake.paint(SEG, 0);
    await editing.save();
    equal(editing.wouldLose, false);
    editing.hear(run('b', { state: 'done' }));
    equal(store.get().editing, null);
    ok(!fake.images.has('p1'), 'what was painted is forgotten');
  });

  it('keeps what was drawn when it was not saved, and what was drawn since', async () => {
    editing.begin();
    fake.paint(SEG, 0);
    answer = () => Promise.reject(new Error('the Hepar server cannot be reached'));
    await editing.save();
    match(store.get().error!, /not saved: the Hepar server cannot be reached/);
    equal(store.get().editing?.isChanged, true);

    answer = async () => run('b', { state: 'running', finishedAt: null });
    await editing.save();
    editing.hear(run('b', { state: 'failed' }));
    equal(store.get().editing?.isChanged, true);

    await editing.save();
    fake.paint(SEG, 1);
    editing.hear(run('b', { state: 'done' }));
    equal(store.get().editing?.isChanged, true);
    equal(store.get().editing?.saving, null);
  });
});
