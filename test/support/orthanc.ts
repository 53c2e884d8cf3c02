import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningOrthanc, startOrthanc } from '../../server/src/cli/orthanc.ts';
import { type Archive, createArchive } from '../../server/src/dicomweb/archive.ts';

/** A real Orthanc with an empty archive on a free loopback port; `stop` also removes its data. */
export async function startTestOrthanc(settings: Record<string, unknown> = {}): Promise<RunningOrthanc> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hepar-orthanc-'));
  try {
    const orthanc = await startOrthanc({ dataDir, settings });
    return {
      ...orthanc,
      stop: async () => {
        await orthanc.stop();
        await rm(dataDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
}

/** Does something with its archive, as another program would. */
export async function withArchive<T>(
  { dicomWebUrl: url, username, password }: Pick<RunningOrthanc, 'dicomWebUrl' | 'username' | 'password'>,
  work: (archive: Archive) => Promise<T>,
): Promise<T> {
  const archive = createArchive({ url, username, password });
  try {
    return await work(archive);
  } finally {
    archive.close();
  }
}
