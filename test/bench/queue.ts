/**
 * Many small studies at once through automation: Orthanc receives them, the companion follows its feed, the real pipeline
 * segments each one in the real engine process, and stores it. With a tiny network, so that what is measured is everything
 * around the inference; `--models DIR` takes those of another folder. What came of each study is read from the archive alone.
 * Prints a Markdown table; fails when a study is lost or done twice, or when the companion grows. Arguments: how many studies
 * (default: 200).
 */
import { writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { OperationsView, SegmentationView } from '../../server/src/http/contract.ts';
import { FaultHouse } from '../support/fault-house.ts';
import { pssMib } from '../support/process-memory.ts';
import type { SmallStudy } from '../support/small-studies.ts';
import { json } from '../unit/http/support.ts';

const EARLY = 20;
/** After half a minute in which nothing was to be done nothing more will be. */
const QUIET_LOOKS = 60;
const MOST_GROWTH = 1.2;

const { values, positionals } = parseArgs({
  options: { models: { type: 'string' } },
  allowPositionals: true,
});
const count = Number(positionals[0] ?? 200);
await using stack = new AsyncDisposableStack();
const today = new Date().toISOString().slice(0, 10).replaceAll('-', '');
const house = await FaultHouse.open({ StudyDate: today }, { StableAge: 10 });
stack.defer(() => house.close());
const rules = join(house.dir, 'rules.yaml');
await writeFile(rules, 'rules:\n  - name: all\n    when:\n      score: { atLeast: 0 }\n    priority: 10\n');
const companion = await house.start('companion', 'bench', {
  HEPAR_RULES: rules,
  HEPAR_ORTHANC_URL: house.orthanc.url,
  HEPAR_INTAKE_SECONDS: '1',
  HEPAR_TEST_HOLD_MS: '0',
  HEPAR_RETRY_SECONDS: '5',
  ...(values.models ? { HEPAR_MODELS: values.models } : {}),
});
const { pid } = companion.child;

const started = performance.now();
const studies: SmallStudy[] = [];
for (let index = 0; index < count; index++) studies.push(await house.newStudy());
const sentSeconds = (performance.now() - started) / 1000;

const operations = () => json<OperationsView>(fetch(`${companion.url}/api/operations`));
let early: number | null = null;
let peak = 0;
let quiet = 0;
for (let isOver = false; !isOver; ) {
  await sleep(500);
  const { runs, feeds } = await operations();
  const memory = pssMib(pid!);
  peak = Math.max(peak, memory);
  if (runs.done >= Math.min(EARLY, count)) early ??= memory;
  quiet = runs.queued + runs.running === 0 && feeds.every(({ watched }) => watched === 0) ? quiet + 1 : 0;
  isOver = quiet > (runs.done >= count ? 0 : QUIET_LOOKS);
}
const seconds = (performance.now() - started) / 1000;
await sleep(2_000);
const late = pssMib(pid!);

let once = 0;
let lost = 0;
let twice = 0;
for (const study of studies) {
  const series = await house.archive.findSeries(study.studyInstanceUid);
  const count = (modality: string) => series.filter((each) => each.modality === modality).length;
  const { segs, whole } = await house.outcomeOf(study, 'done');
  if (segs === 0 || !whole || count('SR') === 0) lost++;
  else if (segs > 1 || count('SR') > 1) twice++;
  else once++;
}
const runs = await json<SegmentationView[]>(fetch(`${companion.url}/api/segmentations`));
const { speed } = await operations();
const growth = late / early!;
const row = (...cells: unknown[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
row(
  'studies',
  'sent in, s',
  'all done after, s',
  's a run (median)',
  'once in the archive',
  'lost',
  'twice',
  'runs tried again',
  `memory after run ${EARLY}, MiB`,
  `after run ${count}, MiB`,
  'ratio',
  'highest, MiB',
  'load of the machine',
);
row(...Array(13).fill('---'));
row(
  count,
  sentSeconds.toFixed(1),
  seconds.toFixed(1),
  speed.medianSeconds?.toFixed(2),
  once,
  lost,
  twice,
  runs.filter(({ attempt }) => attempt > 1).length,
  early!.toFixed(0),
  late.toFixed(0),
  growth.toFixed(2),
  peak.toFixed(0),
  `${loadavg()[0]!.toFixed(1)} on ${availableParallelism()} cores`,
);
if (lost > 0 || twice > 0 || growth > MOST_GROWTH) {
  process.stderr.write(
    `The target is none lost, none twice, and a memory at most ${MOST_GROWTH} times that after run ${EARLY}.\n`,
  );
  process.exitCode = 1;
}
