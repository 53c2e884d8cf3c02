/** One retrieval, for retrieve.ts: the task as JSON in the first argument, the outcome as JSON on standard output. */
import { createHash } from 'node:crypto';
import dicomWebClient from 'dicomweb-client';
import { createArchive } from '../../server/src/dicomweb/archive.ts';

export const METHODS = ['ours', 'dicomweb-client'] as const;
export type Method = (typeof METHODS)[number];

export interface Task {
  readonly method: Method;
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly studyUid: string;
  readonly seriesUid: string;
}

export interface Outcome {
  readonly seconds: number;
  /** Resident set size at its highest, as the kernel has it. */
  readonly peakMib: number;
  readonly instances: number;
  /** Over all instances, whatever their order. */
  readonly digest: string;
}

/** XMLHttpRequest for dicomweb-client as a Node program would give it: the whole body, by fetch, with its best settings. */
class FetchRequest {
  readyState = 0;
  status = 0;
  responseType = '';
  response: ArrayBuffer | null = null;
  onreadystatechange = () => {};
  #url = '';
  #headers: Record<string, string> = { 'accept-encoding': 'identity' };
  #answered = new Headers();

  open(_method: string, url: string): void {
    this.#url = url;
  }

  setRequestHeader(name: string, value: string): void {
    this.#headers[name] = value;
  }

  getResponseHeader(name: string): string | null {
    return this.#answered.get(name);
  }

  getAllResponseHeaders(): string {
    return [...this.#answered].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  }

  async send(): Promise<void> {
    const answer = await fetch(this.#url, { headers: this.#headers });
    this.response = await answer.arrayBuffer();
    this.#answered = answer.headers;
    this.status = answer.status;
    this.readyState = 4;
    this.onreadystatechange();
  }
}

async function ours({ url, username, password, studyUid, seriesUid }: Task): Promise<Uint8Array[]> {
  const archive = createArchive({ url, username, password });
  const all: Uint8Array[] = [];
  for await (const file of archive.retrieveSeries(studyUid, seriesUid)) all.push(file);
  archive.close();
  return all;
}

async function theirs({ url, username, password, studyUid, seriesUid }: Task): Promise<Uint8Array[]> {
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const client = new dicomWebClient.api.DICOMwebClient({
    url,
    headers: { authorization },
    verbose: false,
    singlepart: '',
  });
  const instance = new FetchRequest();
  const options = { studyInstanceUID: studyUid, seriesInstanceUID: seriesUid, request: { instance } };
  const all = (await client.retrieveSeries(options as never)) as unknown as ArrayBuffer[];
  return all.map((buffer) => new Uint8Array(buffer));
}

if (import.meta.main) {
  const task = JSON.parse(process.argv[2] ?? '') as Task;
  const started = performance.now();
  const files = await (task.method === 'ours' ? ours : theirs)(task);
  const seconds = (performance.now() - started) / 1000;
  const peakMib = process.resourceUsage().maxRSS / 1024;
  const digests = files.map((file) => createHash('sha256').update(file).digest('hex')).sort();
  const digest = createHash('sha256').update(digests.join()).digest('hex');
  process.stdout.write(JSON.stringify({ seconds, peakMib, instances: files.length, digest } satisfies Outcome));
}
