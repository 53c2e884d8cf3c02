import { availableParallelism } from 'node:os';
import type { Warning } from '../volume/series.ts';
import type { NetworkFile, Stage } from './manifest.ts';
import { type Model, readNetwork } from './model.ts';
import { type Hardware, openSession, type ProviderPreference } from './provider.ts';
import type { NetworkSession, Work } from './session.ts';
import type { Sliding } from './sliding.ts';

export interface SegmentOptions extends Hardware {
  readonly provider: ProviderPreference;
  /** Threads of the CPU provider; one for each core if left out. */
  readonly threads?: number | undefined;
  /** Of the windows over the liver; a model that sees the whole scan keeps to its manifest. */
  readonly sliding?: Sliding | undefined;
  /** How a network is opened. Default: by ONNX Runtime, on the provider. */
  readonly open?: typeof openSession;
}

/**
 * Opens a stage's network, uses it, and lets it go: one at a time is open, so that two stages' memory does not add up.
 * @param meanwhile what can be done while the runtime, in threads of its own, opens it
 * @param warnings receives what the session had to overcome
 */
export async function withNetwork<Prepared, Result>(
  model: Model,
  { stage, ...work }: Work & { readonly stage: Stage },
  { provider, threads = availableParallelism(), open = openSession, ...hardware }: SegmentOptions,
  signal: AbortSignal,
  warnings: Warning[],
  meanwhile: () => Prepared | Promise<Prepared>,
  use: (session: NetworkSession, prepared: Prepared) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const begun = Promise.withResolvers<void>();
  const read = async (network: NetworkFile) => {
    const onnx = await readNetwork(model.dir, network);
    // By then the runtime has been asked.
    setImmediate(begun.resolve);
    return onnx;
  };
  const opening = open(read, stage, provider, threads, hardware, work);
  opening.catch(() => {}).finally(begun.resolve);
  await begun.promise;
  let prepared: Prepared;
  try {
    prepared = await meanwhile();
  } catch (error) {
    await opening.then(
      (session) => session.release(),
      () => {},
    );
    throw error;
  }
  const session = await opening;
  try {
    return await use(session, prepared);
  } finally {
    for (const message of session.faults ?? []) warnings.push({ code: 'engine-fault', message: `${message}.` });
    // Its thread opens no other before; nobody need wait for that.
    session.release().catch(() => {});
  }
}
