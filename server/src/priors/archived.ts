import type { Dataset } from '../dicom/dataset.ts';
import type { Archive, SeriesSummary, StudySummary } from '../dicomweb/archive.ts';
import { NotFound } from '../dicomweb/errors.ts';
import type { CtSeries } from '../volume/series.ts';
import { type AboutSegmentation, aboutSegmentation, headerOf } from './about.ts';
import type { Candidate, CandidateAddress } from './candidate.ts';
import { patientId } from './patient.ts';

export type PriorArchive = Pick<Archive, 'findStudies' | 'findSeries' | 'findInstances' | 'retrieveInstance'>;

/** An archive may hold twenty years of a patient: the last scans are what one is read against. */
const MOST_STUDIES = 20;
/** Segmentations looked into in one study; other programs' have no end. */
const MOST_IN_A_STUDY = 16;

export type ArchivedCandidate = Candidate & { readonly addresses: readonly CandidateAddress[] };

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
    const own = candidate.addresses.map((address) => address.seriesInstanceUid);
    const sources = candidate.segs.map((seg) => aboutSegmentation(seg)?.sourceSeriesUid);
    if ([...own, ...sources].includes(seriesInstanceUid)) yield candidate;
  }
}

/** The same candidates again, by their addresses; what is gone is passed over. */
export async function* resultsAt(
  archive: PriorArchive,
  candidates: readonly (readonly CandidateAddress[])[],
  signal: AbortSignal,
): AsyncGenerator<ArchivedCandidate, void, undefined> {
  for (const addresses of candidates) {
    const found: Located[] = [];
    for (const address of addresses) {
      const seg = await instance(archive, address, signal);
      if (seg) found.push({ address, seg });
    }
    if (found.length > 0) yield candidateOf(archive, found, signal);
  }
}

interface Located {
  readonly address: CandidateAddress;
  readonly seg: Uint8Array;
}

/** A result: the segmentations of one run. */
interface Found {
  readonly located: readonly Located[];
  readonly about: AboutSegmentation;
  /** Of the source series. */
  readonly description: string | null;
}

async function* resultsOfStudy(
  archive: PriorArchive,
  studyInstanceUid: string,
  description: string | null,
  signal: AbortSignal,
): AsyncGenerator<ArchivedCandidate, void, undefined> {
  const all = await archive.findSeries(studyInstanceUid, { signal });
  const byRun = new Map<string, { located: Located[]; about: AboutSegmentation }>();
  for (const { seriesInstanceUid } of all.filter(mayBeOurs).slice(0, MOST_IN_A_STUDY)) {
    for (const sopInstanceUid of await archive.findInstances(studyInstanceUid, seriesInstanceUid, { signal })) {
      const address = { studyInstanceUid, seriesInstanceUid, sopInstanceUid };
      const seg = await instance(archive, address, signal);
      const about = seg && aboutSegmentation(seg);
      if (!seg || !about) continue;
      const known = byRun.get(about.provenance.runId);
      if (known) known.located.push({ address, seg });
      else byRun.set(about.provenance.runId, { located: [{ address, seg }], about });
    }
  }
  const descriptionOf = (uid: string | null) =>
    all.find(({ seriesInstanceUid }) => seriesInstanceUid === uid)?.description ?? null;
  const found = Array.from(byRun.values(), (each) => ({
    ...each,
    description: descriptionOf(each.about.sourceSeriesUid),
  }));
  const fits = (each: Found) => Number(description !== null && each.description === description);
  const ordered = currentOf(found).sort(
    (a, b) =>
      fits(b) - fits(a) ||
      Number(b.about.isCorrected) - Number(a.about.isCorrected) ||
      compareText(b.about.created, a.about.created),
  );
  for (const { located } of ordered) yield candidateOf(archive, located, signal);
}

/** Those that no other takes the place of; what a person corrected takes the place of all of its series. */
function currentOf(found: readonly Found[]): Found[] {
  const superseded = new Set(found.map(({ about }) => about.provenance.supersedes));
  const current = found.filter(({ about }) => !superseded.has(about.provenance.runId));
  const corrected = new Set(current.filter(({ about }) => about.isCorrected).map(({ about }) => about.sourceSeriesUid));
  return current.filter(({ about }) => about.isCorrected || !corrected.has(about.sourceSeriesUid));
}

function candidateOf(archive: PriorArchive, located: readonly Located[], signal: AbortSignal): ArchivedCandidate {
  const { studyInstanceUid } = located[0]!.address;
  return {
    addresses: located.map(({ address }) => address),
    segs: located.map(({ seg }) => seg),
    sourceImages: async ({ seriesInstanceUid, sopInstanceUids }) => {
      const images: Dataset[] = [];
      for (const sopInstanceUid of new Set([sopInstanceUids[0], sopInstanceUids.at(-1)])) {
        if (sopInstanceUid === undefined) continue;
        const file = await instance(archive, { studyInstanceUid, seriesInstanceUid, sopInstanceUid }, signal);
        const header = file && headerOf(file);
        if (header) images.push(header);
      }
      return images;
    },
  };
}

/** null when the archive does not hold it any more. */
async function instance(
  archive: PriorArchive,
  { studyInstanceUid, seriesInstanceUid, sopInstanceUid }: CandidateAddress,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  try {
    return await archive.retrieveInstance(studyInstanceUid, seriesInstanceUid, sopInstanceUid, { signal });
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
