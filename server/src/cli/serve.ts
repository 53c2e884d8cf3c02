import { once } from 'node:events';
import { readConfig } from '../config.ts';
import { startServer } from '../server.ts';
import { onInterrupt } from './failure.ts';

/** `hepar serve`: the companion server alone, configured by the environment, until it is asked to stop. */
export async function serveCommand(): Promise<number> {
  using interrupt = onInterrupt();
  const server = await startServer({ config: readConfig() });
  if (!interrupt.signal.aborted) await once(interrupt.signal, 'abort');
  await server.close();
  return 0;
}
