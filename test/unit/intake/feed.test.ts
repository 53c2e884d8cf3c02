import { deepEqual, equal, ok } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Feed } from '../../../server/src/intake/feed.ts';
import { IntakeStore } from '../../../server/src/intake/store.ts';
import { Queue } from '../../../server/src/jobs/queue.ts';
import { provideQueue } from '../../support/data-dir.ts';
import { FakeFeed } from './fake-feed.ts';

const MANY = process.env.HEPAR_TEST_FULL ? 1_000_000 : 100_000;
const { signal } = new AbortController();

describe("following an archive's feed", () => {
  let dir: string;
  let queue: Queue;
  let sources = 0;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-feed-'));
    await provideQueue(dir);
    queue = await Queue.open({ dir: join(dir, 'queue'), logger: pino({ level: 'silent' }) });
  });
  after(async () => {
    await queue?.close();
    await rm(dir, { recursive: true, force: true });
  });

  /** A feed that is followed, and what was said about it. */
  async function following(orthanc: FakeFeed, pageSize = 100) {
    const store = new IntakeStore(queue.db, `feed ${++sources}`, 'me');
    await store.take(false);
    const messages: string[] = [];
    const logger = pino({ level: 'debug' }, { write: (line: string) => void messages.push(JSON.parse(line).msg) });
    const feed = new Feed({ orthanc, store, logger, pageSize });
    const watched = async () => (await store.due(100_000)).map(({ resource }) => resource).sort();
    return { store, feed, messages, watched };
  }

  it(`reads ${MANY.toLocaleString('en')} changes with the memory of a page, and hears of every series`, async () => {
    const orthanc = new FakeFeed(MANY);
    const { feed, store } = await following(orthanc, 1000);
    const heapBefore = process.memoryUsage().heapUsed;
    let highest = 0;
    const watch = setInterval(() => {
      highest = Math.max(highest, process.memoryUsage().heapUsed);
    }, 20);
    ok(await feed.catchUp(signal));
    clearInterval(watch);
    equal((await store.feed()).position, MANY);
    equal(await store.countWatched(), orthanc.seriesCount);
    const grownMib = (highest - heapBefore) / 2 ** 20;
    ok(highest > 0 && grownMib < 150, `${grownMib.toFixed(0)} MiB`);
    // A page of 1000 changes is about four or five series: one request for it and two for each of those.
    ok(orthanc.requests < (MANY / 1000) * 14, `${orthanc.requests} requests`);
  });

  it('goes on where it was, and hears again of a series that gets more images', async () => {
    const orthanc = new FakeFeed(150);
    const { feed, store, watched } = await following(orthanc);
    await feed.catchUp(signal);
    deepEqual(await watched(), [orthanc.seriesId(0)]);
    for (const each of await store.due(10)) await store.forget(each);
    orthanc.size = 200;
    await feed.catchUp(signal);
    deepEqual(await watched(), [orthanc.seriesId(0)]);
    await feed.catchUp(signal);
    equal((await store.feed()).position, 200);
  });

  it('keeps what it heard of a series while that was being looked at', async () => {
    const orthanc = new FakeFeed(10);
    const { feed, store, watched } = await following(orthanc);
    await feed.catchUp(signal);
    const [looking] = await store.due(1);
    orthanc.size = 20;
    await feed.catchUp(signal);
    await store.forget(looking!);
    deepEqual(await watched(), [orthanc.seriesId(0)], 'the slices that came meanwhile would be missing for ever');
  });

  for (const [what, size] of [
    ['shorter', 50],
    ['as long', 150],
    ['longer', 1000],
  ] as const) {
    it(`begins anew when the archive has another database, whose feed is ${what}`, async () => {
      const orthanc = new FakeFeed(150);
      const { feed, store, watched, messages } = await following(orthanc);
      await feed.catchUp(signal);
      for (const each of await store.due(10)) await store.forget(each);
      Object.assign(orthanc, { generation: 1, size });
      await feed.catchUp(signal);
      deepEqual(
        await watched(),
        Array.from({ length: orthanc.seriesCount }, (_, index) => orthanc.seriesId(index)).sort(),
      );
      equal((await store.feed()).position, size);
      equal(messages.filter((message) => message.includes('another database')).length, 1);
    });
  }

  it('knows the feed again although what it read last was deleted', async () => {
    const orthanc = new FakeFeed(700);
    const { feed, store, messages } = await following(orthanc);
    await feed.catchUp(signal);
    for (const each of await store.due(10)) await store.forget(each);
    const deleted = orthanc.seriesId(2);
    const all = orthanc.changes.bind(orthanc);
    // With the third series go its changes, from 603 on.
    orthanc.changes = async (after, limit) => {
      const page = await all(after, limit);
      const Changes = page.Changes.filter(({ Seq }) => Seq < 603 || Seq > 703);
      return { ...page, Changes, Last: Changes.at(-1)?.Seq ?? orthanc.size };
    };
    await feed.catchUp(signal);
    equal((await store.feed()).position, 700, 'nothing new');
    orthanc.size = 710;
    await feed.catchUp(signal);
    equal((await store.feed()).position, 710);
    ok(!messages.some((message) => message.includes('another database')), messages.join());
    deepEqual(
      (await store.due(10)).map(({ resource }) => resource),
      [deleted],
    );
  });

  it('leaves the feed to another companion that has taken over, without going back', async () => {
    const orthanc = new FakeFeed(150);
    const { feed, store } = await following(orthanc);
    const other = new IntakeStore(queue.db, `feed ${sources}`, 'other');
    equal(await other.take(false), false, 'the first one gives word');
    equal(await other.take(true), true);
    equal(await feed.catchUp(signal), false);
    equal((await store.feed()).position, 0);
    await other.release();
    equal(await store.take(false), true);
    equal(await feed.catchUp(signal), true);
  });

  it('takes over from a companion that gives no word any more, also when the clock was set back an hour', async () => {
    const { store } = await following(new FakeFeed(10));
    const other = new IntakeStore(queue.db, `feed ${sources}`, 'other');
    for (const held of ["now() - interval '1 second'", "now() + interval '1 hour'"]) {
      await store.take(true);
      await queue.db.executeSql(`UPDATE hepar.feeds SET held_until = ${held} WHERE source = $1`, [`feed ${sources}`]);
      equal(await other.take(false), true);
    }
  });

  it('looks at what was put off before the clock was set back an hour', async () => {
    const { store, watched } = await following(new FakeFeed(10));
    await store.watch(['a']);
    await store.later((await store.due(1))[0]!, 300);
    deepEqual(await watched(), []);
    await queue.db.executeSql(`UPDATE hepar.watched SET due_at = due_at + interval '1 hour' WHERE resource = 'a'`, []);
    deepEqual(await watched(), ['a']);
  });
});
