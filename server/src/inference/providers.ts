import { execFile } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { listSupportedBackends } from 'onnxruntime-node';
import { PROVIDERS, type Provider } from './segmentation.ts';

/** How onnxruntime-node calls those whose name is another there. */
const BACKENDS: Partial<Record<Provider, string>> = { directml: 'dml' };
/** Where ONNX Runtime has a provider at all. */
const PLATFORMS: Partial<Record<Provider, readonly string[]>> = {
  cuda: ['linux', 'win32'],
  directml: ['win32'],
  coreml: ['darwin'],
};

/** The providers that there are for a platform, fastest first as a rule. */
export function providersFor(platform: string = process.platform): readonly Provider[] {
  return PROVIDERS.filter((provider) => PLATFORMS[provider]?.includes(platform) ?? true);
}

/** The providers whose libraries are installed; whether one runs shows only on a run. */
export function installedProviders(): readonly Provider[] {
  const backends = listSupportedBackends();
  return providersFor().filter((provider) => {
    const backend = backends.find(({ name }) => name === (BACKENDS[provider] ?? provider));
    return backend !== undefined && (backend.bundled || hasProviderLibrary(provider));
  });
}

/**
 * The installed providers that can be expected to be worth a try: WebGPU runs on a software rasteriser too, a hundred
 * times slower than the CPU provider, so it counts where the system shows a GPU.
 */
export function worthTrying(): readonly Provider[] {
  return installedProviders().filter((provider) => provider !== 'webgpu' || hasGpu());
}

function hasGpu(): boolean {
  if (process.platform !== 'linux') return true;
  // Direct Rendering Manager, NVIDIA's own driver, and WSL's way to the host's.
  return globSync('/dev/dri/renderD*').length > 0 || ['/dev/nvidia0', '/dev/dxg'].some((path) => existsSync(path));
}

/** onnxruntime-node fetches some providers apart; without their library it writes to standard error when asked for one. */
function hasProviderLibrary(provider: Provider): boolean {
  const packageDir = fileURLToPath(new URL('..', import.meta.resolve('onnxruntime-node')));
  const library = `bin/*/${process.platform}/${process.arch}/*onnxruntime_providers_${provider}.{so,dll}`;
  return globSync(library, { cwd: packageDir }).length > 0;
}

/** What a provider computes on, for people. */
export async function deviceName(provider: Provider, threads: number, device = 0): Promise<string> {
  switch (provider) {
    case 'cpu':
      return `CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
    case 'webgpu':
      return 'WebGPU adapter';
    case 'directml':
      return `DirectML device ${device}`;
    case 'coreml':
      return 'Core ML';
    case 'cuda':
      try {
        const query = ['--query-gpu=name', '--format=csv,noheader', `--id=${device}`];
        return (await promisify(execFile)('nvidia-smi', query, { timeout: 5000 })).stdout.trim();
      } catch {
        return `NVIDIA GPU ${device}`;
      }
  }
}
