/**
 * What a run costs a PostgreSQL, in room and in time, and what follows from it for a hospital network. Prints Markdown
 * tables. Arguments: seconds that a worker takes for a study (default: 10).
 */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { KeptResults } from '../../server/src/jobs/kept-results.ts';
import { Queue } from '../../server/src/jobs/queue.ts';
import { startPostgres } from '../support/postgres.ts';

const RUNS = 300;
const SLICES = 300;
/** Sizes of a result of 300 slices: findings with ten lesions; a picture and a segmentation as they are packed. */
const BYTES = { findings: 12_000, preview: 250_000, seg: 400_000 };
const SHARE_OF_BUSIEST_HOUR = 0.125;
const BUSY = 0.7;

const secondsAStudy = Number(process.argv[2] ?? 10);
await using stack = new AsyncDisposableStack();
const postgres = await startPostgres({}, []);
stack.defer(() => postgres.stop());
const dir = await mkdtemp(join(tmpdir(), 'hepar-scaling-'));
stack.defer(() => rm(dir, { recursive: true, force: true }));
const queue = await Queue.open({ dir, databaseUrl: postgres.url, logger: pino({ level: 'silent' }) });
stack.defer(() => queue.close());
const kept = new KeptResults(queue.db);

const size = async () => {
  await queue.db.executeSql('VACUUM FULL');
  const { rows } = await queue.db.executeSql(
    `SELECT nspname || '.' || relname AS name, pg_total_relation_size(c.oid)::float AS bytes FROM pg_class c
     JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN ('hepar', 'pgboss') AND relkind = 'r'`,
  );
  return new Map<string, number>(rows.map(({ name, bytes }) => [name, bytes]));
};
const before = await size();
let milliseconds = 0;
for (let index = 0; index < RUNS; index++) {
  const parts = {
    studyInstanceUid: `2.25.${index}`,
    seriesInstanceUid: `2.25.${index}.1`,
    instances: Array.from({ length: SLICES }, () => `2.25.${BigInt(`0x${randomBytes(16).toString('hex')}`)}`),
    model: { id: 'm', version: '1', digest: 'd' },
    repeat: 0,
  };
  const out = join(dir, String(index));
  await mkdir(out);
  // Packed already, as pictures are: gzip gains nothing.
  await writeFile(join(out, 'preview.png'), randomBytes(BYTES.preview));
  await writeFile(join(out, 'segmentation.dcm'), randomBytes(BYTES.seg));
  await writeFile(
    join(out, 'findings.json'),
    JSON.stringify({ text: randomBytes(BYTES.findings / 4).toString('base64') }),
  );
  const started = performance.now();
  const { run } = await queue.request(parts);
  const jobId = (await queue.runs.jobOf(run.id))!;
  await queue.begin({ runId: run.id, jobId, attempt: 1, signal: AbortSignal.timeout(60_000) }, 'bench');
  for (const phase of ['retrieve', 'assemble', 'segment', 'measure', 'report', 'store']) {
    await queue.runs.enterPhase(run.id, phase, 1);
  }
  await kept.keep(run.id, out);
  await kept.settle(run.id, out);
  await queue.end(run.id, { state: 'done', attempt: 1 }, 'bench');
  milliseconds += performance.now() - started;
}
const after = await size();
const perRun = (names: RegExp) =>
  [...after].reduce((sum, [name, bytes]) => sum + (names.test(name) ? bytes - (before.get(name) ?? 0) : 0), 0) / RUNS;
const room = {
  run: perRun(/^hepar\.runs$/),
  audit: perRun(/^hepar\.audit$/),
  results: perRun(/^hepar\.results$/),
  job: perRun(/^pgboss\./),
};
const pictures = BYTES.preview;
const lasting = room.run + room.audit + room.results - pictures;

const row = (...cells: unknown[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
row('of a run of 300 slices', 'measured');
row('---', '---');
row('its record, kB', (room.run / 1000).toFixed(1));
row('its lines in the audit log, kB', (room.audit / 1000).toFixed(1));
row('its findings, kB', ((room.results - pictures) / 1000).toFixed(1));
row('its picture, kept for 30 days, kB', (pictures / 1000).toFixed(0));
row('its job, kept for a week, kB', (room.job / 1000).toFixed(1));
row('time of the database in all, one run after the other, ms', (milliseconds / RUNS).toFixed(1));
row('load of the machine', `${loadavg()[0]!.toFixed(1)} on ${availableParallelism()} cores`);
process.stdout.write('\n');
row('CT a day', 'in the busiest hour', 'workers', 'database after a year, GB', 'of it pictures', 'database busy');
row(...Array(6).fill('---'));
for (const aDay of [200, 1_000, 3_000, 10_000]) {
  const busiest = aDay * SHARE_OF_BUSIEST_HOUR;
  const workers = Math.ceil((busiest * secondsAStudy) / 3_600 / BUSY);
  const gigabytes = (aDay * (365 * lasting + 30 * pictures + 7 * room.job)) / 1e9;
  const busy = (busiest * milliseconds) / RUNS / 3_600_000;
  const share = `${(busy * 100).toFixed(1)} %`;
  row(aDay, Math.round(busiest), workers, gigabytes.toFixed(1), ((aDay * 30 * pictures) / 1e9).toFixed(1), share);
}
