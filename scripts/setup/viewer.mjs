import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, ROOT, run, SetupError, succeeds } from './run.mjs';

/** The prebuilt OHIF viewer, MIT licence. A new version goes together with its hash (`npm view @ohif/app@VERSION dist`). */
const OHIF = {
  name: '@ohif/app',
  version: '3.13.2',
  sha512: 'WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA==',
};
/** Three quarters of the package: AI tools in the browser, a microscopy viewer, source maps, and its own configurations. */
const NOT_USED = [
  'dist/ort',
  'dist/dicom-microscopy-viewer',
  '*.map',
  'dist/app-config.js',
  'dist/google.js',
  'dist/sw.js',
];

/**
 * Unpacks the viewer into the data folder, once for each version. HEPAR_VIEWER=off leaves it out; any other value is a
 * folder where the user keeps a viewer.
 * @throws SetupError
 */
export async function installViewer() {
  if (process.env.HEPAR_VIEWER) return;
  const dataDir = process.env.HEPAR_DATA || join(ROOT, '.data');
  const dir = join(dataDir, 'viewer');
  const stamp = join(dir, 'version');
  const wanted = `${OHIF.version} ${OHIF.sha512} without ${NOT_USED.join(' ')}\n`;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const npm = findProgram(process.platform === 'win32' ? 'npm.cmd' : 'npm');
  if (!npm) throw new SetupError('npm is not on the PATH; install Node.js 18 or later with npm.');
  if (!succeeds('tar', ['--version']))
    throw new SetupError('tar is needed to unpack the viewer; or set HEPAR_VIEWER=off.');

  // Of its own for each process: two set-ups at once must not unpack into one another.
  const fresh = join(dataDir, `viewer-${process.pid}`);
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  try {
    const pack = ['pack', `${OHIF.name}@${OHIF.version}`, '--pack-destination', fresh, '--loglevel=error'];
    await run(`fetching the OHIF viewer ${OHIF.version}`, npm, pack);
    const archive = join(fresh, `${OHIF.name.slice(1).replace('/', '-')}-${OHIF.version}.tgz`);
    const sha512 = createHash('sha512').update(readFileSync(archive)).digest('base64');
    if (sha512 !== OHIF.sha512) throw new SetupError(`the OHIF viewer ${OHIF.version} is not the one that was pinned.`);
    const excludes = NOT_USED.map((pattern) => `--exclude=${pattern.startsWith('*') ? pattern : `package/${pattern}`}`);
    await run('unpacking it', 'tar', [
      '-xzf',
      archive,
      '-C',
      fresh,
      '--strip-components=2',
      ...excludes,
      'package/dist',
    ]);
    rmSync(archive);
    writeFileSync(join(fresh, 'version'), wanted);
    rmSync(dir, { recursive: true, force: true });
    renameSync(fresh, dir);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
