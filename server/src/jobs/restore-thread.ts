/** Reads the reports of some series, away from the event loop, and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { type ArchiveOptions, createArchive } from '../dicomweb/archive.ts';
import type { ArchivedRun } from '../reports/archived-run.ts';
import { readReport } from '../reports/read-report.ts';

export interface RestoreThreadData {
  readonly archive: ArchiveOptions;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUids: readonly string[];
}

const { archive: options, studyInstanceUid, seriesInstanceUids } = workerData as RestoreThreadData;
parentPort!.postMessage(await archivedRuns());

async function archivedRuns(): Promise<ArchivedRun[]> {
  const archive = createArchive(options);
  const runs: ArchivedRun[] = [];
  try {
    for (const series of seriesInstanceUids) {
      const [instance, ...others] = await archive.findInstances(studyInstanceUid, series);
      // A report of ours is alone in its series.
      if (instance === undefined || others.length > 0) continue;
      const run = readOrNull(await archive.retrieveInstance(studyInstanceUid, series, instance));
      if (run) runs.push(run);
    }
    return runs;
  } finally {
    archive.close();
  }
}

/** What is damaged is nothing that could be restored. */
function readOrNull(file: Uint8Array): ArchivedRun | null {
  try {
    return readReport(file);
  } catch {
    return null;
  }
}
