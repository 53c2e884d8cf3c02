import { deepStrictEqual, match, ok, strictEqual } from 'node:assert';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startOrthanc } from '../../server/src/cli/orthanc.ts';
import { startOrthancContainer } from '../../server/src/cli/orthanc-container.ts';

/** The viewer that the set-up of the tests has fetched. */
const VIEWER = join(process.cwd(), '.data', 'viewer');

/** `npm start` without npm around it, with a data folder of its own. */
function start(dataDir: string): { child: ChildProcess; output: () => string; until: (what: RegExp) => Promise<void> } {
  const child = spawn(process.execPath, ['scripts/setup.mjs', 'start'], {
    env: { ...process.env, HEPAR_DATA: dataDir, HEPAR_PORT: '0', HEPAR_DICOMWEB_URL: '', HEPAR_VIEWER: VIEWER },
  });
  let output = '';
  let heard = () => {};
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output += data;
      heard();
    });
  }
  const until = (what: RegExp) =>
    new Promise<void>((resolve, reject) => {
      heard = () => {
        if (what.test(output)) resolve();
      };
      child.once('exit', (code) => reject(new Error(`ended with ${code}:\n${output}`)));
      heard();
    });
  return { child, output: () => output, until };
}

describe('npm start', function () {
  this.timeout(300_000);
  let dataDir: string;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hepar-start-'));
  });
  after(() => rm(dataDir, { recursive: true, force: true }));

  it('segments the sample as well as it promises, says so, and stops all that it started', async () => {
    const { child, output, until } = start(dataDir);
    await until(/Ctrl-C stops it/);
    const dice = Number(/liver Dice ([\d.]+)/.exec(output())?.[1]);
    ok(dice >= 0.9, output());
    match(output(), /lesion 1: 38 mm, [\d.]+ ml in truth; found, [\d.]+ ml/);
    match(output(), /Hepar is running at http:\/\/127\.0\.0\.1:\d+/);
    match(output(), /The sample in the viewer: http:\S+\/liver-lesions\?StudyInstanceUIDs=[\d.]+/);
    match(output(), /Research use only/);

    const url = /running at (http:\S+)/.exec(output())![1]!;
    strictEqual((await fetch(`${url}/readyz`)).status, 200);
    const credentials = await stat(join(dataDir, 'orthanc', 'credentials.json'));
    strictEqual(credentials.mode & 0o777, 0o600);
    const [orthancPid] = (await readFile(join(dataDir, 'orthanc', 'pid'), 'utf8')).split(' ');

    const second = start(dataDir);
    strictEqual((await once(second.child, 'exit'))[0], 1);
    match(second.output(), /Hepar is already running on \S+ \(process \d+\)\./);
    strictEqual((await fetch(`${url}/readyz`)).status, 200, 'a second start leaves the first one alone');

    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    strictEqual(code, 0, output());
    strictEqual(existsSync(`/proc/${orthancPid}`), false);
    await fetch(`${url}/healthz`).then(
      () => ok(false, 'the server still answers'),
      () => {},
    );
  });

  it('takes up again where it was: the sample is neither made nor segmented twice', async () => {
    const { child, output, until } = start(dataDir);
    await until(/Ctrl-C stops it/);
    strictEqual(output().includes('Making a sample'), false);
    strictEqual(/segment \d+%/.test(output()), false, output());
    match(output(), /liver Dice/);
    child.kill('SIGINT');
    strictEqual((await once(child, 'exit'))[0], 0);
  });
});

describe('Orthanc as a child', () => {
  it('is stopped when it outlived its server, so that the next start has the archive again', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'hepar-stale-'));
    try {
      const start = `import { startOrthanc } from './server/src/cli/orthanc.ts';
        const { url } = await startOrthanc({ dataDir: ${JSON.stringify(dataDir)} });
        console.log(url);
        process.kill(process.pid, 'SIGKILL');`;
      const killed = spawn(process.execPath, ['--input-type=module', '--eval', start]);
      let url = '';
      killed.stdout.on('data', (data) => {
        url += data;
      });
      await once(killed, 'exit');
      strictEqual((await fetch(url.trim())).status, 401, 'it outlived its server');
      const orthanc = await startOrthanc({ dataDir });
      await orthanc.stop();
      await fetch(url.trim()).then(
        () => ok(false, 'the stale one still answers'),
        () => {},
      );
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});

describe('Orthanc in a container', () => {
  it('is started and stopped through the compose file, on the port and with the password of this installation', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hepar-docker-'));
    const { PATH } = process.env;
    try {
      // Stands for Docker: writes down how it was called.
      await mkdir(join(dir, 'bin'));
      const docker = join(dir, 'bin', 'docker');
      await writeFile(docker, `#!/bin/sh\necho "$HEPAR_ORTHANC_PORT $HEPAR_ARCHIVE_PASSWORD $@" >> '${dir}/calls'\n`);
      await chmod(docker, 0o755);
      process.env.PATH = `${join(dir, 'bin')}:${PATH}`;
      const port = await freePort();
      const orthanc = await startOrthancContainer({ dataDir: join(dir, 'orthanc'), port });
      strictEqual(orthanc.dicomWebUrl, `http://127.0.0.1:${port}/dicom-web`);
      await orthanc.stop();
      const calls = (await readFile(join(dir, 'calls'), 'utf8')).trim().split('\n');
      const prefix = `${port} ${orthanc.password} compose --project-directory ${process.cwd()}/`;
      deepStrictEqual(calls, [`${prefix} up --detach --wait orthanc`, `${prefix} stop orthanc`]);
    } finally {
      process.env.PATH = PATH;
      await rm(dir, { recursive: true, force: true });
    }
  });
});
