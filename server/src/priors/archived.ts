import type { Dataset } from '../dicom/dataset.ts';
import { parseInstance } from '../dicom/parse.ts';
import type { Archive, SeriesSummary, StudySummary } from '../dicomweb/archive.ts';
import { NotFound } from '../dicomweb/errors.ts';
import { type Provenance, provenanceOf } from '../reports/provenance.ts';
import type { CtSeries } from '../volume/series.ts';
import type { Candidate, CandidateAddress } from './candidate.ts';
import { patientId } from './patient.ts';

export type PriorArchive = Pick<Archive, 'findStudies' | 'findSeries' | 'findInstances' | 'retrieveInstance'>;

/** An archive may hold twenty years of a patient: the last scans are what one is read against. */
const MOST_STUDIES = 20;
/** Segmentations looked into in one study; other programs' have no end. */
const MOST_IN_A_STUDY = 16;

export type ArchivedCandidate = Candidate & { readonly address: CandidateAddress };

/**
 * The current results of the patient's other studies in an archive, newest study first. Of several in a study, those
 * of a series with this one's description come first, then the last made.
 */
export async function* archivedResults(
  archive: PriorArchive,
  { studyInstanceUid, header }: CtSeries,
  signal: AbortSignal,
): AsyncGenerator<ArchivedCandidate, void, undefined> {
  const studies = (await archive.findStudies(patientId(header), { signal }))
    .filter((study) => study.studyInstanceUid !== studyInstanceUid && !isLater(study, header))
    .sort(newestFirst)
    .slice(0, MOST_STUDIES);
  for (const study of studies) {
    yield* resultsOfStudy(archive, study.studyInstanceUid, header.text('0008103e'), signal);
  }
}

/** The results of one series: a segmentation's own, or the CT series that was segmented. */
export async function* resultsOfSeries(
  archive: PriorArchive,
  studyInstanceUid: string,
  seriesInstanceUid: string,
  signal: AbortSignal,
): AsyncGenerator<ArchivedCandidate, void, undefined> {
  for await (const candidate of resultsOfStudy(archive, studyInstanceUid, null, signal)) {
    const source = parseInstance(candidate.seg).dataset.items('00081115')[0]?.text('0020000e');
    if ([candidate.address.seriesInstanceUid, source].includes(seriesInstanceUid)) yield candidate;
  }
}

/** The same candidates again, by their addresses; one that is gone is passed over. */
export async function* resultsAt(
  archive: PriorArchive,
  addresses: readonly CandidateAddress[],
  signal: AbortSignal,
): AsyncGenerator<ArchivedCandidate, void, undefined> {
  for (const address of addresses) {
    const candidate = await retrieve(archive, address, signal);
    if (candidate) yield candidate;
  }
}

async function* resultsOfStudy(
  archive: PriorArchive,
  studyInstanceUid: string,
  description: string | null,
  signal: AbortSignal,
): AsyncGenerator<ArchivedCandidate, void, undefined> {
  const all = await archive.findSeries(studyInstanceUid, { signal });
  const found: Found[] = [];
  for (const { seriesInstanceUid } of all.filter(mayBeOurs).slice(0, MOST_IN_A_STUDY)) {
    for (const sopInstanceUid of await archive.findInstances(studyInstanceUid, seriesInstanceUid, { signal })) {
      const candidate = await retrieve(archive, { studyInstanceUid, seriesInstanceUid, sopInstanceUid }, signal);
      const about = candidate && foundIn(candidate, all);
      if (about) found.push(about);
    }
  }
  const fits = (each: Found) => (description !== null && each.description === description ? 1 : 0);
  const ordered = currentOf(found).sort((a, b) => fits(b) - fits(a) || compareText(b.created, a.created));
  for (const { candidate } of ordered) yield candidate;
}

interface Found {
  readonly candidate: ArchivedCandidate;
  readonly provenance: Provenance;
  /** Date and time of the object, as they are written. */
  readonly created: string;
  /** Of the source series. */
  readonly description: string | null;
}

function foundIn(candidate: ArchivedCandidate, series: readonly SeriesSummary[]): Found | null {
  const dataset = headerOf(candidate.seg);
  const provenance = dataset && provenanceOf(dataset);
  if (!dataset || !provenance) return null;
  const source = dataset.items('00081115')[0]?.text('0020000e');
  return {
    candidate,
    provenance,
    created: `${dataset.text('00080023') ?? ''}${dataset.text('00080033') ?? ''}`,
    description: series.find(({ seriesInstanceUid }) => seriesInstanceUid === source)?.description ?? null,
  };
}

/** Those that no other takes the place of. */
function currentOf(found: readonly Found[]): Found[] {
  const superseded = new Set(found.map(({ provenance }) => provenance.supersedes));
  return found.filter(({ provenance }) => !superseded.has(provenance.runId));
}

/** null for what is damaged: whose it is cannot be told. */
function headerOf(file: Uint8Array): Dataset | null {
  try {
    return parseInstance(file).dataset;
  } catch {
    return null;
  }
}

async function retrieve(
  archive: PriorArchive,
  address: CandidateAddress,
  signal: AbortSignal,
): Promise<ArchivedCandidate | null> {
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = address;
  const seg = await instance(archive, studyInstanceUid, seriesInstanceUid, sopInstanceUid, signal);
  return (
    seg && {
      address,
      sopInstanceUid,
      seg,
      sourceImages: async (source) => {
        const uids = new Set([source.sopInstanceUids[0], source.sopInstanceUids.at(-1)]);
        const images: Dataset[] = [];
        for (const uid of uids) {
          const file =
            uid === undefined ? null : await instance(archive, studyInstanceUid, source.seriesInstanceUid, uid, signal);
          const header = file && headerOf(file);
          if (header) images.push(header);
        }
        return images;
      },
    }
  );
}

/** null when the archive does not hold it any more. */
async function instance(
  archive: PriorArchive,
  study: string,
  series: string,
  uid: string,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  try {
    return await archive.retrieveInstance(study, series, uid, { signal });
  } catch (error) {
    if (error instanceof NotFound) return null;
    throw error;
  }
}

const mayBeOurs = ({ modality, description }: SeriesSummary) =>
  modality === 'SEG' && (description === null || /hepar/i.test(description));

/** Later than the study of `header`, by Study Date; false while one of them has none. */
function isLater({ studyDate }: StudySummary, header: Dataset): boolean {
  const own = header.text('00080020');
  return own !== null && studyDate !== null && studyDate > own;
}

const newestFirst = (a: StudySummary, b: StudySummary) =>
  compareText(b.studyDate ?? '', a.studyDate ?? '') || compareText(b.studyTime ?? '', a.studyTime ?? '');

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
