import { z } from 'zod';
import type { Ask, DicomWebClient, Exchange } from './client.ts';
import { BrokenTransfer, NotFound } from './errors.ts';

/** A series as QIDO-RS describes it; null is what the archive does not say. */
export interface SeriesSummary {
  readonly seriesInstanceUid: string;
  readonly modality: string | null;
  readonly description: string | null;
  readonly seriesNumber: number | null;
  /** Number of Series Related Instances. */
  readonly instances: number | null;
}

/** A study as QIDO-RS describes it; null is what the archive does not say. */
export interface StudySummary {
  readonly studyInstanceUid: string;
  readonly patientId: string | null;
  /** Study Date (DA) and Study Time (TM) as they are written. */
  readonly studyDate: string | null;
  readonly studyTime: string | null;
}

const text = z.object({ Value: z.array(z.string().nullable()).optional() }).optional();
const integer = z.object({ Value: z.array(z.coerce.number().nullable()).optional() }).optional();
const seriesRow = z.object({
  /** Series Instance UID, Modality, Series Description, Series Number, Number of Series Related Instances */
  '0020000E': text,
  '00080060': text,
  '0008103E': text,
  '00200011': integer,
  '00201209': integer,
});
const studyRow = z.object({
  /** Study Instance UID, Patient ID, Study Date, Study Time */
  '0020000D': text,
  '00100020': text,
  '00080020': text,
  '00080030': text,
});
/** Study Instance UID, Number of Study Related Series, Number of Study Related Instances */
const sizeRow = z.object({ '0020000D': text, '00201206': integer, '00201208': integer });
/** SOP Instance UID */
const instanceRow = z.object({ '00080018': text });

/**
 * The studies under a Patient ID. Archives match without regard to case and take * and ? for wildcards: only those that
 * state this very ID, but for the blanks around it, are given.
 */
export async function findStudies(
  ask: Ask,
  root: string,
  patientId: string,
  signal?: AbortSignal,
): Promise<StudySummary[]> {
  const found = await searchAll(
    ask,
    `${root}/studies`,
    (client, { queryParams, request }) =>
      client.searchForStudies({ queryParams: { ...queryParams, PatientID: patientId }, request }),
    studyRow,
    (row) => first(row['0020000D']),
    signal,
  );
  return Array.from(found, ([studyInstanceUid, row]) => ({
    studyInstanceUid,
    patientId: first(row['00100020']),
    studyDate: first(row['00080020']),
    studyTime: first(row['00080030']),
  })).filter((study) => study.patientId?.trim() === patientId.trim());
}

/** How large a study is, as QIDO-RS tells; null is what the archive does not say. */
export interface StudySize {
  readonly studyInstanceUid: string;
  readonly series: number | null;
  readonly instances: number | null;
}

export interface StudyQuery {
  /** DA, YYYYMMDD, both included. */
  readonly dates: { readonly from: string; readonly to: string };
  /** A study has it that has a series of it. */
  readonly modality: string;
}

/** Studies of some days with a series of some modality (QIDO-RS, PS3.18 section 10.6). */
export async function findStudiesOfDays(
  ask: Ask,
  root: string,
  { dates, modality }: StudyQuery,
  signal?: AbortSignal,
): Promise<StudySize[]> {
  const query = {
    StudyDate: `${dates.from}-${dates.to}`,
    ModalitiesInStudy: modality,
    // Several values in one parameter: what dicomweb-client makes of a list, not every archive reads.
    includefield: '00201206,00201208',
  };
  const found = await searchAll(
    ask,
    `${root}/studies`,
    (client, { queryParams, request }) =>
      client.searchForStudies({ queryParams: { ...query, ...queryParams }, request }),
    sizeRow,
    (row) => first(row['0020000D']),
    signal,
  );
  return Array.from(found, ([studyInstanceUid, row]) => ({
    studyInstanceUid,
    series: first(row['00201206']),
    instances: first(row['00201208']),
  }));
}

/** The series of a study (QIDO-RS, PS3.18 section 10.6); [] when the study is unknown. */
export async function findSeries(
  ask: Ask,
  root: string,
  studyUid: string,
  signal?: AbortSignal,
): Promise<SeriesSummary[]> {
  const found = await searchAll(
    ask,
    `${root}/studies/${studyUid}/series`,
    (client, options) => client.searchForSeries({ ...options, studyInstanceUID: studyUid }),
    seriesRow,
    (row) => first(row['0020000E']),
    signal,
  );
  return Array.from(found, ([seriesInstanceUid, row]) => ({
    seriesInstanceUid,
    modality: first(row['00080060']),
    description: first(row['0008103E']),
    seriesNumber: first(row['00200011']),
    instances: first(row['00201209']),
  }));
}

/** SOP Instance UIDs of a series, in the archive's order; [] when the series is unknown. */
export async function findInstances(
  ask: Ask,
  root: string,
  studyUid: string,
  seriesUid: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const found = await searchAll(
    ask,
    `${root}/studies/${studyUid}/series/${seriesUid}/instances`,
    (client, options) =>
      client.searchForInstances({ ...options, studyInstanceUID: studyUid, seriesInstanceUID: seriesUid }),
    instanceRow,
    (row) => first(row['00080018']),
    signal,
  );
  return [...found.keys()];
}

/** Whether a series has an instance: one is asked for, since a long list takes an archive its time. */
export async function holdsSeries(
  ask: Ask,
  root: string,
  studyUid: string,
  seriesUid: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const found = await ask(
    (client, request) =>
      client.searchForInstances({
        studyInstanceUID: studyUid,
        seriesInstanceUID: seriesUid,
        queryParams: { limit: 1 },
        request,
      }),
    rowsOf(`${root}/studies/${studyUid}/series/${seriesUid}/instances`, instanceRow),
    signal,
  );
  return found.some((row) => first(row['00080018']) !== null);
}

/**
 * All pages of a search, each row once. Archives cut answers at limits of their own, often without saying so: the next page is
 * asked for until one brings nothing new. No limit is sent, as some archives refuse those above their own.
 */
async function searchAll<Row>(
  ask: Ask,
  url: string,
  call: (client: DicomWebClient, options: Parameters<DicomWebClient['searchForStudies']>[0]) => Promise<unknown>,
  row: z.ZodType<Row>,
  keyOf: (row: Row) => string | null,
  signal: AbortSignal | undefined,
): Promise<Map<string, Row>> {
  const found = new Map<string, Row>();
  for (let offset = 0; ; ) {
    const page = await ask(
      (client, request) => call(client, { queryParams: offset > 0 ? { offset } : {}, request }),
      rowsOf(url, row),
      signal,
    );
    const before = found.size;
    for (const entry of page) {
      const key = keyOf(entry);
      if (key !== null && !found.has(key)) found.set(key, entry);
    }
    if (found.size === before) return found;
    offset += page.length;
  }
}

/** What is made of an answer to a search: none where there is nothing of that name. */
const rowsOf =
  <Row>(url: string, row: z.ZodType<Row>) =>
  ({ failure, response }: Exchange): Row[] => {
    if (failure instanceof NotFound) return [];
    if (failure !== null) throw failure;
    const parsed = z.array(row).safeParse(response ?? []);
    if (parsed.success) return parsed.data;
    throw new BrokenTransfer(url, 'it is not a search result in DICOM JSON', { transient: false });
  };

function first<T>(element: { Value?: (T | null)[] | undefined } | undefined): T | null {
  return element?.Value?.[0] ?? null;
}
