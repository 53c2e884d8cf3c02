import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { OrthancError, type RunningOrthanc, readOrMakeCredentials } from './orthanc.ts';

const run = promisify(execFile);
const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
const USUAL_PORT = 8042;

/** Whether a Docker engine answers. */
export async function hasDockerEngine(): Promise<boolean> {
  return run('docker', ['info']).then(
    () => true,
    () => false,
  );
}

/**
 * Starts the Orthanc of docker-compose.yml, for machines that have a Docker engine and no Orthanc. Its data stay in
 * Docker's volume; `port` is published on the loopback interface.
 * @throws OrthancError when the engine does not start it
 */
export async function startOrthancContainer(options: { dataDir: string; port?: number }): Promise<RunningOrthanc> {
  const credentials = await readOrMakeCredentials(options.dataDir);
  const port = options.port || USUAL_PORT;
  const compose = (...args: string[]) =>
    run('docker', ['compose', '--project-directory', PROJECT, ...args], {
      env: {
        ...process.env,
        HEPAR_ARCHIVE_PASSWORD: credentials.password,
        HEPAR_ORTHANC_PORT: String(port),
        // The companion's own variable; it is not started here, but the file is read as a whole.
        HEPAR_TOKEN: 'unused-unused-unused',
      },
    });
  try {
    await compose('up', '--detach', '--wait', 'orthanc');
  } catch (error) {
    const reason = (error as { stderr?: string }).stderr?.trim().split('\n').at(-1) ?? (error as Error).message;
    throw new OrthancError(`Docker could not start Orthanc: ${reason}`);
  }
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    dicomWebUrl: `${url}/dicom-web`,
    ...credentials,
    exited: () => undefined,
    stop: async () => {
      await compose('stop', 'orthanc');
    },
  };
}
