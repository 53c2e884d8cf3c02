import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { derivedUid } from '../dicom/uid.ts';
import { type Archive, type ArchiveOptions, createArchive } from '../dicomweb/archive.ts';
import type { ArchivedRun } from '../reports/archived-run.ts';
import type { Queue } from './queue.ts';
import type { RestoreThreadData } from './restore-thread.ts';

const THREAD = new URL('./restore-thread.ts', import.meta.url);
/** How long a study that was looked at is taken to be as it was. */
const LOOK_AGAIN_AFTER_MS = 60_000;
/** Somebody waits for a list: what is not found by then will be in the next one. */
const WAITS_MS = 5_000;
/** Reports looked into in one study; other programs' have no end. */
const MOST_REPORTS = 32;

/**
 * Finds results in the archive that this server knows nothing of any more (its database was lost, or is another one), by
 * their reports, and queues each to be read back. The archive is the truth; what is listed follows it.
 */
export class Restorer {
  readonly #queue: Queue;
  readonly #options: ArchiveOptions;
  readonly #logger: Logger;
  readonly #archive: Archive;
  readonly #looked = new Map<string, { readonly at: number; readonly done: Promise<void> }>();
  /** Series of reports that are not ours. */
  readonly #foreign = new Set<string>();

  constructor(queue: Queue, archive: ArchiveOptions, logger: Logger) {
    this.#queue = queue;
    this.#options = archive;
    this.#logger = logger;
    this.#archive = createArchive({ ...archive, retry: { tries: 1 } });
  }

  /** Resolves when what the archive has of the study is known here, or after a while. Never fails: a list is a list without it. */
  async look(studyInstanceUid: string): Promise<void> {
    const looked = this.#looked.get(studyInstanceUid);
    const age = looked ? Date.now() - looked.at : Number.POSITIVE_INFINITY;
    if (looked && age < LOOK_AGAIN_AFTER_MS) return within(Math.max(0, WAITS_MS - age), looked.done);
    const done = this.#restore(studyInstanceUid).catch((err) => {
      this.#looked.delete(studyInstanceUid);
      this.#logger.debug({ err }, 'the archive was not looked through for results');
    });
    this.#looked.set(studyInstanceUid, { at: Date.now(), done });
    this.#forgetOld();
    return within(WAITS_MS, done);
  }

  close(): void {
    this.#archive.close();
  }

  async #restore(studyInstanceUid: string): Promise<void> {
    const signal = AbortSignal.timeout(LOOK_AGAIN_AFTER_MS);
    const series = await this.#archive.findSeries(studyInstanceUid, { signal });
    const reports = series.filter(({ modality }) => modality === 'SR').map((each) => each.seriesInstanceUid);
    if (reports.length === 0) return;
    const known = new Set(await this.#queue.runs.idsOfStudy(studyInstanceUid));
    const ours = new Set(
      [...known].flatMap((id) => ['sr-series', 'review-series'].map((kind) => derivedUid('hepar', id, kind))),
    );
    const unknown = reports.filter((uid) => !ours.has(uid) && !this.#foreign.has(uid)).slice(0, MOST_REPORTS);
    if (unknown.length === 0) return;
    const archive = this.#options;
    const found = await readReports({ archive, studyInstanceUid, seriesInstanceUids: unknown });
    const restorable = found.filter((run) => run.studyInstanceUid === studyInstanceUid && !known.has(run.runId));
    const readable = new Set(restorable.map(({ runId }) => derivedUid('hepar', runId, 'sr-series')));
    for (const uid of unknown) if (!readable.has(uid)) this.#foreign.add(uid);
    // In the order in which they were made, so that each finds the one whose place it takes.
    for (const run of restorable.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime())) {
      if (await this.#queue.adopt(run)) this.#logger.info({ runId: run.runId }, 'a result in the archive is read back');
    }
  }

  #forgetOld(): void {
    for (const [study, { at }] of this.#looked) if (Date.now() - at > LOOK_AGAIN_AFTER_MS) this.#looked.delete(study);
  }
}

function readReports(data: RestoreThreadData): Promise<ArchivedRun[]> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(THREAD, { workerData: data });
    thread.once('message', resolve).once('error', reject);
    thread.once('exit', () => reject(new Error('The thread that reads reports ended without a word.')));
  });
}

async function within(ms: number, done: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([done, new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}
