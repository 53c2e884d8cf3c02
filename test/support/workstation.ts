import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findOrthanc, freePort } from '../../server/src/cli/orthanc.ts';

/** Another archive, which takes C-STORE and STOW-RS from everybody on this machine. */
export interface Workstation {
  readonly dicomPort: number;
  readonly url: string;
  start(): Promise<void>;
  /** Series Instance UIDs of what it has. */
  series(): Promise<string[]>;
  stop(): Promise<void>;
}

/** An address for it; it does not answer before it is started. */
export async function provideWorkstation(): Promise<Workstation> {
  const dir = await mkdtemp(join(tmpdir(), 'hepar-workstation-'));
  const [httpPort, dicomPort] = [await freePort(), await freePort()];
  const { binary, plugins } = findOrthanc();
  const url = `http://127.0.0.1:${httpPort}`;
  const configuration = {
    Name: 'Workstation',
    HttpPort: httpPort,
    DicomPort: dicomPort,
    DicomAet: 'WORKSTATION',
    DicomAlwaysAllowStore: true,
    RemoteAccessAllowed: false,
    AuthenticationEnabled: false,
    StorageDirectory: join(dir, 'storage'),
    IndexDirectory: join(dir, 'storage'),
    Plugins: plugins,
    DicomWeb: { Enable: true },
  };
  const file = join(dir, 'orthanc.json');
  await writeFile(file, JSON.stringify(configuration));
  let end = async () => {};
  return {
    dicomPort,
    url,
    start: async () => {
      const child = spawn(binary, [file], { stdio: 'ignore' });
      const exited = once(child, 'exit');
      end = async () => {
        child.kill('SIGTERM');
        await exited;
      };
      while (!(await fetch(`${url}/system`).catch(() => null))?.ok) await sleep(50);
    },
    series: async () => {
      const found = (await (await fetch(`${url}/series?expand`)).json()) as {
        MainDicomTags: { SeriesInstanceUID: string };
      }[];
      return found.map(({ MainDicomTags }) => MainDicomTags.SeriesInstanceUID);
    },
    stop: async () => {
      await end();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
