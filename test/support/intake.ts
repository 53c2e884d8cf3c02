import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningOrthanc } from '../../server/src/cli/orthanc.ts';
import { type Archive, createArchive } from '../../server/src/dicomweb/archive.ts';
import type { SegmentationView } from '../../server/src/http/contract.ts';
import type { RunningServer, ServerOptions } from '../../server/src/server.ts';
import { json, startTestServer } from '../unit/http/support.ts';
import { provideQueue } from './data-dir.ts';
import { smallDicomFile } from './small-dicom.ts';

export const SECRET = 'a secret of the webhook'.replaceAll(' ', '-');
/** Takes whatever can be segmented. */
export const ANY_CT = 'rules: [{name: any, when: {ageDays: {atLeast: 0}}}]';

/** A CT series that looks suitable and has no pixels: enough for everything before the engine. */
export function smallSeries(study: string, series: string, slices = 12, description = 'portal venous'): Uint8Array[] {
  return Array.from({ length: slices }, (_, index) =>
    smallDicomFile({
      sopInstanceUid: `${series}.${index + 1}`,
      studyUid: study,
      seriesUid: series,
      description,
      instanceNumber: index + 1,
    }),
  );
}

/** A companion that follows a real Orthanc, with the pipeline that computes nothing. */
export interface Companion extends RunningServer {
  runs(study?: string): Promise<SegmentationView[]>;
}

export interface Automation {
  readonly archive: Archive;
  readonly rulesFile: string;
  start(environment?: Record<string, string>, more?: Partial<ServerOptions>): Promise<Companion>;
  stop(): Promise<void>;
}

/** What companions of one Orthanc need; they share a data folder. */
export async function provideAutomation(orthanc: RunningOrthanc, rules = ANY_CT): Promise<Automation> {
  const dir = await mkdtemp(join(tmpdir(), 'hepar-intake-'));
  await provideQueue(join(dir, 'data'));
  const rulesFile = join(dir, 'rules.yaml');
  await writeFile(rulesFile, rules);
  const { dicomWebUrl: url, username, password } = orthanc;
  const address = { url, username, password };
  const archive = createArchive(address);
  return {
    archive,
    rulesFile,
    start: async (environment = {}, more = {}) => {
      const server = await startTestServer(dir, {
        environment: {
          HEPAR_DICOMWEB_URL: url,
          HEPAR_DICOMWEB_USERNAME: username,
          HEPAR_DICOMWEB_PASSWORD: password,
          HEPAR_ORTHANC_URL: orthanc.url,
          HEPAR_RULES: rulesFile,
          HEPAR_WEBHOOK_SECRET: SECRET,
          HEPAR_INTAKE_SECONDS: '1',
          HEPAR_VIEWER: 'off',
          ...environment,
        },
        archive: createArchive({ ...address, retry: { tries: 1 } }),
        ...more,
      });
      return {
        ...server,
        runs: (study) => json(fetch(`${server.url}/api/segmentations${study ? `?study=${study}` : ''}`)),
      };
    },
    stop: async () => {
      archive.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Waits until something is there. @throws Error after a minute and a half */
export async function eventually<T>(look: () => Promise<T>, isThere: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + 90_000;
  for (;;) {
    const value = await look();
    if (isThere(value)) return value;
    if (Date.now() > deadline) throw new Error(`it stays ${JSON.stringify(value)}`);
    await sleep(50);
  }
}
