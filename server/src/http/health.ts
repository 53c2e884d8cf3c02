import type { RequestHandler } from 'express';
import type { Archive } from '../dicomweb/archive.ts';
import type { Segmentations } from '../jobs/segmentations.ts';
import { VERSION } from '../version.ts';
import type { Readiness } from './contract.ts';
import type { ModelCatalogue } from './models.ts';

const ANSWERS_WITHIN_MS = 5_000;

export const alive: RequestHandler = (_request, response) => {
  response.json({ status: 'alive', version: VERSION });
};

/** Whether a series could be segmented now; if not, 503 with what is missing. */
export function ready(options: {
  readonly archive: Pick<Archive, 'ping'>;
  readonly segmentations: Pick<Segmentations, 'ping'>;
  readonly models: ModelCatalogue;
}): RequestHandler {
  const { archive, segmentations, models } = options;
  return async (_request, response) => {
    const signal = AbortSignal.timeout(ANSWERS_WITHIN_MS);
    const [archiveCheck, queueCheck] = await Promise.all([
      checked(within(archive.ping({ signal }), signal, 'The archive does not answer in time.')),
      checked(within(segmentations.ping(), signal, 'The queue does not answer in time.')),
    ]);
    const modelCheck = models.find(undefined)
      ? { ok: true, reason: null }
      : { ok: false, reason: 'No model is loaded.' };
    const checks = { archive: archiveCheck, queue: queueCheck, model: modelCheck };
    const isReady = Object.values(checks).every(({ ok }) => ok);
    const body: Readiness = { ready: isReady, checks };
    response.status(isReady ? 200 : 503).json(body);
  };
}

function within<T>(promise: Promise<T>, signal: AbortSignal, message: string): Promise<T> {
  const late = new Promise<never>((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(new Error(message)), { once: true }),
  );
  return Promise.race([promise, late]);
}

async function checked(promise: Promise<unknown>): Promise<{ ok: boolean; reason: string | null }> {
  try {
    await promise;
    return { ok: true, reason: null };
  } catch (error) {
    return { ok: false, reason: (error as Error).message };
  }
}
