import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { readConfig } from '../../../server/src/config.ts';
import type { ImageSummary, SeriesSummary, StudySize } from '../../../server/src/dicomweb/archive.ts';
import { ArchiveUnreachable } from '../../../server/src/dicomweb/errors.ts';
import type { SegmentationView } from '../../../server/src/http/contract.ts';
import { listModels, type Model } from '../../../server/src/inference/model.ts';
import { type RunningServer, type ServerOptions, startServer } from '../../../server/src/server.ts';
import { SERIES, STUDY } from '../jobs/fake-pipeline.ts';

/** An archive that knows the series of the fake pipeline, and can be down. */
export class FakeArchive {
  readonly url = 'http://archive/dicom-web';
  isDown = false;
  instances = ['1.2.3.1', '1.2.3.2', '1.2.3.3'];

  /** What it says of a study's series. */
  series: SeriesSummary[] = [];
  image: ImageSummary = {
    imageType: ['ORIGINAL', 'PRIMARY', 'AXIAL'],
    frames: null,
    orientation: [1, 0, 0, 0, 1, 0],
    sliceThicknessMm: 2.5,
    sliceSpacingMm: null,
    rescaleType: 'HU',
    protocol: null,
    bodyPart: 'ABDOMEN',
    kernel: null,
    contrastAgent: null,
    manufacturer: null,
    institution: null,
    studyDate: null,
  };

  async findStudiesOfDays(): Promise<StudySize[]> {
    this.#answer();
    return [];
  }

  async findSeries(studyUid: string): Promise<SeriesSummary[]> {
    this.#answer();
    return studyUid === STUDY ? this.series : [];
  }

  async describeInstance(): Promise<ImageSummary> {
    this.#answer();
    return this.image;
  }

  async findInstances(studyUid: string, seriesUid: string): Promise<string[]> {
    this.#answer();
    const isKnown = studyUid === STUDY && (Object.values(SERIES) as string[]).includes(seriesUid);
    return isKnown ? this.instances : [];
  }

  async ping(): Promise<void> {
    this.#answer();
  }

  close(): void {}

  #answer(): void {
    if (this.isDown) {
      throw new ArchiveUnreachable('http://user:secret@archive/dicom-web', 'connection refused', { transient: true });
    }
  }
}

/** The bundled models. */
export async function bundledModels(): Promise<readonly Model[]> {
  return (await listModels(readConfig({}).modelsDir)).models;
}

/** A real server with a real queue and a real engine process, on the pipeline and the archive that tests need. */
export async function startTestServer(
  dataDir: string,
  options: { environment?: Record<string, string> } & Partial<ServerOptions> = {},
): Promise<RunningServer> {
  const { environment = {}, archive = new FakeArchive(), ...rest } = options;
  return startServer({
    config: readConfig({
      HEPAR_PORT: '0',
      HEPAR_DATA: join(dataDir, 'data'),
      HEPAR_DICOMWEB_URL: 'http://127.0.0.1:1/dicom-web',
      ...environment,
    }),
    archive,
    logger: pino({ level: process.env.HEPAR_LOG_LEVEL ?? 'silent' }),
    engine: { pipeline: new URL('../jobs/fake-pipeline.ts', import.meta.url), graceMs: 500 },
    retryDelaySeconds: 1,
    ...rest,
  });
}

export function ask(
  url: string,
  seriesInstanceUID: string,
  more: object = {},
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${url}/api/segmentations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ studyInstanceUID: STUDY, seriesInstanceUID, ...more }),
  });
}

export async function json<T = SegmentationView>(response: Response | Promise<Response>): Promise<T> {
  return (await (await response).json()) as T;
}

/** Waits until a run is as it should be. @throws Error after `withinMs` */
export async function until(
  url: string,
  id: string,
  isSo: (run: SegmentationView) => boolean,
  withinMs = 90_000,
  headers: Record<string, string> = {},
): Promise<SegmentationView> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const run = await json(fetch(`${url}/api/segmentations/${id}`, { headers }));
    if (isSo(run)) return run;
    if (Date.now() > deadline) throw new Error(`the run stays ${JSON.stringify(run)}`);
    await sleep(30);
  }
}

export const isIn =
  (...states: SegmentationView['state'][]) =>
  (run: SegmentationView) =>
    states.includes(run.state);

export interface ServerSentEvent {
  readonly event: string;
  readonly id: string;
  readonly run: SegmentationView;
}

/** Reads a stream of server-sent events to its end. */
export async function readEvents(response: Response, onEvent: (event: ServerSentEvent) => void = () => {}) {
  const events: ServerSentEvent[] = [];
  let text = '';
  for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
    text += part;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = Object.fromEntries(
        text
          .slice(0, end)
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
      );
      text = text.slice(end + 2);
      if (fields.data === undefined) continue;
      const event = {
        event: fields.event ?? '',
        id: fields.id ?? '',
        run: JSON.parse(fields.data) as SegmentationView,
      };
      events.push(event);
      onEvent(event);
    }
  }
  return events;
}
