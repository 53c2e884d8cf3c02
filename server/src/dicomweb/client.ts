import dicomWebClient from 'dicomweb-client';
import type { Connection } from './connection.ts';
import { type RetryOptions, retrying } from './retry.ts';
import { ArchiveXmlHttpRequest } from './xml-http-request.ts';

/** The calls of dicomweb-client that we use, each with the request object that carries it out. */
export interface DicomWebClient {
  searchForStudies(options: Search): Promise<unknown>;
  searchForSeries(options: Search & { studyInstanceUID: string }): Promise<unknown>;
  searchForInstances(options: Search & { studyInstanceUID: string; seriesInstanceUID: string }): Promise<unknown>;
  retrieveInstanceMetadata(options: {
    studyInstanceUID: string;
    seriesInstanceUID: string;
    sopInstanceUID: string;
    request: Request;
  }): Promise<unknown>;
  /** `datasets` may be views: each is copied into the body of the request. */
  storeInstances(options: {
    datasets: readonly Uint8Array[];
    studyInstanceUID: string;
    request: Request;
  }): Promise<unknown>;
}

interface Search {
  readonly queryParams: Readonly<Record<string, number | string>>;
  readonly request: Request;
}

interface Request {
  readonly instance: ArchiveXmlHttpRequest;
}

/** How an exchange ended: what the archive answered, as JSON, and the error that it amounts to. */
export type Exchange = Pick<ArchiveXmlHttpRequest, 'response' | 'failure'>;

/** Makes one call of dicomweb-client over `connection`, again after failures that may pass. */
export type Ask = <T>(
  call: (client: DicomWebClient, request: Request) => Promise<unknown>,
  /** Gives the call's result or throws; also called for failed exchanges, as an error's body can hold what matters. */
  inspect: (exchange: Exchange) => T,
  signal: AbortSignal | undefined,
) => Promise<T>;

export function createAsk(connection: Connection, retry: RetryOptions): Ask {
  const client = new dicomWebClient.api.DICOMwebClient({
    url: connection.root,
    headers: { Accept: 'application/dicom+json' },
    verbose: false,
    singlepart: '',
  }) as unknown as DicomWebClient;
  return (call, inspect, signal) =>
    retrying(
      async () => {
        const instance = new ArchiveXmlHttpRequest(connection, signal);
        await call(client, { instance }).catch((error: unknown) => {
          // Its own errors only say 'request failed'; the request knows why.
          if (instance.failure === null) throw error;
        });
        return inspect(instance);
      },
      retry,
      signal,
    );
}
