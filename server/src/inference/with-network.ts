import { availableParallelism } from 'node:os';
import type { Warning } from '../volume/series.ts';
import type { NetworkFile, Stage } from './manifest.ts';
import { type Model, readNetwork } from './model.ts';
import { type Hardware, openSession, type ProviderPreference } from './provider.ts';
import type { NetworkSession } from './session.ts';
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
 * @param warnings receives what the session had to overcome
 */
export async function withNetwork<Result>(
  model: Model,
  stage: Stage,
  { provider, threads = availableParallelism(), open = openSession, ...hardware }: SegmentOptions,
  signal: AbortSignal,
  warnings: Warning[],
  use: (session: NetworkSession) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const read = (network: NetworkFile) => readNetwork(model.dir, network);
  const session = await open(read, stage, provider, threads, hardware);
  try {
    return await use(session);
  } finally {
    for (const message of session.faults ?? []) warnings.push({ code: 'engine-fault', message: `${message}.` });
    await session.release();
  }
}
