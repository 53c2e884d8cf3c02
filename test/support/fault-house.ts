import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort, type RunningOrthanc, startOrthanc } from '../../server/src/cli/orthanc.ts';
import { type Archive, createArchive } from '../../server/src/dicomweb/archive.ts';
import type { SegmentationView } from '../../server/src/http/contract.ts';
import { readSeg } from '../../server/src/reports/read-seg.ts';
import { json } from '../unit/http/support.ts';
import { COARSE, writeTinyModel } from '../unit/inference/tiny-model.ts';
import { provideQueue } from './data-dir.ts';
import { type FaultyArchive, startFaultyArchive } from './faulty-archive.ts';
import { type SmallStudy, smallStudies } from './small-studies.ts';

const PROCESS = fileURLToPath(new URL('./held-process.ts', import.meta.url));
const HOLD_MS = 300;

/** A companion or a worker in a process of its own. */
export interface HouseProcess {
  readonly url: string;
  readonly child: ChildProcess;
  output(): string;
  end(signal: NodeJS.Signals): Promise<void>;
}

/** What became of a study: how its run ended, and what the archive has of it. */
export interface Outcome {
  readonly state: SegmentationView['state'];
  readonly segs: number;
  /** Whether each of them can be read to its end and belongs to the series. */
  readonly whole: boolean;
}

/** A real Orthanc behind a door that can fail, a model that takes no time, and processes that can be killed. */
export class FaultHouse {
  readonly dir: string;
  readonly faulty: FaultyArchive;
  readonly archive: Archive;
  readonly #processes = new Set<HouseProcess>();
  readonly #port: number;
  readonly #studies: Generator<SmallStudy>;
  #orthanc: RunningOrthanc;

  /**
   * @param attributes of the patients and studies, by keyword
   * @param settings of Orthanc
   */
  static async open(
    attributes: Readonly<Record<string, unknown>> = {},
    settings: Readonly<Record<string, unknown>> = {},
  ): Promise<FaultHouse> {
    const dir = await mkdtemp(join(tmpdir(), 'hepar-faults-'));
    await writeTinyModel(join(dir, 'models', 'tiny'), COARSE);
    const port = await freePort();
    const orthanc = await startOrthanc({ dataDir: join(dir, 'orthanc'), port, settings });
    return new FaultHouse(dir, port, orthanc, await startFaultyArchive(orthanc.dicomWebUrl), attributes);
  }

  private constructor(
    dir: string,
    port: number,
    orthanc: RunningOrthanc,
    faulty: FaultyArchive,
    attributes: Readonly<Record<string, unknown>>,
  ) {
    this.#studies = smallStudies(10_000, attributes);
    this.dir = dir;
    this.#port = port;
    this.#orthanc = orthanc;
    this.faulty = faulty;
    const { dicomWebUrl: url, username, password } = orthanc;
    this.archive = createArchive({ url, username, password });
  }

  get orthanc(): RunningOrthanc {
    return this.#orthanc;
  }

