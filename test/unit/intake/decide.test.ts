import { deepEqual, equal, match } from 'node:assert/strict';
import type { ImageSummary } from '../../../server/src/dicomweb/archive.ts';
import { decide } from '../../../server/src/intake/decide.ts';
import { parseRules } from '../../../server/src/intake/rules.ts';
import type { Described } from '../../../server/src/intake/study.ts';
import type { Run } from '../../../server/src/jobs/run.ts';
import { objectUids } from '../../../server/src/reports/uids.ts';

const IMAGE: ImageSummary = {
  imageType: ['ORIGINAL', 'PRIMARY', 'AXIAL'],
  frames: null,
  orientation: [1, 0, 0, 0, 1, 0],
  sliceThicknessMm: 2.5,
  sliceSpacingMm: 2.5,
  rescaleType: 'HU',
  protocol: 'Abdomen 3-phase',
  bodyPart: 'ABDOMEN',
  kernel: 'B30f',
  contrastAgent: 'Iomeprol',
  manufacturer: 'Scanner works',
  institution: 'General Hospital',
  studyDate: '20260310',
};
const NOW = new Date(2026, 2, 12, 14, 30);
const series = (
  number: number,
  description: string,
  more: Partial<Described> = {},
  image: Partial<ImageSummary> = {},
) => ({
  seriesInstanceUid: `1.2.${number}`,
  modality: 'CT',
  description,
  seriesNumber: number,
  instances: 100,
  instanceUids: Array.from({ length: 100 }, (_, slice) => `1.2.${number}.${slice}`),
  image: { ...IMAGE, ...image },
  ...more,
});
const PORTAL = series(3, 'portal venous');
const ARTERIAL = series(2, 'arterial');
const TOPOGRAM = series(1, 'topogram', { instances: 1, instanceUids: ['1.2.1.1'] });

const run = (of: Described, more: Partial<Run>): Run => ({
  id: 'r'.repeat(32),
  studyInstanceUid: '1.2',
  seriesInstanceUid: of.seriesInstanceUid,
  instances: of.instanceUids!,
  model: { id: 'm', version: '1', digest: 'd' },
  repeat: 0,
  kind: 'segmentation',
  corrects: null,
  reviewer: null,
  verdict: null,
  origin: 'automation',
  priority: 10,
  rule: 'a',
  deliveries: [],
  state: 'done',
  phase: null,
  attempt: 1,
  createdAt: NOW,
  startedAt: NOW,
  finishedAt: NOW,
  failure: null,
  refusal: null,
  supersedes: null,
  timingsMs: null,
  archived: null,
  position: null,
  ...more,
});

/** What becomes of each series: its verdict, and why. */
function decided(
  rules: string,
  all: readonly Described[],
  { runs = [], now = NOW, aet = null }: { runs?: Run[]; now?: Date; aet?: string | null } = {},
): Record<string, [verdict: string, why: string]> {
  const senders = new Map(all.map(({ seriesInstanceUid }) => [seriesInstanceUid, { remoteAet: aet, calledAet: null }]));
  const decisions = decide({ series: all, senders, runs, now }, parseRules(rules));
  return Object.fromEntries(
    decisions.map(({ series: { seriesNumber }, verdict, why }) => [seriesNumber!, [verdict, why]]),
  );
}
const verdicts = (...args: Parameters<typeof decided>) =>
  Object.fromEntries(Object.entries(decided(...args)).map(([number, [verdict]]) => [number, verdict]));
const ANY = 'rules: [{name: a}]';

