/**
 * A process that queues a run and takes its job, and is there to be killed before more becomes of it: with 'taken' the run
 * has not begun; with 'put-back' its first attempt was in vain, and the job does not know. Arguments: folder of the embedded
 * database, URL of a PostgreSQL to use instead or '', one of the two. Tells the run's id.
 */
import { pino } from 'pino';
import { Queue } from '../../server/src/jobs/queue.ts';

const [dir, databaseUrl, how] = process.argv.slice(2);
const logger = pino({ level: 'silent' });
// Nobody may find out by waiting.
const queue = await Queue.open({ dir: dir!, databaseUrl, logger, heartbeatSeconds: 3_600 });
const { run } = await queue.request({
  studyInstanceUid: '1.2',
  seriesInstanceUid: `1.2.${process.pid}`,
  instances: ['1.2.3'],
  model: { id: 'm', version: '1', digest: 'd' },
  repeat: 0,
});
await queue.work(async (task) => {
  if (how === 'put-back') {
    await queue.begin(task);
    await queue.runs.putBack(run.id, { failure: { code: 'engine-crashed', message: 'The engine ended.' } });
  }
  process.send!(run.id);
  await new Promise(() => {});
});
