import { existsSync, readdirSync } from 'node:fs';
import { installDebianPackages, mayInstallDebianPackages, stopService } from './debian.mjs';
import { findProgram, say, succeeds } from './run.mjs';

/**
 * Readers that no one here wrote, for the conformance tests, a browser for the viewer's, and the trainer's libraries:
 * Debian package and its sign.
 */
const PROGRAMS = {
  dcmtk: 'dcmdump',
  dicom3tools: 'dciodvfy',
  'libgdcm-tools': 'gdcmconv',
  'docker-compose': 'docker-compose',
  chromium: 'chromium',
  faketime: 'faketime',
};
const PYTHON_MODULES = {
  'python3-pydicom': 'pydicom',
  'python3-gdcm': 'gdcm',
  'python3-numpy': 'numpy',
  'python3-scipy': 'scipy',
  'python3-torch': 'torch',
  'python3-onnx': 'onnx',
  'python3-matplotlib': 'matplotlib',
  'python3-nibabel': 'nibabel',
  'python3-yaml': 'yaml',
};

/** Orthanc's plugin for scripts in Python, for the test of ours. */
const ORTHANC_PYTHON = '/usr/share/orthanc/plugins/libOrthancPython.so';

/** Installs what the tests compare with. Where that is not allowed, those tests are skipped and counted as skipped. */
export async function installTestTools() {
  const missing = [
    ...Object.entries(PROGRAMS).filter(([, program]) => !findProgram(program)),
    ...Object.entries(PYTHON_MODULES).filter(([, module]) => !hasPythonModule(module)),
    ...(hasPostgreSql() ? [] : [['postgresql']]),
    ...(existsSync(ORTHANC_PYTHON) ? [] : [['orthanc-python']]),
    ...(hasVulkan() ? [] : [['libvulkan1']]),
  ].map(([name]) => name);
  if (missing.length === 0) return;
  if (mayInstallDebianPackages()) {
    await installDebianPackages(missing);
    if (missing.includes('postgresql')) await stopService('postgresql');
  } else say(`tests that need these will be skipped: ${missing.join(', ')}`);
}

function hasPythonModule(name) {
  const find = `import importlib.util, sys; sys.exit(importlib.util.find_spec('${name}') is None)`;
  return succeeds('/usr/bin/python3', ['-c', find]);
}

/** Debian keeps the server's programs off the PATH. */
function hasPostgreSql() {
  const folder = '/usr/lib/postgresql';
  return existsSync(folder) && readdirSync(folder).some((version) => existsSync(`${folder}/${version}/bin/initdb`));
}

/** With Chromium's driver in software it stands in for a GPU. */
function hasVulkan() {
  const folders = readdirSync('/usr/lib').filter((name) => name.endsWith('-linux-gnu'));
  return folders.some((name) => existsSync(`/usr/lib/${name}/libvulkan.so.1`));
}
