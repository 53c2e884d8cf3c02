/**
 * A series of 300 x 512 x 512 from a local Orthanc: our retrieval against dicomweb-client's `retrieveSeries`, each in a process
 * of its own, in turns. Both hold the whole series in the end. Prints a Markdown table; fails when the target is missed.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createArchive } from '../../server/src/dicomweb/archive.ts';
import { startTestOrthanc } from '../support/orthanc.ts';
import { smallDicomFile } from '../support/small-dicom.ts';
import { METHODS, type Method, type Outcome, type Task } from './retrieve-child.ts';

const SLICES = 300;
const ROUNDS = 7;
/** Ours against dicomweb-client's, time and memory. */
const TARGET_RATIO = 0.6;
const CHILD = fileURLToPath(new URL('retrieve-child.ts', import.meta.url));
const [STUDY, SERIES] = ['2.25.3000', '2.25.3001'];

/** Slices of noise, which no layer can shorten, the same on every machine. */
function* noiseSeries(): Generator<Uint8Array> {
  let state = 1;
  const pixels = new Uint16Array(512 * 512);
  for (let n = 1; n <= SLICES; n += 1) {
    for (let i = 0; i < pixels.length; i += 1) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      pixels[i] = state >>> 20;
    }
    yield smallDicomFile({
      studyUid: STUDY,
      seriesUid: SERIES,
      sopInstanceUid: `${SERIES}.${n}`,
      instanceNumber: n,
      rows: 512,
      columns: 512,
      pixels: new Uint8Array(pixels.buffer),
    });
  }
}

async function retrieveWith(method: Method, task: Omit<Task, 'method'>): Promise<Outcome> {
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, JSON.stringify({ ...task, method })]);
  return JSON.parse(stdout) as Outcome;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

const orthanc = await startTestOrthanc();
try {
  const { dicomWebUrl: url, username, password } = orthanc;
  const archive = createArchive({ url, username, password });
  await archive.store(noiseSeries(), STUDY);
  archive.close();

  const task = { url, username, password, studyUid: STUDY, seriesUid: SERIES };
  const outcomes: Record<Method, Outcome[]> = { ours: [], 'dicomweb-client': [] };
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const method of METHODS) {
      const outcome = await retrieveWith(method, task);
      if (outcome.instances !== SLICES) throw new Error(`${method} gave ${outcome.instances} of ${SLICES} instances`);
      // The first round fills the caches of disk and archive.
      if (round >= 0) outcomes[method].push(outcome);
    }
  }
  const digests = new Set(Object.values(outcomes).flatMap((all) => all.map((outcome) => outcome.digest)));
  if (digests.size !== 1) throw new Error('the two do not give the same bytes');

  const seconds = METHODS.map((method) => median(outcomes[method].map((outcome) => outcome.seconds)));
  const peakMib = METHODS.map((method) => median(outcomes[method].map((outcome) => outcome.peakMib)));
  const [timeRatio, memoryRatio] = [seconds, peakMib].map(([ours, theirs]) => (ours as number) / (theirs as number));
  const row = (...cells: unknown[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
  row(`${SLICES} x 512 x 512 from a local Orthanc, median of ${ROUNDS}`, 'time, s', 'peak memory, MiB');
  row('---', '---', '---');
  for (const [n, method] of METHODS.entries()) row(method, seconds[n]?.toFixed(2), peakMib[n]?.toFixed(0));
  row('ratio', timeRatio?.toFixed(2), memoryRatio?.toFixed(2));
  if (!(timeRatio! <= TARGET_RATIO && memoryRatio! <= TARGET_RATIO)) {
    process.stderr.write(`The target is a ratio of at most ${TARGET_RATIO} for both.\n`);
    process.exitCode = 1;
  }
} finally {
  await orthanc.stop();
}
