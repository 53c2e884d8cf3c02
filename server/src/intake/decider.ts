import type { Logger } from 'pino';
import type { Archive } from '../dicomweb/archive.ts';
import type { RunParts } from '../jobs/run.ts';
import type { Segmentations } from '../jobs/segmentations.ts';
import { objectUids } from '../reports/uids.ts';
import { type Decision, decide } from './decide.ts';
import type { Orthanc } from './orthanc.ts';
import type { RulesFile } from './rules-file.ts';
import { sendersOf } from './senders.ts';
import { type Described, describeStudy } from './study.ts';

export interface DeciderOptions {
  readonly archive: Pick<Archive, 'findSeries' | 'findInstances' | 'describeInstance'>;
  /** Orthanc's own interface, for its feed and for who sent what; null: the archive is searched instead. */
  readonly orthanc: Orthanc | null;
  readonly rules: RulesFile;
  readonly segmentations: Pick<Segmentations, 'request' | 'list' | 'idOf'>;
  /** What a run is made with; undefined: the default model. Null: there is no such model. */
  readonly findModel: (id: string | undefined) => RunParts['model'] | null;
  readonly logger: Logger;
  readonly now: () => Date;
}

/** How long after a study's hours have not begun it is looked at again. */
const LONGEST_WAIT_SECONDS = 300;
const DECIDES_WITHIN_MS = 60_000;
/** How many runs of the same series are thought of when only the archive can tell of them. */
const MOST_REPEATS = 10;

/** Holds a study against the rules and against what was done already, and has done what is left. */
export class Decider {
  readonly #options: DeciderOptions;

  constructor(options: DeciderOptions) {
    this.#options = options;
  }

  /**
   * Has those series of a study segmented that the rules take.
   * @returns after how many seconds the study is to be looked at again; null: not before it changes
   */
  async requestRuns(study: string, stop: AbortSignal): Promise<number | null> {
    const { segmentations, logger } = this.#options;
    const signal = AbortSignal.any([stop, AbortSignal.timeout(DECIDES_WITHIN_MS)]);
    let again: number | null = null;
    for (const decision of await this.decisions(study, signal)) {
      const { series, verdict, rule, why } = decision;
      const { seriesInstanceUid } = series;
      // Descriptions are written by hand, and may name a patient: the reason stays out of the log.
      logger.debug({ series: seriesInstanceUid, verdict, rule: rule?.name }, 'decided');
      if (verdict === 'later') again = LONGEST_WAIT_SECONDS;
      const parts = verdict === 'run' ? this.#partsOf(study, decision) : null;
      if (!parts || !rule) continue;
      const { run, queued } = await segmentations.request(parts, {
        origin: 'automation',
        priority: rule.priority,
        rule: rule.name,
        sendTo: rule.send,
      });
      if (queued) logger.info({ runId: run.id, series: seriesInstanceUid, rule: rule.name }, 'queued by a rule');
      else logger.debug({ runId: run.id, why }, 'known already');
    }
    return again;
  }

  /**
   * What the rules say of each series of a study, as it is now.
   * @returns [] when the archive has no such study
   */
  async decisions(study: string, signal: AbortSignal): Promise<Decision[]> {
    const { archive, orthanc, segmentations, now } = this.#options;
    const rules = await this.#options.rules.current();
    const series = await describeStudy(archive, study, signal);
    const decisions = decide(
      {
        series,
        senders: await sendersOf(series, rules, orthanc, signal),
        runs: await segmentations.list({ studyInstanceUid: study }),
        now: now(),
      },
      rules,
    );
    return decisions.map((decision) => this.#unlessStored(study, decision, series));
  }

  /** What the archive holds the result of is not done again only because our own database was lost. */
  #unlessStored(study: string, decision: Decision, all: readonly Described[]): Decision {
    const parts = decision.verdict === 'no' ? null : this.#partsOf(study, decision);
    if (!parts) return decision;
    const stored = new Set(all.map(({ seriesInstanceUid }) => seriesInstanceUid));
    const isStored = Array.from({ length: MOST_REPEATS }, (_, more) => {
      const id = this.#options.segmentations.idOf({ ...parts, repeat: parts.repeat + more });
      return stored.has(objectUids(id, 'sr').seriesInstanceUID);
    }).includes(true);
    return isStored ? { ...decision, verdict: 'no', why: 'its result is in the archive already' } : decision;
  }

  #partsOf(study: string, { series, rule, repeat }: Decision): RunParts | null {
    const model = this.#options.findModel(rule?.model);
    if (!model || !series.instanceUids) return null;
    const { seriesInstanceUid, instanceUids } = series;
    return { studyInstanceUid: study, seriesInstanceUid, instances: instanceUids, model, repeat };
  }
}
