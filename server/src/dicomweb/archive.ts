import { createAsk } from './client.ts';
import { type ArchiveAddress, Connection } from './connection.ts';
import { describeInstance, type ImageSummary } from './describe.ts';
import { NotFound } from './errors.ts';
import { retrieveSeries } from './retrieve.ts';
import { RETRY, type RetryOptions } from './retry.ts';
import {
  findInstances,
  findSeries,
  findStudies,
  findStudiesOfDays,
  holdsSeries,
  type SeriesSummary,
  type StudyQuery,
  type StudySize,
  type StudySummary,
} from './search.ts';
import { type StoreReceipt, storeFiles } from './store.ts';

export type { ImageSummary, SeriesSummary, StoreReceipt, StudySize, StudySummary };

/** A DICOMweb archive: QIDO-RS, WADO-RS and STOW-RS (PS3.18 section 10). Its calls throw the errors of errors.ts. */
export interface Archive {
  /** Base address, without credentials. */
  readonly url: string;
  /** Asks for something small, once: resolves when the archive answers and lets us in. */
  ping(options?: Abortable): Promise<void>;
  /** The studies of some days that have a series of some modality. */
  findStudiesOfDays(query: StudyQuery, options?: Abortable): Promise<StudySize[]>;
  /** The studies under exactly this Patient ID; [] when there is none. */
  findStudies(patientId: string, options?: Abortable): Promise<StudySummary[]>;
  /** The series of a study; [] when the study is unknown. */
  findSeries(studyUid: string, options?: Abortable): Promise<SeriesSummary[]>;
  /** SOP Instance UIDs of a series, in the archive's order; [] when the series is unknown. */
  findInstances(studyUid: string, seriesUid: string, options?: Abortable): Promise<string[]>;
  /** Whether there is an instance of a series. */
  holdsSeries(studyUid: string, seriesUid: string, options?: Abortable): Promise<boolean>;
  /** The header of one image; what is pixel data stays in the archive. */
  describeInstance(
    studyUid: string,
    seriesUid: string,
    instanceUid: string,
    options?: Abortable,
  ): Promise<ImageSummary>;
  /** The DICOM file of one instance. */
  retrieveInstance(studyUid: string, seriesUid: string, instanceUid: string, options?: Abortable): Promise<Uint8Array>;
  /**
   * The DICOM files of a series as they arrive, at the consumer's pace, whatever their transfer syntax.
   * With `instances` (SOP Instance UIDs) exactly these are delivered, once each, or it fails.
   */
  retrieveSeries(
    studyUid: string,
    seriesUid: string,
    options?: Abortable & { readonly instances?: readonly string[] },
  ): AsyncIterable<Uint8Array>;
  /**
   * Stores DICOM files of one study in their order, and resolves when the archive has confirmed each one.
   * The same bytes may be stored again, e.g. after an interruption.
   */
  store(
    files: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    studyUid: string,
    options?: Abortable,
  ): Promise<StoreReceipt>;
  /** Closes the connections that are kept open. */
  close(): void;
}

export interface Abortable {
  readonly signal?: AbortSignal | undefined;
}

export interface ArchiveOptions extends ArchiveAddress {
  /** Gives up when the archive is silent for this long; a transfer as a whole has no limit. Default 60 s. */
  readonly idleTimeoutMs?: number;
  /** An instance above this is refused before it fills the memory. Default 1 GiB. */
  readonly maxInstanceBytes?: number;
  readonly retry?: Partial<RetryOptions>;
}

const IDLE_TIMEOUT_MS = 60_000;
const MAX_INSTANCE_BYTES = 1024 ** 3;

/** @throws ArchiveUnreachable when the address is not http or https */
export function createArchive(options: ArchiveOptions): Archive {
  const { idleTimeoutMs = IDLE_TIMEOUT_MS, maxInstanceBytes = MAX_INSTANCE_BYTES } = options;
  const retry: RetryOptions = { ...RETRY, ...options.retry };
  const connection = new Connection(options, idleTimeoutMs);
  const { root } = connection;
  const ask = createAsk(connection, retry);
  const askOnce = createAsk(connection, { ...retry, tries: 1 });

  return {
    url: root,

    ping: ({ signal } = {}) =>
      askOnce(
        (client, request) => client.searchForStudies({ queryParams: { limit: 1 }, request }),
        ({ failure }) => {
          if (failure !== null) throw failure;
        },
        signal,
      ),

    findStudiesOfDays: (query, { signal } = {}) => findStudiesOfDays(ask, root, query, signal),

    findStudies: async (patientId, { signal } = {}) =>
      patientId.trim() === '' ? [] : findStudies(ask, root, patientId, signal),

    findSeries: async (studyUid, { signal } = {}) =>
      isPathSafe(studyUid) ? findSeries(ask, root, studyUid, signal) : [],

    findInstances: async (studyUid, seriesUid, { signal } = {}) =>
      isPathSafe(studyUid) && isPathSafe(seriesUid) ? findInstances(ask, root, studyUid, seriesUid, signal) : [],

    holdsSeries: async (studyUid, seriesUid, { signal } = {}) =>
      isPathSafe(studyUid) && isPathSafe(seriesUid) && holdsSeries(ask, root, studyUid, seriesUid, signal),

    describeInstance: async (study, series, instance, { signal } = {}) => {
      if (![study, series, instance].every(isPathSafe)) throw new NotFound(root);
      return describeInstance(ask, root, { study, series, instance }, signal);
    },

    retrieveInstance: async (study, series, instance, { signal } = {}) => {
      if (![study, series, instance].every(isPathSafe)) throw new NotFound(root);
      const url = `${root}/studies/${study}/series/${series}/instances/${instance}`;
      for await (const file of retrieveSeries(connection, url, { signal, maxInstanceBytes, retry })) return file;
      throw new NotFound(url);
    },

    async *retrieveSeries(studyUid, seriesUid, { signal, instances } = {}) {
      if (!isPathSafe(studyUid) || !isPathSafe(seriesUid)) throw new NotFound(root);
      const url = `${root}/studies/${studyUid}/series/${seriesUid}`;
      yield* retrieveSeries(connection, url, { signal, instances, maxInstanceBytes, retry });
    },

    store: async (files, studyUid, { signal } = {}) => {
      if (!isPathSafe(studyUid)) throw new NotFound(root);
      return storeFiles(ask, root, studyUid, files, signal);
    },

    close: () => connection.close(),
  };
}

/** Real archives hold UIDs that break PS3.5 section 9.1; what matters here is that one stays one segment of a path. */
function isPathSafe(uid: string): boolean {
  return /^\d[\d.]{0,63}$/.test(uid);
}
