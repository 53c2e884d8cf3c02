/**
 * `hepar serve` or `hepar worker` (the first argument), configured by the environment as they are, on the real pipeline
 * with a pause at each phase, or on the one that HEPAR_TEST_PIPELINE names.
 */
import { readConfig } from '../../server/src/config.ts';
import { startServer } from '../../server/src/server.ts';
import { startWorker } from '../../server/src/worker.ts';

const engine = { pipeline: new URL(process.env.HEPAR_TEST_PIPELINE ?? './held-pipeline.ts', import.meta.url) };
const config = readConfig();
const running =
  process.argv[2] === 'worker'
    ? await startWorker({ config, engine, probe: false })
    : await startServer({ config, engine });
process.once('SIGTERM', () => void running.close().then(() => process.exit(0)));
