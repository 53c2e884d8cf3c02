import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Where Orthanc and its plugins are on this machine. */
export interface OrthancInstallation {
  readonly binary: string;
  readonly plugins: readonly string[];
}

/** An Orthanc that this process started and will stop. */
export interface RunningOrthanc {
  readonly url: string;
  readonly dicomWebUrl: string;
  readonly username: string;
  readonly password: string;
  /** Undefined while it runs; then its exit code or signal. */
  exited(): number | string | undefined;
  /** Asks it to stop, and kills it after ten seconds. */
  stop(): Promise<void>;
}

/** Orthanc is missing or does not start: one line that says what to do. */
export class OrthancError extends Error {
  override readonly name = 'OrthancError';
}

const CONFIGURATION = fileURLToPath(new URL('../../../orthanc/orthanc.json', import.meta.url));
const BINARY_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/orthanc', '/opt/homebrew/bin'];
const PLUGIN_FOLDERS = ['/usr/share/orthanc/plugins', '/usr/local/share/orthanc/plugins', '/usr/lib/orthanc'];
/** The script that tells the companion of what arrives; its address and secret are in Orthanc's configuration. */
export const WEBHOOK_SCRIPT = fileURLToPath(new URL('../../../orthanc/hepar.lua', import.meta.url));
const PLUGINS = { required: 'libOrthancDicomWeb', optional: 'libOrthancGdcm' };
const LIBRARY_SUFFIX = process.platform === 'darwin' ? '.dylib' : '.so';
const STARTS_WITHIN_MS = 30_000;
const STOPS_WITHIN_MS = 10_000;

/**
 * Looks for Orthanc on PATH and in the folders where distributions put it; HEPAR_ORTHANC names the binary itself.
 * @throws OrthancError when the binary or its DICOMweb plugin is not there
 */
export function findOrthanc(environment: NodeJS.ProcessEnv = process.env): OrthancInstallation {
  const folders = [...(environment.PATH ?? '').split(delimiter).filter(Boolean), ...BINARY_FOLDERS];
  const candidates = environment.HEPAR_ORTHANC
    ? [environment.HEPAR_ORTHANC]
    : folders.flatMap((folder) => [join(folder, 'Orthanc'), join(folder, 'orthanc')]);
  const binary = candidates.find((path) => existsSync(path));
  if (!binary) throw new OrthancError('Orthanc is not installed; install it with its DICOMweb and GDCM plugins.');
  const plugin = (name: string) =>
    [dirname(binary), join(dirname(binary), 'plugins'), ...PLUGIN_FOLDERS]
      .map((folder) => join(folder, name + LIBRARY_SUFFIX))
      .find((path) => existsSync(path));
  const dicomWeb = plugin(PLUGINS.required);
  if (!dicomWeb) throw new OrthancError(`Orthanc's DICOMweb plugin (${PLUGINS.required}) is not installed.`);
  const gdcm = plugin(PLUGINS.optional);
  return { binary, plugins: gdcm ? [dicomWeb, gdcm] : [dicomWeb] };
}

