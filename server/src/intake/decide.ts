import { isFinal, type Run } from '../jobs/run.ts';
import { SOURCE_GONE } from '../jobs/runs.ts';
import { objectUids } from '../reports/uids.ts';
import { minutesUntilOpen, unmet } from './conditions.ts';
import type { Senders } from './orthanc.ts';
import type { Rule, Rules } from './rules.ts';
import { judgeSeries, recommend } from './score.ts';
import { type Described, isSameSet } from './study.ts';

export interface StudyFacts {
  readonly series: readonly Described[];
  /** By Series Instance UID; empty where the archive does not tell. */
  readonly senders: ReadonlyMap<string, Senders>;
  /** The runs of the study, newest first. */
  readonly runs: readonly Run[];
  readonly now: Date;
}

/** What becomes of a series, with the reason in one line. */
export interface Decision {
  readonly series: Described;
  /** 'later': when the hours of its rule begin. */
  readonly verdict: 'run' | 'later' | 'no';
  /** The rule that takes it. */
  readonly rule: Rule | null;
  readonly score: number | null;
  readonly why: string;
  /** Of the run that it would be: 0, or more when the same was done before and its result is no longer there. */
  readonly repeat: number;
}

interface Taken {
  readonly series: Described;
  readonly rule: Rule;
  readonly score: number;
  readonly reason: string;
}

/** Manufacturer of every object of ours. */
const OURS = 'Hepar';

/**
 * Which series of a study are segmented unasked. The first rule that takes a series decides for it. Of those whose rule
 * says `series: best`, one series of the study runs: the one that had its run already, else the one with the highest score.
 */
export function decide(facts: StudyFacts, { rules }: Rules): Decision[] {
  const judged = facts.series.map((series) => judge(series, facts, rules));
  const taken = judged.flatMap((each) => ('rule' in each ? [each] : []));
  const contenders = taken.filter(({ rule }) => rule.series === 'best');
  const best = bestOf(contenders, facts, rules);
  return judged.map((each): Decision => {
    if (!('rule' in each)) return { ...each, verdict: 'no', rule: null, repeat: 0 };
    const { series, rule, score } = each;
    const no = (why: string): Decision => ({ series, verdict: 'no', rule, score, why, repeat: 0 });
    const known = whatIsKnown(series, facts);
    if (known) return no(known);
    if (contenders.includes(each) && best !== series.seriesInstanceUid) {
      const other = contenders.find((contender) => contender.series.seriesInstanceUid === best);
      return no(
        other && !hasRun(other.series.seriesInstanceUid, facts.runs)
          ? `series ${best} of the study scores ${other.score}, this one ${score} (${each.reason})`
          : `series ${best} of the study was chosen before`,
      );
    }
    const yes = { series, rule, score, repeat: repeatOf(series, facts.runs) };
    if (minutesUntilOpen(rule, facts.now) > 0) {
      return { ...yes, verdict: 'later', why: `rule '${rule.name}' runs ${rule.hours!.text}` };
    }
    return { ...yes, verdict: 'run', why: `rule '${rule.name}', score ${score}: ${each.reason}` };
  });
}

function judge(
  series: Described,
  { senders, now }: StudyFacts,
  rules: readonly Rule[],
): Taken | { series: Described; score: number | null; why: string } {
  if (series.image?.manufacturer === OURS) return { series, score: null, why: 'a result of Hepar itself' };
  const judgement = judgeSeries(series);
  if (!judgement.suitable) return { series, score: null, why: judgement.reason };
  const { score, reason } = judgement;
  const facts = { series, score, senders: senders.get(series.seriesInstanceUid) ?? null, now };
  const problems: string[] = [];
  for (const rule of rules) {
    const problem = unmet(rule, facts);
    if (problem === null) return { series, rule, score, reason };
    problems.push(`rule '${rule.name}': ${problem}`);
  }
  return { series, score, why: problems.join('; ') };
}

/** Series Instance UID of the one that runs of those of which one runs. */
function bestOf(contenders: readonly Taken[], { series, runs }: StudyFacts, rules: readonly Rule[]): string | null {
  const ofAll = new Set(rules.flatMap((rule) => (rule.series === 'all' ? [rule.name] : [])));
  const isThere = new Set(series.map(({ seriesInstanceUid }) => seriesInstanceUid));
  const chosenBefore = runs.find(
    (run) => run.rule !== null && !ofAll.has(run.rule) && isThere.has(run.seriesInstanceUid) && countsAsChosen(run),
  );
  if (chosenBefore) return chosenBefore.seriesInstanceUid;
  const open = contenders.filter((contender) => !wasRefused(contender.series, runs));
  return (
    recommend(
      open.map((contender) => contender.series),
      0,
    )?.seriesInstanceUid ?? null
  );
}

/** After a refusal, the next best may run. */
function countsAsChosen({ state, failure }: Run): boolean {
  return state !== 'refused' && failure?.code !== SOURCE_GONE;
}

function hasRun(seriesInstanceUid: string, runs: readonly Run[]): boolean {
  return runs.some((run) => run.seriesInstanceUid === seriesInstanceUid && run.rule !== null && countsAsChosen(run));
}

function wasRefused(series: Described, runs: readonly Run[]): boolean {
  return runOf(series, runs)?.state === 'refused';
}

/** The run of just these instances, the newest when there are several. */
function runOf({ seriesInstanceUid, instanceUids }: Described, runs: readonly Run[]): Run | undefined {
  return runs.find(
    (run) => run.seriesInstanceUid === seriesInstanceUid && isSameSet(run.instances, instanceUids ?? []),
  );
}

/** What was made of just these instances before, by whatever model: a new one is no reason to do all again unasked. */
function whatIsKnown(series: Described, { runs, series: all }: StudyFacts): string | null {
  const run = runOf(series, runs);
  if (!run || run.failure?.code === SOURCE_GONE) return null;
  if (!isFinal(run.state)) return `it is ${run.state} (run ${run.id})`;
  if (run.state === 'done') {
    // The report is stored last. A study that was deleted and has come again has lost it.
    const { seriesInstanceUID } = objectUids(run.id, 'sr');
    const isThere = all.some(({ seriesInstanceUid }) => seriesInstanceUid === seriesInstanceUID);
    return isThere ? `it has its result (run ${run.id})` : null;
  }
  const reason = run.refusal?.message ?? run.failure?.message;
  return `its run ${run.id} was ${run.state === 'failed' ? 'without success' : run.state}${reason ? `: ${reason}` : ''}`;
}

/** A result that is no longer in the archive is made anew, as another run: the one of that name is done. */
function repeatOf(series: Described, runs: readonly Run[]): number {
  const run = runOf(series, runs);
  return run?.state === 'done' ? run.repeat + 1 : (run?.repeat ?? 0);
}
