import { deepEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { runLengths } from '../../../extension/src/editing/run-lengths.ts';
import { editedSegments, freeSegment } from '../../../extension/src/editing/segments.ts';
import { findings, lesion } from './support.ts';

describe('what is drawn on a slice, as runs', () => {
  /** Paints them as the server reads them: in their order. */
  function painted(runs: readonly number[], length: number): number[] {
    const labels = new Array<number>(length).fill(0);
    for (let at = 0; at < runs.length; at += 3) labels.fill(runs[at]!, runs[at + 1]!, runs[at + 1]! + runs[at + 2]!);
    return labels;
  }

  it('gives every pixel its segment, whatever the layer calls it', () => {
    const anySlice = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(anySlice, (labels) => {
        const runs = runLengths([{ labels, segmentOf: (label) => 10 * label }]);
        deepEqual(
          painted(runs, labels.length),
          labels.map((label) => 10 * label),
        );
      }),
    );
  });

  it('puts a later layer over an earlier one, and leaves out labels that stand for nothing', () => {
    const below = { labels: [1, 1, 1, 9, 0], segmentOf: (label: number) => (label === 9 ? 0 : label) };
    const above = { labels: [0, 1, 1, 0, 0], segmentOf: () => 7 };
    deepEqual(painted(runLengths([below, above]), 5), [1, 7, 7, 0, 0]);
  });
});

describe('which lesion a segment still is', () => {
  const document = findings([lesion(1), lesion(2)]);
  const original = new Map([
    [1, 'Liver'],
    [2, 'Lesion 1'],
    [3, 'Lesion 2'],
  ]);
  const uids = (segments: { segment: number; label: string }[], deleted: readonly number[]) =>
    editedSegments(segments, document, original, new Set(deleted)).map(({ trackingUid }) => trackingUid);

  it('stays with a lesion that was changed or renamed', () => {
    deepEqual(uids([{ segment: 2, label: 'Metastasis' }], []), ['2.25.101']);
  });

  it('is not given to a new segment with the number of a deleted one, and comes back when deleting is undone', () => {
    deepEqual(uids([{ segment: 3, label: 'Segment 3' }], [3]), [null]);
    deepEqual(uids([{ segment: 3, label: 'Lesion 2' }], [3]), ['2.25.102']);
  });

  it('is none for the liver, and for what was added', () => {
    const added = freeSegment([{ segment: 1, label: 'Liver' }], original);
    deepEqual(added, 4);
    const segments = editedSegments([{ segment: added, label: 'New lesion' }], document, original, new Set());
    deepEqual(segments, [{ segment: 4, label: 'New lesion', kind: 'lesion', trackingUid: null }]);
  });
});
