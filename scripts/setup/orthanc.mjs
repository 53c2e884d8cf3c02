import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { installDebianPackages, mayInstallDebianPackages, stopService } from './debian.mjs';
import { findProgram, SetupError, succeeds } from './run.mjs';

const PACKAGES = ['orthanc', 'orthanc-dicomweb', 'orthanc-gdcm'];
const PLUGIN_FOLDERS = ['/usr/share/orthanc/plugins', '/usr/local/share/orthanc/plugins', '/usr/lib/orthanc'];

/**
 * Sees to it that an archive can be started: none is needed when HEPAR_DICOMWEB_URL names one; else Orthanc with its
 * DICOMweb plugin on this machine, else Debian's packages, else a container.
 * @throws SetupError that says what to install
 */
export async function installOrthanc() {
  if (process.env.HEPAR_DICOMWEB_URL || isInstalled()) return;
  if (mayInstallDebianPackages()) {
    await installDebianPackages(PACKAGES);
    await stopService('orthanc');
    if (isInstalled()) return;
  }
  // Without it, the companion starts the Orthanc of docker-compose.yml.
  const docker = findProgram('docker', 'docker.exe');
  if (docker && succeeds(docker, ['info'])) return;
  throw new SetupError(
    `Orthanc with its DICOMweb and GDCM plugins is missing: install it (Debian, Ubuntu: apt-get install ${PACKAGES.join(' ')}) or set HEPAR_DICOMWEB_URL to your archive.`,
  );
}

function isInstalled() {
  const binary = process.env.HEPAR_ORTHANC ?? findProgram('Orthanc', 'orthanc');
  if (!binary || !existsSync(binary)) return false;
  return [dirname(binary), join(dirname(binary), 'plugins'), ...PLUGIN_FOLDERS].some((folder) =>
    ['.so', '.dylib'].some((suffix) => existsSync(join(folder, `libOrthancDicomWeb${suffix}`))),
  );
}
