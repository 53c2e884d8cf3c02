import { z } from 'zod';
import { type ArchiveAddress, Connection, failureOf, readWhole } from '../dicomweb/connection.ts';
import { BrokenTransfer, NotFound } from '../dicomweb/errors.ts';

/** Orthanc answers what it lists in one piece: a page of the feed, or the instances of a series. */
const LARGEST_ANSWER_BYTES = 64 * 1024 ** 2;
const IDLE_TIMEOUT_MS = 30_000;

/** The name that Orthanc gives to a resource: SHA-1 of its DICOM identifiers. */
export const orthancIdSchema = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{8}){4}$/, 'not the id of an Orthanc resource');
const text = z.string().trim().optional();

const changesSchema = z.object({
  Changes: z.array(
    z.object({
      Seq: z.int().nonnegative(),
      ChangeType: z.string(),
      ResourceType: z.string(),
      ID: z.string(),
    }),
  ),
  Done: z.boolean(),
  /** Of the page's last change; of an empty page, of the last change that there ever was. */
  Last: z.int().nonnegative(),
});
const seriesSchema = z.object({
  ID: orthancIdSchema,
  ParentStudy: orthancIdSchema,
  IsStable: z.boolean(),
  Instances: z.array(orthancIdSchema),
  MainDicomTags: z.object({ Modality: text, SeriesInstanceUID: text }),
});
const studySchema = z.object({
  ID: orthancIdSchema,
  IsStable: z.boolean(),
  Series: z.array(orthancIdSchema),
  MainDicomTags: z.object({ StudyInstanceUID: z.string().trim() }),
});
const instanceSchema = z.object({ ParentSeries: orthancIdSchema });
const metadataSchema = z.record(z.string(), z.unknown());
const lookupSchema = z.array(z.object({ ID: orthancIdSchema, Type: z.string() }));
const jobIdSchema = z.object({ ID: z.string() });
const jobSchema = z.object({ State: z.string(), ErrorDescription: z.string().optional() });

export type Change = z.infer<typeof changesSchema>['Changes'][number];
export type ChangePage = z.infer<typeof changesSchema>;
export type OrthancSeries = z.infer<typeof seriesSchema>;
export type OrthancStudy = z.infer<typeof studySchema>;

/** Who has sent a series, as far as Orthanc knows; null for what came in otherwise than by C-STORE. */
export interface Senders {
  readonly remoteAet: string | null;
  readonly calledAet: string | null;
}

/** Where Orthanc is asked to send something: a modality (C-STORE) or a DICOMweb server, by its name in Orthanc. */
export type Destination = { readonly modality: string } | { readonly dicomweb: string };

/**
 * What the intake uses of Orthanc's own REST interface (from version 1.10 on). Every call throws the errors of
 * dicomweb/errors.ts; what is not there is null.
 */
export class Orthanc {
  /** Base address, without credentials. */
  readonly url: string;
  readonly #connection: Connection;

  constructor(address: ArchiveAddress) {
    this.#connection = new Connection(address, IDLE_TIMEOUT_MS);
    this.url = this.#connection.root;
  }

  /** The changes after the given one, oldest first. A resource that is deleted takes its changes along. */
  async changes(after: number, limit: number, signal?: AbortSignal): Promise<ChangePage> {
    return this.#get(`/changes?since=${after}&limit=${limit}`, changesSchema, signal);
  }

  series(id: string, signal?: AbortSignal): Promise<OrthancSeries | null> {
    return unlessGone(this.#get(`/series/${id}`, seriesSchema, signal));
  }

  study(id: string, signal?: AbortSignal): Promise<OrthancStudy | null> {
    return unlessGone(this.#get(`/studies/${id}`, studySchema, signal));
  }

  async seriesOfInstance(id: string, signal?: AbortSignal): Promise<string | null> {
    const instance = await unlessGone(this.#get(`/instances/${id}`, instanceSchema, signal));
    return instance?.ParentSeries ?? null;
  }

  async sendersOf({ Instances: [instance] }: OrthancSeries, signal?: AbortSignal): Promise<Senders> {
    const found =
      instance && (await unlessGone(this.#get(`/instances/${instance}/metadata?expand`, metadataSchema, signal)));
    const value = (name: string) => (found && typeof found[name] === 'string' && found[name].trim()) || null;
    return { remoteAet: value('RemoteAET'), calledAet: value('CalledAET') };
  }

  /** Ids of the series that have this Series Instance UID: more than one when two patients share it. */
  async findSeries(seriesInstanceUid: string, signal?: AbortSignal): Promise<string[]> {
    const found = await this.#send('POST', '/tools/lookup', lookupSchema, signal, seriesInstanceUid);
    return found.filter(({ Type }) => Type === 'Series').map(({ ID }) => ID);
  }

  /** Has Orthanc send resources elsewhere, in the background. @returns the id of Orthanc's job */
  async send(resources: readonly string[], to: Destination, signal?: AbortSignal): Promise<string> {
    const [path, more] =
      'modality' in to
        ? [`/modalities/${encodeURIComponent(to.modality)}/store`, { Permissive: false, StorageCommitment: false }]
        : [`/dicom-web/servers/${encodeURIComponent(to.dicomweb)}/stow`, {}];
    const body = JSON.stringify({ Resources: resources, Synchronous: false, ...more });
    return (await this.#send('POST', path, jobIdSchema, signal, body)).ID;
  }

  /** How a job stands; null when Orthanc does not know it (any more). */
  async job(id: string, signal?: AbortSignal): Promise<{ state: string; error: string | null } | null> {
    const job = await unlessGone(this.#get(`/jobs/${id}`, jobSchema, signal));
    return job && { state: job.State, error: job.ErrorDescription ?? null };
  }

  close(): void {
    this.#connection.close();
  }

  #get<T>(path: string, schema: z.ZodType<T>, signal?: AbortSignal): Promise<T> {
    return this.#send('GET', path, schema, signal);
  }

  async #send<T>(
    method: 'GET' | 'POST',
    path: string,
    schema: z.ZodType<T>,
    signal?: AbortSignal,
    body?: string,
  ): Promise<T> {
    const url = new URL(this.url + path);
    const answer = await this.#connection.send(url, {
      method,
      headers: { accept: 'application/json' },
      ...(body === undefined ? {} : { body: Buffer.from(body) }),
      signal,
    });
    const failure = failureOf(answer);
    if (failure) {
      answer.discard();
      throw failure;
    }
    const parsed = schema.safeParse(parseJson((await readWhole(answer, LARGEST_ANSWER_BYTES)).toString('utf8')));
    if (parsed.success) return parsed.data;
    throw new BrokenTransfer(url, 'it is not what Orthanc answers', { transient: false });
  }
}

async function unlessGone<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof NotFound) return null;
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
