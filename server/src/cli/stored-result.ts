import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Archive, type ArchiveOptions, createArchive } from '../dicomweb/archive.ts';
import { type RunParts, runId } from '../jobs/run.ts';
import type { ArchivedRun } from '../reports/archived-run.ts';
import { OBJECT_FILES } from '../reports/objects.ts';
import { readReport } from '../reports/read-report.ts';
import { OBJECT_KINDS, type ObjectKind, objectUids } from '../reports/uids.ts';

/** A run by its name, and what the archive has of it. */
export interface NamedRun {
  readonly runId: string;
  /** What the run's report says, where its result is in the archive. */
  readonly archived: ArchivedRun | null;
  readonly supersedes: string | null;
}

/**
 * Names a run whose result is to be stored, so that no two contents get one SOP Instance UID: one whose result is in the
 * archive, to be read back, or one of which the archive has nothing. What an interrupted attempt has left there stays, and
 * the next number of repeats is taken.
 * @param again make a result also where the archive has one, which it then supersedes
 */
export async function nameRun(
  parts: Omit<RunParts, 'repeat'>,
  options: Readonly<Record<string, unknown>>,
  archiveOptions: ArchiveOptions,
  again: boolean,
): Promise<NamedRun> {
  const archive = createArchive(archiveOptions);
  try {
    const series = await archive.findSeries(parts.studyInstanceUid);
    const stored = new Set(series.map(({ seriesInstanceUid }) => seriesInstanceUid));
    const has = (id: string, kind: ObjectKind) => stored.has(objectUids(id, kind).seriesInstanceUID);
    let supersedes: string | null = null;
    for (let repeat = 0; ; repeat++) {
      const id = runId({ ...parts, repeat }, options);
      if (!OBJECT_KINDS.some((kind) => has(id, kind))) return { runId: id, archived: null, supersedes };
      const archived = has(id, 'sr') ? await reportOf(id, parts.studyInstanceUid, archive) : null;
      if (archived !== null && !again) return { runId: id, archived, supersedes: archived.supersedes };
      if (archived !== null) supersedes = id;
    }
  } finally {
    archive.close();
  }
}

async function reportOf(id: string, studyInstanceUid: string, archive: Archive): Promise<ArchivedRun | null> {
  const { seriesInstanceUID, sopInstanceUID } = objectUids(id, 'sr');
  return readReport(await archive.retrieveInstance(studyInstanceUid, seriesInstanceUID, sopInstanceUID));
}

/** Names of the files that objects of a kind are; a review is none of a result's. */
const FILE_OF: Readonly<Record<Exclude<ObjectKind, 'review'>, (number: number) => string>> = {
  seg: () => OBJECT_FILES.seg,
  sr: () => OBJECT_FILES.sr,
  capture: OBJECT_FILES.capture,
  'liver-seg': () => OBJECT_FILES.liver,
  probability: () => OBJECT_FILES.probability,
  mask: () => OBJECT_FILES.mask,
  rtstruct: () => OBJECT_FILES.rtstruct,
};

/** Puts the objects of a run that are in the archive into a folder, byte for byte, under the names of a result's files. */
export async function fetchObjects(
  id: string,
  studyInstanceUid: string,
  archiveOptions: ArchiveOptions,
  dir: string,
  signal: AbortSignal,
): Promise<void> {
  const archive = createArchive(archiveOptions);
  try {
    for (const [kind, fileOf] of Object.entries(FILE_OF) as [keyof typeof FILE_OF, (number: number) => string][]) {
      const { seriesInstanceUID } = objectUids(id, kind);
      const instances = await archive.findInstances(studyInstanceUid, seriesInstanceUID, { signal });
      for (let number = 1; number <= instances.length; number++) {
        const { sopInstanceUID } = objectUids(id, kind, number);
        const path = join(dir, fileOf(number));
        await mkdir(dirname(path), { recursive: true });
        await writeFile(
          path,
          await archive.retrieveInstance(studyInstanceUid, seriesInstanceUID, sopInstanceUID, { signal }),
        );
      }
    }
  } finally {
    archive.close();
  }
}
