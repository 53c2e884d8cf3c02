import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningOrthanc, startOrthanc } from '../../server/src/cli/orthanc.ts';

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
