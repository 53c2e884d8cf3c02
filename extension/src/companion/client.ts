import type { FindingsDocument } from '../../../server/src/findings/schema.ts';
import type {
  CorrectionRequest,
  ErrorView,
  ModelView,
  ReviewRequest,
  ReviewView,
  SegmentationRequest,
  SegmentationView,
  StudySeriesView,
} from '../../../server/src/http/contract.ts';
import { eventData } from './event-stream.ts';

/** The server answered, and said no. `message` is its own line. */
export class CompanionRefused extends Error {
  override readonly name = 'CompanionRefused';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The server could not be reached, or what answered is not the server. */
export class CompanionUnreachable extends Error {
  override readonly name = 'CompanionUnreachable';
}

export interface CompanionOptions {
  /** Where the server is; ends with '/'. */
  readonly root: URL;
  /** The viewer's login, where it has one. */
  readonly authorization: () => Record<string, string> | undefined;
}

type Call = Omit<RequestInit, 'signal'> & { readonly signal?: AbortSignal | undefined };

/** A stream that is silent for longer than two of the server's heartbeats is dead. */
const SILENCE_MS = 25_000;

/** The server's HTTP interface. Each method throws CompanionRefused or CompanionUnreachable. */
export class Companion {
  readonly #options: CompanionOptions;

  constructor(options: CompanionOptions) {
    this.#options = options;
  }

  segment(request: SegmentationRequest): Promise<SegmentationView> {
    return this.#post('api/segmentations', request);
  }

  /** Has a result as somebody has edited it stored beside it. @returns the run that does so */
  correct(id: string, correction: CorrectionRequest): Promise<SegmentationView> {
    return this.#post(`api/segmentations/${id}/corrections`, correction);
  }

  review(id: string, review: ReviewRequest): Promise<ReviewView> {
    return this.#post(`api/segmentations/${id}/reviews`, review);
  }

  reviewsOf(id: string, signal?: AbortSignal): Promise<ReviewView[]> {
    return this.#json(`api/segmentations/${id}/reviews`, { signal });
  }

  runsOf(studyInstanceUID: string, signal?: AbortSignal): Promise<SegmentationView[]> {
    return this.#json(`api/segmentations?study=${encodeURIComponent(studyInstanceUID)}`, { signal });
  }

  /** The series of a study as the server judges them. */
  seriesOf(studyInstanceUID: string, signal?: AbortSignal): Promise<StudySeriesView[]> {
    return this.#json(`api/studies/${encodeURIComponent(studyInstanceUID)}/series`, { signal });
  }

  async cancel(id: string): Promise<SegmentationView> {
    return this.#json(`api/segmentations/${id}`, { method: 'DELETE' });
  }

  findings(id: string, signal?: AbortSignal): Promise<FindingsDocument> {
    return this.#json(`api/segmentations/${id}/findings`, { signal });
  }

  models(signal?: AbortSignal): Promise<ModelView[]> {
    return this.#json('api/models', { signal });
  }

  /** The run each time that it changes, beginning with how it stands; ends when the run has ended or the stream breaks. */
  async *follow(id: string, signal: AbortSignal): AsyncGenerator<SegmentationView> {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    try {
      const response = await this.#fetch(`api/segmentations/${id}/events`, {
        headers: { Accept: 'text/event-stream' },
        signal: AbortSignal.any([signal, silence.signal]),
      });
      if (!response.body) return;
      const onSign = () => {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS);
      };
      for await (const data of eventData(response.body, onSign)) yield JSON.parse(data) as SegmentationView;
    } catch (error) {
      throw error instanceof CompanionRefused ? error : new CompanionUnreachable('the stream broke', { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  #post<T>(path: string, body: unknown): Promise<T> {
    const headers = { 'Content-Type': 'application/json' };
    return this.#json(path, { method: 'POST', body: JSON.stringify(body), headers });
  }

  async #json<T>(path: string, call: Call): Promise<T> {
    const response = await this.#fetch(path, call);
    try {
      return (await response.json()) as T;
    } catch (error) {
      throw new CompanionUnreachable('the answer cannot be read', { cause: error });
    }
  }

  async #fetch(path: string, call: Call): Promise<Response> {
    const { root, authorization } = this.#options;
    const { signal = null, ...rest } = call;
    let response: Response;
    try {
      const headers = { ...authorization(), ...(rest.headers as Record<string, string> | undefined) };
      response = await fetch(new URL(path, root), { ...rest, signal, headers });
    } catch (error) {
      throw new CompanionUnreachable('the Hepar server cannot be reached', { cause: error });
    }
    if (response.ok) return response;
    const message = await ownLine(response);
    // A proxy in between answers for a server that is down, with a page of its own.
    if (message === null && response.status >= 500) {
      throw new CompanionUnreachable(`the Hepar server cannot be reached (${response.status})`);
    }
    throw new CompanionRefused(response.status, message ?? `the server answers ${response.status}`);
  }
}

/** The server's own words; null where something else answered. */
async function ownLine(response: Response): Promise<string | null> {
  try {
    return ((await response.json()) as ErrorView).error.message;
  } catch {
    return null;
  }
}
