/** A test server on the archive of the environment, in a process of its own, which can be killed. Tells its address. */
import { pino } from 'pino';
import { readConfig } from '../../server/src/config.ts';
import { createArchive } from '../../server/src/dicomweb/archive.ts';
import { startServer } from '../../server/src/server.ts';
import { STORING_PIPELINE } from './intake.ts';

const config = readConfig();
const server = await startServer({
  config,
  archive: createArchive({ ...config.archive!, retry: { tries: 1 } }),
  logger: pino({ level: config.logLevel }),
  engine: { pipeline: STORING_PIPELINE, graceMs: 500 },
  retryDelaySeconds: 1,
});
process.send!(server.url);
