import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { type ArchiveOptions, createArchive } from '../dicomweb/archive.ts';
import { ArchiveError } from '../dicomweb/errors.ts';
import type { Progress } from '../progress.ts';
import type { CtSeries } from '../volume/series.ts';
import { archivedResults, resultsAt, resultsOfSeries } from './archived.ts';
import type { CandidateAddress } from './candidate.ts';
import type { CurrentResult } from './compare.ts';
import { filedResults } from './filed.ts';
import { refuseToSearch } from './patient.ts';
import { type ReadAgainstPriors, readPriors } from './read-priors.ts';

/** Where earlier results of the patient are looked for. */
export type PriorsSource =
  | {
      readonly kind: 'archive';
      readonly archive: ArchiveOptions;
      /** The one to read against: a segmentation's series, or the CT series that was segmented. */
      readonly only?: { readonly studyInstanceUid: string; readonly seriesInstanceUid: string } | undefined;
    }
  /** A segmentation, or a folder or zip that holds one; and its images, as far as they are there. */
  | { readonly kind: 'files'; readonly path: string };

type Current = CurrentResult & { readonly series: CtSeries };

const fixedSchema = z.array(
  z.array(z.strictObject({ studyInstanceUid: z.string(), seriesInstanceUid: z.string(), sopInstanceUid: z.string() })),
);

/**
 * Reads a result against the patient's earlier one.
 * @param fixedPath remembers which results of the archive were looked at: a retry of the run takes the same ones,
 *   whatever the archive holds by then
 * @throws ArchiveError when the archive may answer a moment later; UnreadableInput or Refusal for a path without DICOM;
 *   the signal's reason when cancelled
 */
export async function readAgainstPriors(
  current: Current,
  source: PriorsSource,
  fixedPath: string,
  { signal, report }: Progress,
): Promise<ReadAgainstPriors> {
  const options = { signal, report: (fraction: number) => report('measure', fraction) };
  if (source.kind === 'files') {
    return readPriors(current, filedResults(source.path, signal), { ...options, isNamed: true });
  }
  const refused = refuseToSearch(current.series.header);
  if (refused) return without(current, refused);
  const archive = createArchive(source.archive);
  try {
    const fixed = await readFixed(fixedPath);
    const { only } = source;
    const candidates = fixed
      ? resultsAt(archive, fixed, signal)
      : only
        ? resultsOfSeries(archive, only.studyInstanceUid, only.seriesInstanceUid, signal)
        : archivedResults(archive, current.series, signal);
    const looked: (readonly CandidateAddress[])[] = [];
    const result = await readPriors(current, candidates, {
      ...options,
      isNamed: only !== undefined,
      onCandidate: ({ addresses }) => looked.push(addresses),
    });
    if (!fixed) await writeFixed(fixedPath, looked);
    return result;
  } catch (error) {
    if (!(error instanceof ArchiveError) || error.transient) throw error;
    const message = `Earlier results could not be looked for. ${error.message}`;
    return without(current, { code: 'priors-not-searched', message });
  } finally {
    archive.close();
  }
}

function without({ findings }: Current, warning: { code: string; message: string }): ReadAgainstPriors {
  return { findings, priors: { comparison: null, unused: [] }, warnings: [warning] };
}

async function readFixed(path: string): Promise<CandidateAddress[][] | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  return text === null ? null : fixedSchema.parse(JSON.parse(text));
}

async function writeFixed(path: string, addresses: readonly (readonly CandidateAddress[])[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.part`, JSON.stringify(addresses), { flush: true });
  await rename(`${path}.part`, path);
}
