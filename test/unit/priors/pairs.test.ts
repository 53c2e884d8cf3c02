import assert from 'node:assert/strict';
import type { Comparison, LesionChange } from '../../../server/src/findings/priors.ts';
import type { PlannedChange } from '../../../server/src/phantom/follow-up.ts';
import { NoRoomError } from '../../../server/src/phantom/lesions.ts';
import { compareScans } from '../../../server/src/priors/compare.ts';
import { asPrior, makePair, type Pair } from './pairs.ts';

/** All pairs with --full; a sample of them, spread over the seeds, else. */
const PAIRS = 60;
const SAMPLE = [3, 5, 12, 27];
/** What is needed of all pairs together. */
const LEAST_RIGHT = 0.95;
const MOST_APART_MM = 10;

/** A patient's two scans, and what was made of the lesions of both. */
interface Judged {
  readonly pair: Pair;
  readonly comparison: Comparison;
  /** Planned changes, each with whether it was told rightly: the same lesions of both scans, by the same word. */
  readonly told: readonly { readonly planned: PlannedChange; readonly isRight: boolean }[];
  /** Distances of the matches that join lesions which are not the same. */
  readonly wrongMm: readonly number[];
}

function judge(pair: Pair): Judged {
  const comparison = compareScans(pair.after, asPrior(pair.before));
  if ('message' in comparison) throw new Error(`pair ${pair.seed}: ${comparison.message}`);
  const found = comparison.lesions.map((each) => ({ each, ...madeOf(each, pair) }));
  const told = pair.plan.changes.map((planned) => ({
    planned,
    isRight: found.some(
      ({ each, before, after }) =>
        each.change === planned.change && `${before}` === `${planned.before}` && `${after}` === `${planned.after}`,
    ),
  }));
  const isSame = (before: readonly number[], after: readonly number[]) =>
    pair.plan.changes.some(
      (planned) => before.every((n) => planned.before.includes(n)) && after.every((n) => planned.after.includes(n)),
    );
  const wrongMm = found
    .filter(({ each, before, after }) => each.distanceMm !== null && !isSame(before, after))
    .map(({ each }) => each.distanceMm!);
  return { pair, comparison, told, wrongMm };
}

/** Which of the phantom's lesions a group of the comparison consists of. */
function madeOf(change: LesionChange, { before, after }: Pair): { before: number[]; after: number[] } {
  const ascending = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);
  return {
    before: ascending(change.priors.flatMap(({ segmentNumber }) => before.made[segmentNumber - 2]!)),
    after: ascending(change.lesions.flatMap((number) => after.made[number - 1]!)),
  };
}

describe('two scans of one phantom patient: turned, shifted, bent by another breath, laid out otherwise', () => {
  const seeds = process.env.HEPAR_TEST_FULL ? Array.from({ length: PAIRS }, (_, n) => n + 1) : SAMPLE;
  const judged: Judged[] = [];

  for (const seed of seeds) {
    it(`pair ${seed} is aligned, and its changes are told`, async function () {
      let pair: Pair;
      try {
        pair = await makePair(seed);
      } catch (error) {
        // A small liver without room for what was planned shows nothing, and is no pair.
        if (error instanceof NoRoomError) return this.skip();
        throw error;
      }
      const result = judge(pair);
      judged.push(result);
      assert.deepEqual(
        result.wrongMm.filter((mm) => mm > MOST_APART_MM),
        [],
      );
    });
  }

  it('at least 95 % of the changes are told rightly, and no match of different lesions is over 10 mm apart', () => {
    const all = judged.flatMap(({ told }) => told);
    const right = all.filter(({ isRight }) => isRight).length;
    process.stdout.write(`${table(judged)}\n`);
    assert.ok(all.length >= 3 * judged.length);
    assert.ok(right / all.length >= LEAST_RIGHT, `${right} of ${all.length}`);
    if (process.env.HEPAR_TEST_FULL) assert.ok(judged.length >= 50, `${judged.length} pairs`);
  });
});

/** The figures of docs/priors.md. */
function table(judged: readonly Judged[]): string {
  const told = judged.flatMap((each) => each.told);
  const rows = [...new Set(told.map(({ planned }) => planned.change))].sort().map((change) => {
    const of = told.filter(({ planned }) => planned.change === change);
    return `| ${change} | ${of.length} | ${of.filter(({ isRight }) => isRight).length} |`;
  });
  const right = told.filter(({ isRight }) => isRight).length;
  const matched = judged.flatMap(({ comparison }) => comparison.lesions.flatMap(({ distanceMm }) => distanceMm ?? []));
  const alignments = judged.map(({ comparison }) => comparison.alignment);
  const range = (values: readonly number[]) => `${Math.min(...values)} to ${Math.max(...values)}`;
  const wrong = judged.flatMap(({ wrongMm }) => wrongMm);
  return [
    '',
    `| change (${judged.length} pairs) | made | told rightly |`,
    '|---|---|---|',
    ...rows,
    `| all | ${told.length} | ${right} (${((100 * right) / told.length).toFixed(1)} %) |`,
    '',
    `Matches of different lesions: ${wrong.length}, of these over ${MOST_APART_MM} mm apart: ${wrong.filter((mm) => mm > MOST_APART_MM).length}.`,
    `Distance of matched lesions after alignment: ${range(matched)} mm. The patient was shifted by ${range(alignments.map(({ shiftMm }) => shiftMm))} mm`,
    `and turned by ${range(alignments.map((each) => each.rotationDegrees))} degrees; liver Dice ${range(alignments.map((each) => each.liverDice))},`,
    `surfaces ${range(alignments.map((each) => each.surfaceDistanceMm))} mm apart.`,
  ].join('\n');
}
