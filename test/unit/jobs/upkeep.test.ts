import { deepEqual, equal } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Db } from 'pg-boss';
import { pino } from 'pino';
import { secondsSetBack } from '../../../server/src/jobs/database-clock.ts';
import { LOST } from '../../../server/src/jobs/jobs.ts';
import { Queue } from '../../../server/src/jobs/queue.ts';
import { Reruns } from '../../../server/src/jobs/reruns.ts';
import { Upkeep } from '../../../server/src/jobs/upkeep.ts';
import { provideQueue } from '../../support/data-dir.ts';

const DUE_AGAIN = 'the clock was set back: what was put off by that is due again';
const NOTHING_WAITS = 'the clock was set back: nothing waits longer because of it';

describe('the upkeep of the queue', () => {
  let dir: string;
  let queue: Queue;
  let lines: { msg: string; seconds?: number; jobs: number; followUps: number }[];
  let passedMs: number;
  let requeued: string[];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-upkeep-test-'));
    await provideQueue(dir);
    queue = await Queue.open({ dir: join(dir, 'queue'), logger: pino({ level: 'silent' }) });
  });
  after(async () => {
    await queue?.close();
    await rm(dir, { recursive: true, force: true });
  });
  beforeEach(async () => {
    lines = [];
    passedMs = 0;
    requeued = [];
    for (const table of ['hepar.runs', 'pgboss.job']) await queue.db.executeSql(`DELETE FROM ${table}`);
  });

  /** Seconds that pass without the database's clock: as if it had been set back by them. */
  function setBack(seconds: number): void {
    passedMs += 1_000 * seconds;
  }

  function upkeep(db: Db = queue.db): Upkeep {
    const logger = pino({}, { write: (line) => lines.push(JSON.parse(line)) });
    const send = async (runId: string) => void requeued.push(runId);
    return new Upkeep(db, queue.runs, send, logger, () => passedMs);
  }

  /** A run that waits for its next attempt. */
  async function waitingRun(seconds: number): Promise<void> {
    const model = { id: 'm', version: '1', digest: 'd' };
    const parts = { studyInstanceUid: '1.2', seriesInstanceUid: '1.2.3', instances: ['1.2.4'], model, repeat: 0 };
    await queue.request(parts, { origin: 'automation', priority: 0, rule: 'abdomen' });
    await queue.db.executeSql(
      `UPDATE pgboss.job SET state = 'retry', retry_count = 1, start_after = now() + $1 * interval '1 second'`,
      [seconds],
    );
  }

  async function isDue(): Promise<boolean> {
    const { rows } = await queue.db.executeSql('SELECT start_after <= now() AS due FROM pgboss.job');
    return rows[0].due;
  }

  const said = () => lines.map(({ msg, seconds, jobs }) => ({ msg, seconds, jobs }));

  it('has what was put off by a clock that was set back due again, and says so once', async () => {
    const keeper = upkeep();
    await keeper.look();
    await waitingRun(3_600 + 20);
    setBack(3_600);
    await keeper.look();
    await keeper.look();
    deepEqual([said(), await isDue()], [[{ msg: DUE_AGAIN, seconds: 3_600, jobs: 1 }], true]);
  });

  it('finds a shorter step of the clock as well, which cannot be told from a long wait by the job alone', async () => {
    const keeper = upkeep();
    await keeper.look();
    await waitingRun(300 + 20);
    await keeper.look();
    deepEqual([said(), await isDue()], [[], false], 'it waits because it is to wait');
    setBack(300);
    await keeper.look();
    deepEqual([said(), await isDue()], [[{ msg: DUE_AGAIN, seconds: 300, jobs: 1 }], true]);
  });

  it('says of a clock that was set back that nothing waits longer where nothing had been put off', async () => {
    const keeper = upkeep();
    await keeper.look();
    setBack(3_600);
    await keeper.look();
    await keeper.look();
    deepEqual(said(), [{ msg: NOTHING_WAITS, seconds: 3_600, jobs: 0 }]);
  });

  it('finds what was put off before a restart, though nobody saw the clock go back', async () => {
    await waitingRun(3_600 + 20);
    await upkeep().look();
    deepEqual([said(), await isDue()], [[{ msg: DUE_AGAIN, seconds: undefined, jobs: 1 }], true]);
  });

  it('has results sent on that would have waited for the hour by which the clock was set back', async () => {
    const keeper = upkeep();
    await keeper.look();
    await waitingRun(0);
    await queue.db.executeSql(`UPDATE hepar.runs SET state = 'done', follow_up_at = now() + interval '59 minutes'`);
    setBack(3_600);
    await keeper.look();
    const { rows } = await queue.db.executeSql('SELECT follow_up_at <= now() AS due FROM hepar.runs');
    deepEqual([rows[0].due, lines.map(({ msg, followUps }) => [msg, followUps])], [true, [[DUE_AGAIN, 1]]]);
  });

  it('has a new model do the old studies again at its pace, instead of waiting for the hour', async () => {
    const rerun = { model: { id: 'm', version: '2', digest: 'd2' }, since: null, perHour: 60, by: null };
    // What it asks for never comes, so that there is always something left.
    const reruns = new Reruns(queue.db, async () => {});
    await waitingRun(0);
    await queue.db.executeSql(`UPDATE hepar.runs SET state = 'done', finished_at = now()`);
    const keeper = upkeep();
    await keeper.look();
    await reruns.start(rerun);
    await queue.db.executeSql(`UPDATE hepar.reruns SET paced_from = now() + interval '59 minutes'`);
    setBack(3_600);
    equal(await reruns.tick(), 0, 'it has had its share of the time before');
    await keeper.look();
    equal(await reruns.tick(), 1);
  });

  it('queues a run again that has no job, but not one that is about to end because its workers died', async () => {
    await waitingRun(0);
    const [{ id, job_id: jobId }] = (await queue.db.executeSql('SELECT id, job_id FROM hepar.runs')).rows;
    await queue.db.executeSql(`UPDATE pgboss.job SET state = 'failed'`);
    await queue.db.executeSql('INSERT INTO pgboss.job (name, data) VALUES ($1, $2)', [LOST, { runId: id }]);
    await upkeep().look();
    deepEqual([requeued, lines, await queue.runs.jobOf(id)], [[], [], jobId]);
    await queue.db.executeSql('DELETE FROM pgboss.job WHERE name = $1', [LOST]);
    await upkeep().look();
    deepEqual([requeued, lines.map(({ msg }) => msg)], [[id], ['a run had no job in the queue: it is queued again']]);
  });

  it('mends whole or not at all, so that what was mended is told of even if the database fails half-way', async () => {
    let fails = false;
    const db: Db = {
      ...queue.db,
      executeSql: (...statement) => queue.db.executeSql(...statement),
      beginTransaction: async () => {
        const handle = await queue.db.beginTransaction!();
        const executeSql: Db['executeSql'] = (text, values) =>
          fails && text.includes('pgboss.queue')
            ? Promise.reject(new Error('gone'))
            : handle.db.executeSql(text, values);
        return { ...handle, db: { executeSql } };
      },
    };
    const keeper = upkeep(db);
    await keeper.look();
    await waitingRun(3_600 + 20);
    setBack(3_600);
    fails = true;
    await keeper.look();
    deepEqual([said(), await isDue()], [[], false]);
    fails = false;
    await keeper.look();
    deepEqual([said(), await isDue()], [[{ msg: DUE_AGAIN, seconds: 3_600, jobs: 1 }], true]);
  });
});

describe('a clock that was set back', () => {
  it('is not seen in a database that is slow to answer, nor in one that is asked seldom', () => {
    const at = (databaseMs: number, askedMs: number, answeredMs: number) => ({ databaseMs, askedMs, answeredMs });
    equal(secondsSetBack(at(0, 0, 60_000), at(61_000, 61_000, 61_000)), 0, 'read when it was asked');
    equal(secondsSetBack(at(60_000, 0, 60_000), at(61_000, 61_000, 121_000)), 0, 'read when it answered');
    equal(secondsSetBack(at(0, 0, 0), at(86_400_000, 86_400_000, 86_400_000)), 0);
    equal(secondsSetBack(at(0, 0, 0), at(90_000_000, 86_400_000, 86_400_000)), 0, 'set forward');
    equal(secondsSetBack(at(0, 0, 0), at(-3_590_000, 10_000, 10_000)), 3_600);
  });
});
