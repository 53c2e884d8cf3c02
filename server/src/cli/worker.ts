import { once } from 'node:events';
import { readConfig } from '../config.ts';
import { startWorker } from '../worker.ts';
import { onInterrupt } from './failure.ts';

/** `hepar worker`: works off runs of the database that the environment names, until it is asked to stop. */
export async function workerCommand(): Promise<number> {
  using interrupt = onInterrupt();
  const worker = await startWorker({ config: readConfig() });
  if (!interrupt.signal.aborted) await once(interrupt.signal, 'abort');
  await worker.close();
  return 0;
}