describe('which series the rules take', () => {
  it('one of a study, the one that suits best, and of the others it is said why not', () => {
    const said = decided(ANY, [TOPOGRAM, ARTERIAL, PORTAL]);
    equal(said[3]![0], 'run');
    match(said[3]![1], /^rule 'a', score 100: portal venous phase, 2.5 mm slices/);
    match(said[2]![1], /^series 1\.2\.3 of the study scores 100, this one 75 \(arterial phase/);
    match(said[1]![1], /^only 1 slice, at least 10 are needed/);
    deepEqual(verdicts('rules: [{name: a, series: all}]', [TOPOGRAM, ARTERIAL, PORTAL]), {
      1: 'no',
      2: 'run',
      3: 'run',
    });
  });

  it('no result of ours, of whatever kind', () => {
    const own = (number: number, modality: string) => series(number, 'Liver', { modality }, { manufacturer: 'Hepar' });
    deepEqual(verdicts(ANY, [own(4, 'SEG'), own(5, 'SR'), own(6, 'OT'), own(7, 'CT')]), {
      4: 'no',
      5: 'no',
      6: 'no',
      7: 'no',
    });
  });

  for (const [condition, why] of [
    ['modality: MR', /modality CT, wanted MR/],
    ['bodyPart: [LIVER, PELVIS]', /body part ABDOMEN, wanted LIVER or PELVIS/],
    ['description: [liver, leber]', /its description does not match 'liver' or 'leber'/],
    ['notDescription: PORTAL', /its description matches 'PORTAL', which is not wanted/],
    ['protocol: ^thorax', /its protocol does not match '\^thorax'/],
    ['institution: clinic', /its institution does not match 'clinic'/],
    ['remoteAet: CT9', /calling AE title CT1, wanted CT9/],
    ['calledAet: HEPAR', /called AE title not stated, wanted HEPAR/],
    ['sliceThicknessMm: {atMost: 2}', /slice thickness 2.5 mm, wanted at most 2/],
    ['slices: {atLeast: 101}', /number of slices 100, wanted at least 101/],
    ['orientation: coronal', /orientation axial, wanted coronal/],
    ['phase: [delayed, unenhanced]', /contrast phase portal venous, wanted delayed or unenhanced/],
    ['ageDays: {atMost: 1}', /age of the study 2 days, wanted at most 1/],
    ['score: {atMost: 50}', /score 100, wanted at most 50/],
  ] as const) {
    it(`none that does not meet '${condition}', and says so`, () => {
      const [verdict, reason] = decided(`rules: [{name: a, when: {${condition}}}]`, [PORTAL], { aet: 'CT1' })[3]!;
      equal(verdict, 'no');
      match(reason, new RegExp(`^rule 'a': ${why.source}$`));
    });
  }

  it('one that meets all conditions at once', () => {
    const when = `{modality: ct, bodyPart: abdomen, description: [liver, portal], notDescription: lung, protocol: abdom,
      institution: ^general, remoteAet: [CT1, CT2], sliceThicknessMm: {atLeast: 1, atMost: 2.5}, slices: {atLeast: 100},
      orientation: axial, phase: portal venous, ageDays: {atLeast: 2, atMost: 2}, score: {atLeast: 90}}`;
    equal(decided(`rules: [{name: a, when: ${when}}]`, [PORTAL], { aet: 'CT2' })[3]![0], 'run');
  });

  it('by the first rule that does, and for one that none takes every rule has a word', () => {
    const rules =
      'rules: [{name: a, when: {phase: delayed}}, {name: b, when: {slices: {atMost: 9}}}, {name: c, series: all}]';
    match(decided(rules, [PORTAL])[3]![1], /^rule 'c'/);
    const none = rules.replace(', {name: c, series: all}', '');
    match(decided(none, [PORTAL])[3]![1], /^rule 'a': contrast phase .*; rule 'b': number of slices/);
  });

  it('later, when its rule runs at night only, also over midnight', () => {
    const rules = "rules: [{name: a, hours: '22:00-06:00'}]";
    const at = (hour: number, minute = 0) => verdicts(rules, [PORTAL], { now: new Date(2026, 2, 12, hour, minute) })[3];
    deepEqual([at(14), at(21, 59), at(22), at(0), at(5, 59), at(6)], ['later', 'later', 'run', 'run', 'run', 'later']);
    equal(verdicts("rules: [{name: a, hours: '08:00-17:00'}]", [PORTAL])[3], 'run');
  });

  it('none of an old study that is sent again, unless the rule says so; one without a date counts as new', () => {
    const old = series(3, 'portal venous', {}, { studyDate: '20251201' });
    match(decided(ANY, [old])[3]![1], /age of the study 101 days, wanted at most 30/);
    equal(verdicts('rules: [{name: a, when: {ageDays: {atMost: 9999}}}]', [old])[3], 'run');
    for (const studyDate of [null, '', '2026', '20260313']) {
      equal(verdicts(ANY, [series(3, 'portal venous', {}, { studyDate })])[3], 'run', String(studyDate));
    }
  });
});

describe('what was done before', () => {
  const all = [ARTERIAL, PORTAL];

  it('is not done again, whatever became of it and whatever model there is now', () => {
    for (const [more, why] of [
      [{ state: 'queued' }, /it is queued/],
      [{ state: 'running' }, /it is running/],
      [{ state: 'done', model: { id: 'm', version: '0', digest: 'old' } }, /it has its result/],
      [{ state: 'failed', failure: { code: 'x', message: 'No luck.' } }, /without success: No luck/],
      [{ state: 'cancelled' }, /was cancelled/],
      [{ state: 'done', origin: 'click', rule: null }, /it has its result/],
    ] as [Partial<Run>, RegExp][]) {
      const before = run(PORTAL, more);
      const report = series(9, 'Report', {
        modality: 'SR',
        seriesInstanceUid: objectUids(before.id, 'sr').seriesInstanceUID,
      });
      const said = decided(ANY, [...all, report], { runs: [before] });
      deepEqual([said[2]![0], said[3]![0]], ['no', 'no'], JSON.stringify(more));
      match(said[3]![1], why);
    }
  });

  it('is done anew when slices have come, for the series that was chosen, though another would suit better now', () => {
    const runs = [run(ARTERIAL, { instances: ARTERIAL.instanceUids!.slice(10) })];
    const said = decided(ANY, all, { runs });
    deepEqual([said[2]![0], said[3]![0]], ['run', 'no']);
    match(said[3]![1], /series 1\.2\.2 of the study was chosen before/);
  });

  it('is done anew under another number when its result is no longer in the archive', () => {
    const senders = new Map();
    const before = run(PORTAL, { repeat: 2 });
    const decisions = decide({ series: all, senders, runs: [before], now: NOW }, parseRules(ANY));
    deepEqual(
      decisions.map(({ verdict, repeat }) => [verdict, repeat]),
      [
        ['no', 0],
        ['run', 3],
      ],
    );
  });

  it('makes room for the next best when it was refused', () => {
    const runs = [run(PORTAL, { state: 'refused', refusal: { code: 'gap', message: 'A gap.', figures: {} } })];
    const said = decided(ANY, all, { runs });
    deepEqual([said[2]![0], said[3]![0]], ['run', 'no']);
    match(said[3]![1], /refused: A gap/);
  });

  it('is done anew when its series was deleted and has come again', () => {
    const gone = { state: 'cancelled', failure: { code: 'source-gone', message: 'Gone.' } } as const;
    deepEqual(verdicts(ANY, all, { runs: [run(PORTAL, gone)] }), { 2: 'no', 3: 'run' });
    // A chosen series that is no longer there stands in nobody's way.
    deepEqual(verdicts(ANY, [ARTERIAL], { runs: [run(PORTAL, {})] }), { 2: 'run' });
  });
});
