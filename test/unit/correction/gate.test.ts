import { deepEqual, equal, notEqual, throws } from 'node:assert/strict';
import { type Corrected, CorrectionRejected, readCorrection } from '../../../server/src/correction/gate.ts';

const CORRECTED: Corrected = {
  instances: ['1.1', '1.2', '1.9'],
  slices: 2,
  columns: 4,
  rows: 3,
  trackingUids: ['2.25.1', '2.25.2'],
};
const body = {
  columns: 4,
  rows: 3,
  segments: [
    { segment: 1, kind: 'liver' },
    { segment: 7, kind: 'lesion', trackingUid: '2.25.1' },
  ],
  slices: [
    { sopInstanceUID: '1.1', runs: [1, 0, 12, 7, 3, 2] },
    { sopInstanceUID: '1.2', runs: [] },
  ],
};
const read = (input: unknown, corrected = CORRECTED) =>
  readCorrection(Buffer.from(typeof input === 'string' ? input : JSON.stringify(input)), corrected);
const [first, second] = body.slices as [object, object];
const lesion = body.segments[1]!;

describe('a correction at the door', () => {
  it('is named by what it says, whatever the order in which it is written down', () => {
    const { digest, correction } = read(body);
    equal(read({ ...body, slices: [second, first], segments: [lesion, body.segments[0]] }).digest, digest);
    equal(read({ segments: body.segments, slices: body.slices, rows: 3, columns: 4 }).digest, digest);
    notEqual(read({ ...body, slices: [{ ...first, runs: [1, 0, 12, 7, 3, 1] }, second] }).digest, digest);
    deepEqual(correction.slices[0], { sopInstanceUID: '1.1', frame: null, runs: [1, 0, 12, 7, 3, 2] });
  });

  const rejected: [what: string, code: string, input: unknown][] = [
    ['is no JSON', 'malformed', '{'],
    ['has a field that does not exist', 'malformed', { ...body, patient: 1 }],
    ['is of other images', 'other-slices', { ...body, slices: [first, { sopInstanceUID: '1.3', runs: [] }] }],
    ['leaves a slice out', 'other-slices', { ...body, slices: [first] }],
    [
      'names an image that was no slice of the result as well',
      'other-slices',
      { ...body, slices: [first, second, { sopInstanceUID: '1.9', runs: [] }] },
    ],
    ['has a slice twice', 'malformed', { ...body, slices: [first, first] }],
    ['has another size', 'wrong-size', { ...body, columns: 3, rows: 4 }],
    [
      'uses a segment that is not declared',
      'undeclared-segment',
      { ...body, slices: [{ ...first, runs: [2, 0, 1] }, second] },
    ],
    ['has pixels outside the image', 'outside', { ...body, slices: [{ ...first, runs: [1, 11, 2] }, second] }],
    ['has runs that are cut off', 'malformed', { ...body, slices: [{ ...first, runs: [1, 0] }, second] }],
    [
      'has a run that begins before the image',
      'malformed',
      { ...body, slices: [{ ...first, runs: [1, -1, 2] }, second] },
    ],
    ['labels nothing', 'empty', { ...body, slices: [{ ...first, runs: [] }, second] }],
    ['labels nothing with runs', 'empty', { ...body, slices: [{ ...first, runs: [1, 0, 0] }, second] }],
    ['declares no segment', 'malformed', { ...body, segments: [] }],
    ['declares a segment twice', 'malformed', { ...body, segments: [...body.segments, lesion] }],
    [
      'takes a lesion of another result for its own',
      'unknown-lesion',
      { ...body, segments: [body.segments[0], { ...lesion, trackingUid: '2.25.3' }] },
    ],
    ['takes one lesion for two', 'malformed', { ...body, segments: [...body.segments, { ...lesion, segment: 8 }] }],
    [
      'gives the liver a tracking UID',
      'malformed',
      { ...body, segments: [{ segment: 1, kind: 'liver', trackingUid: '2.25.2' }, lesion] },
    ],
    ['has a segment of an unknown kind', 'malformed', { ...body, segments: [{ segment: 1, kind: 'spleen' }] }],
  ];
  for (const [what, code, input] of rejected) {
    it(`is turned away in one line when it ${what}`, () => {
      throws(
        () => read(input),
        (error: unknown) => {
          equal((error as CorrectionRejected).code, code);
          return error instanceof CorrectionRejected && /^[^\n]{10,300}$/.test(error.message);
        },
      );
    });
  }

  it('is taken of a result that does not say its size', () => {
    equal(read(body, { ...CORRECTED, columns: null, rows: null }).correction.columns, 4);
  });
});