  /** Starts a companion or a worker, with a data folder of its own of that name. */
  async start(
    kind: 'companion' | 'worker',
    name: string,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<HouseProcess> {
    const dataDir = environment.HEPAR_DATA ?? join(this.dir, name);
    const isFresh = !(await readFile(join(dataDir, 'queue', 'lock')).then(
      () => true,
      () => false,
    ));
    if (kind === 'companion' && isFresh && !environment.DATABASE_URL) await provideQueue(dataDir);
    const child = spawn(process.execPath, [PROCESS, kind], {
      env: {
        ...process.env,
        HEPAR_HOST: '127.0.0.1',
        HEPAR_PORT: '0',
        HEPAR_VIEWER: 'off',
        HEPAR_DATA: dataDir,
        HEPAR_MODELS: join(this.dir, 'models'),
        HEPAR_DICOMWEB_URL: this.faulty.url,
        HEPAR_DICOMWEB_USERNAME: this.#orthanc.username,
        HEPAR_DICOMWEB_PASSWORD: this.#orthanc.password,
        HEPAR_LOG_LEVEL: 'info',
        HEPAR_RETRY_SECONDS: '1',
        HEPAR_HEARTBEAT_SECONDS: '10',
        HEPAR_THREADS: '1',
        HEPAR_WORKER_NAME: name,
        HEPAR_TEST_HOLD_MS: String(HOLD_MS),
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const lines: string[] = [];
    const closed = once(child, 'close');
    const url = await new Promise<string>((resolve, reject) => {
      for (const stream of [child.stdout!, child.stderr!]) {
        createInterface({ input: stream }).on('line', (line) => {
          lines.push(line);
          const [, found] = /"url":"([^"]+)".*"msg":"(?:listening|worker ready)"/.exec(line) ?? [];
          if (found) resolve(found);
        });
      }
      child.once('close', (code) => reject(new Error(`${name} ended with ${code}: ${lines.join('\n')}`)));
    });
    const started: HouseProcess = {
      url,
      child,
      output: () => lines.join('\n'),
      end: async (signal) => {
        this.#processes.delete(started);
        child.kill(signal);
        await closed;
      },
    };
    this.#processes.add(started);
    return started;
  }

  /** Puts a new study into the archive. */
  async newStudy(): Promise<SmallStudy> {
    const study = this.#studies.next().value!;
    await this.archive.store(study.files, study.studyInstanceUid);
    return study;
  }

  /** Asks for a study, as a click does. @returns the run's id */
  async ask(url: string, { studyInstanceUid, seriesInstanceUid }: SmallStudy): Promise<string> {
    const answer = await fetch(`${url}/api/segmentations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ studyInstanceUID: studyInstanceUid, seriesInstanceUID: seriesInstanceUid }),
    });
    if (!answer.ok) throw new Error(`asked in vain: ${answer.status} ${await answer.text()}`);
    return (await json(answer)).id;
  }

  /** Waits until a run is as it should be; answers that do not come are asked for again. */
  async until(
    url: string,
    id: string,
    isSo: (run: SegmentationView) => boolean,
    withinMs = 240_000,
  ): Promise<SegmentationView> {
    const deadline = performance.now() + withinMs;
    let last: unknown;
    for (;;) {
      try {
        const run = await json(fetch(`${url}/api/segmentations/${id}`));
        last = run;
        if (run.state && isSo(run)) return run;
      } catch (error) {
        last = error;
      }
      if (performance.now() > deadline) throw new Error(`the run stays ${JSON.stringify(last)}`);
      await sleep(25);
    }
  }

  /** Kills the archive, and starts it again on the same data when `meanwhile` is over. */
  async crashOrthanc(meanwhile: () => Promise<void>): Promise<void> {
    const [pid] = (await readFile(join(this.dir, 'orthanc', 'pid'), 'utf8')).split(' ');
    process.kill(Number(pid), 'SIGKILL');
    while (this.#orthanc.exited() === undefined) await sleep(10);
    await meanwhile();
    this.#orthanc = await startOrthanc({ dataDir: join(this.dir, 'orthanc'), port: this.#port });
  }

  /** What the archive holds of a study besides the CT. */
  async outcomeOf(
    { studyInstanceUid, seriesInstanceUid, files }: SmallStudy,
    state: Outcome['state'],
  ): Promise<Outcome> {
    const series = await this.archive.findSeries(studyInstanceUid);
    let segs = 0;
    let whole = true;
    for (const each of series.filter(({ modality }) => modality === 'SEG')) {
      for await (const file of this.archive.retrieveSeries(studyInstanceUid, each.seriesInstanceUid)) {
        segs++;
        const seg = readSeg(file);
        whole &&= seg.frames.length > 0 && seg.frames.length <= files.length * seg.segments.length;
        whole &&=
          new Set(seg.frames.map(({ segmentNumber, positionMm }) => `${segmentNumber} at ${positionMm}`)).size ===
          seg.frames.length;
        whole &&= Buffer.from(file).includes(seriesInstanceUid);
      }
    }
    return { state, segs, whole };
  }

  async close(): Promise<void> {
    for (const each of [...this.#processes]) await each.end('SIGKILL');
    this.archive.close();
    await this.faulty.close();
    await this.#orthanc.stop();
    await rm(this.dir, { recursive: true, force: true });
  }
}