/** Whether `findOrthanc` finds one. */
export function isOrthancInstalled(): boolean {
  try {
    findOrthanc();
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts Orthanc as a child process on the loopback interface, with its data, password and log under `dataDir`.
 * `port` 0 takes a free one. `settings` are added to Orthanc's configuration, or take the place of what is there.
 * @throws OrthancError when it is not installed or does not answer in time
 */
export async function startOrthanc(options: {
  dataDir: string;
  port?: number;
  settings?: Readonly<Record<string, unknown>>;
}): Promise<RunningOrthanc> {
  const { dataDir, settings = {} } = options;
  const installation = findOrthanc();
  const configurationDir = join(dataDir, 'configuration');
  await mkdir(configurationDir, { recursive: true });
  await stopStale(dataDir, configurationDir);
  const port = options.port || (await freePort());
  const credentials = await readOrMakeCredentials(dataDir);
  await writeFile(join(configurationDir, '00-hepar.json'), await usualConfiguration(settings));
  const machine = {
    HttpPort: port,
    StorageDirectory: join(dataDir, 'storage'),
    IndexDirectory: join(dataDir, 'storage'),
    TemporaryDirectory: await makeFolder(join(dataDir, 'temporary')),
    RegisteredUsers: { [credentials.username]: credentials.password },
    Plugins: installation.plugins,
    ...settings,
  };
  await writeFile(join(configurationDir, '10-machine.json'), JSON.stringify(machine, null, 2), { mode: 0o600 });

  const logFile = join(dataDir, 'orthanc.log');
  const log = await open(logFile, 'w');
  // A process group of its own: Ctrl-C on the terminal must not stop the archive before the server has let go of it.
  const child = spawn(installation.binary, [configurationDir], {
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
  });
  await log.close();
  let exit: number | string | undefined;
  child.once('exit', (code, signal) => {
    exit = code ?? signal ?? 'unknown';
  });
  child.once('error', () => {
    exit ??= 'not started';
  });
  if (child.pid) await writeFile(join(dataDir, 'pid'), `${child.pid} ${process.pid}`);
  const url = `http://127.0.0.1:${port}`;
  const running: RunningOrthanc = {
    url,
    dicomWebUrl: `${url}/dicom-web`,
    ...credentials,
    exited: () => exit,
    stop: async () => {
      await stopChild(child, () => exit !== undefined);
      await rm(join(dataDir, 'pid'), { force: true });
    },
  };
  await untilReady(running, logFile);
  return running;
}

/** The configuration that ships, without what has been decided otherwise: Orthanc refuses to be told a thing twice. */
async function usualConfiguration(settings: Readonly<Record<string, unknown>>): Promise<string> {
  const text = await readFile(CONFIGURATION, 'utf8');
  // Its comments, which JSON has none of, stand on lines of their own.
  const usual = JSON.parse(text.replace(/^\s*\/\/.*$/gm, '')) as Record<string, unknown>;
  const kept = Object.entries(usual).filter(([section]) => !(section in settings));
  return JSON.stringify(Object.fromEntries(kept), null, 2);
}

async function untilReady(orthanc: RunningOrthanc, logFile: string): Promise<void> {
  const authorization = `Basic ${Buffer.from(`${orthanc.username}:${orthanc.password}`).toString('base64')}`;
  const deadline = Date.now() + STARTS_WITHIN_MS;
  while (Date.now() < deadline && orthanc.exited() === undefined) {
    const answer = await fetch(`${orthanc.url}/system`, { headers: { authorization } }).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    await sleep(50);
  }
  const exit = orthanc.exited();
  await orthanc.stop();
  const what = exit === undefined ? `did not answer within ${STARTS_WITHIN_MS / 1000} s` : `ended at once (${exit})`;
  throw new OrthancError(`Orthanc ${what}; its log is ${logFile}`);
}

async function stopChild(child: ChildProcess, hasExited: () => boolean): Promise<void> {
  if (hasExited()) return;
  child.kill('SIGTERM');
  for (let waited = 0; waited < STOPS_WITHIN_MS && !hasExited(); waited += 50) await sleep(50);
  if (!hasExited()) child.kill('SIGKILL');
}

/**
 * An Orthanc of ours whose server was killed still holds the database: it is stopped first. One whose server lives is
 * left alone.
 * @throws OrthancError when another process is using the same data
 */
async function stopStale(dataDir: string, configurationDir: string): Promise<void> {
  const [pid = 0, owner = 0] = (await readFile(join(dataDir, 'pid'), 'utf8').catch(() => '')).split(' ').map(Number);
  if (!pid) return;
  const isOurs = async () =>
    (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0').includes(configurationDir);
  if (!(await isOurs())) return;
  // When its parent ends, a process is given another one.
  if ((await parentOf(pid)) === owner) {
    throw new OrthancError(`Hepar is already running on ${dirname(dataDir)} (process ${owner}).`);
  }
  process.kill(pid, 'SIGTERM');
  for (let waited = 0; waited < STOPS_WITHIN_MS && (await isOurs()); waited += 50) await sleep(50);
  if (await isOurs()) process.kill(pid, 'SIGKILL');
}

async function parentOf(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const parent = /^PPid:\s+(\d+)$/m.exec(status)?.[1];
  return parent === undefined ? null : Number(parent);
}

/** The name and password that Orthanc asks for: made once, and kept where only the owner can read them. */
export async function readOrMakeCredentials(dataDir: string): Promise<{ username: string; password: string }> {
  const file = join(await makeFolder(dataDir), 'credentials.json');
  const kept = await readFile(file, 'utf8').catch(() => null);
  if (kept !== null) {
    const { username, password } = JSON.parse(kept) as { username: string; password: string };
    return { username, password };
  }
  const made = { username: 'hepar', password: randomBytes(24).toString('base64url') };
  await writeFile(file, JSON.stringify(made), { mode: 0o600 });
  await chmod(file, 0o600);
  return made;
}

async function makeFolder(path: string): Promise<string> {
  await mkdir(path, { recursive: true });
  return path;
}

/** A TCP port of the loopback interface that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
