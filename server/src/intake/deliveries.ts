import type { Logger } from 'pino';
import { ArchiveError, NotFound } from '../dicomweb/errors.ts';
import { type FollowUp, type FollowUps, LONGEST_DELAY_SECONDS } from '../jobs/follow-ups.ts';
import type { Delivery } from '../jobs/run.ts';
import { OBJECT_KINDS, objectUids } from '../reports/uids.ts';
import type { Orthanc } from './orthanc.ts';
import type { Rules } from './rules.ts';

export interface DeliveriesOptions {
  readonly followUps: Pick<FollowUps, 'due' | 'write'>;
  /** Null: nothing can be sent on. */
  readonly orthanc: Pick<Orthanc, 'findSeries' | 'send' | 'job'> | null;
  readonly destinations: () => Promise<Rules['destinations']>;
  /** Decides about a study again, one of whose series was refused. */
  readonly decideAgain: (studyInstanceUid: string, signal: AbortSignal) => Promise<unknown>;
  readonly logger: Logger;
  /** The wait before the second try; it doubles with every further one, up to an hour. */
  readonly firstDelaySeconds?: number;
}

const AT_ONCE = 20;
const MOST_TRIES = 12;
const FIRST_DELAY_SECONDS = 10;
const ASK_AGAIN_SECONDS = 1;

/** Looks after the runs of rules that have ended: results are sent on, and after a refusal the next best series may run. */
export class Deliveries {
  readonly #options: DeliveriesOptions;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  /** Does what is due. @throws ArchiveError that may pass, when the archive is down: what is due stays so */
  async followUpAll(signal: AbortSignal): Promise<void> {
    const { followUps, decideAgain, logger } = this.#options;
    for (const run of await followUps.due(AT_ONCE)) {
      signal.throwIfAborted();
      if (run.state === 'refused') {
        await decideAgain(run.studyInstanceUid, signal).catch((error) => {
          if (!(error instanceof ArchiveError) || error.transient) throw error;
          logger.warn({ err: error, runId: run.runId }, 'after a refusal, no other series could be chosen');
        });
        await followUps.write(run.runId, run.deliveries, null);
        continue;
      }
      const deliveries: Delivery[] = [];
      for (const delivery of run.deliveries) deliveries.push(await this.#follow(run, delivery, signal));
      const open = deliveries.filter(({ state }) => state === 'waiting' || state === 'sending');
      const delays = open.map((delivery) => (delivery.state === 'sending' ? ASK_AGAIN_SECONDS : this.#delay(delivery)));
      await followUps.write(run.runId, deliveries, delays.length === 0 ? null : Math.min(...delays));
    }
  }

  async #follow(run: FollowUp, delivery: Delivery, signal: AbortSignal): Promise<Delivery> {
    const { logger, orthanc } = this.#options;
    const { destination, state, attempts } = delivery;
    if (state === 'sent' || state === 'failed') return delivery;
    try {
      if (!orthanc) throw new Unsendable('HEPAR_ORTHANC_URL is not set any more');
      if (state === 'waiting' || delivery.job === null) {
        return {
          ...delivery,
          state: 'sending',
          attempts: attempts + 1,
          job: await this.#send(orthanc, run, destination, signal),
        };
      }
      const job = await orthanc.job(delivery.job, signal);
      if (job?.state === 'Success') {
        logger.info({ runId: run.runId, destination, attempts }, 'result sent on');
        return { ...delivery, state: 'sent', job: null, problem: null };
      }
      if (job && job.state !== 'Failure') return delivery;
      throw new Unsent(job ? (job.error ?? 'the archive could not send it') : 'the archive has forgotten its job');
    } catch (error) {
      if (signal.aborted || (error instanceof ArchiveError && error.transient)) throw error;
      // What was begun counts already; what was not counts now.
      const tries = state === 'waiting' ? attempts + 1 : attempts;
      const problem = error instanceof NotFound ? 'the archive knows no such destination' : (error as Error).message;
      const isOver = error instanceof Unsendable || tries >= MOST_TRIES;
      logger.warn(
        { runId: run.runId, destination, attempts: tries, problem },
        isOver ? 'result not sent on' : 'sending on failed: tried again',
      );
      return { ...delivery, state: isOver ? 'failed' : 'waiting', attempts: tries, job: null, problem };
    }
  }

  async #send(
    orthanc: NonNullable<DeliveriesOptions['orthanc']>,
    { runId, seriesInstanceUid }: FollowUp,
    name: string,
    signal: AbortSignal,
  ): Promise<string> {
    const destination = (await this.#options.destinations())[name];
    if (!destination) throw new Unsendable('the rules name no such destination any more');
    // What a run did not make is not found.
    const results = OBJECT_KINDS.map((kind) => objectUids(runId, kind).seriesInstanceUID);
    const ids: string[] = [];
    for (const uid of results) ids.push(...(await orthanc.findSeries(uid, signal)));
    if (ids.length === 0) throw new Unsendable('the result is no longer in the archive');
    if (destination.source) ids.unshift(...(await orthanc.findSeries(seriesInstanceUid, signal)));
    return orthanc.send(ids, destination, signal);
  }

  #delay({ attempts }: Delivery): number {
    const { firstDelaySeconds = FIRST_DELAY_SECONDS } = this.#options;
    // Before the first try there is nothing to wait for.
    if (attempts === 0) return 0;
    return Math.min(LONGEST_DELAY_SECONDS, firstDelaySeconds * 2 ** (attempts - 1));
  }
}

/** It may go better another time. */
class Unsent extends Error {
  override readonly name = 'Unsent';
}

/** It will not go better another time. */
class Unsendable extends Error {
  override readonly name = 'Unsendable';
}
