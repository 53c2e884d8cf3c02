import type { Provider } from './segmentation.ts';

/** Why a provider does not run, as far as its error tells. */
export type Cause = 'library missing' | 'driver too old' | 'no device' | 'out of memory' | 'wrong numbers' | 'other';

/** What the runtimes, drivers and loaders say, in the order in which it is looked for. */
const SIGNS: readonly (readonly [Cause, RegExp])[] = [
  ['wrong numbers', /wrong numbers/],
  [
    'driver too old',
    /driver version is insufficient|CUDA failure 35\b|cudaErrorInsufficientDriver|unsupported toolchain/i,
  ],
  [
    'out of memory',
    /out of memory|failed to allocate|bad_alloc|CUDA failure 2\b|cudaErrorMemoryAllocation|ALLOC_FAILED|E_OUTOFMEMORY/i,
  ],
  [
    'no device',
    /no CUDA-capable device|CUDA failure 100\b|invalid device ordinal|CUDA failure 101\b|no adapter|failed to get (a|an)? ?(WebGPU )?adapter|no suitable (graphics )?adapter|device not found|DXGI_ERROR_NOT_FOUND/i,
  ],
  [
    'library missing',
    /not installed with onnxruntime-node|cannot open shared object|libcu\w+|libcudnn|\.dll|vulkan.*(not found|missing)|failed to load/i,
  ],
];

export function causeOf(message: string): Cause {
  return SIGNS.find(([, sign]) => sign.test(message))?.[0] ?? 'other';
}

/** What a person can do about it; null where nothing better can be said than to use another provider. */
export function remedyFor(provider: Provider, cause: Cause): string | null {
  if (cause === 'wrong numbers') return 'update the driver of the GPU, or name another provider in HEPAR_PROVIDER';
  if (cause === 'out of memory') return 'let no other program use the GPU, or name another in HEPAR_DEVICE';
  switch (provider) {
    case 'cuda':
      if (cause === 'library missing') {
        return 'run ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js, and install CUDA 12 and cuDNN 9';
      }
      if (cause === 'driver too old') return 'install the NVIDIA driver 525 or later, which CUDA 12 needs';
      if (cause === 'no device')
        return 'see that nvidia-smi lists the card (a container needs --gpus all), and HEPAR_DEVICE';
      return null;
    case 'webgpu':
      return cause === 'no device' || cause === 'library missing'
        ? 'install the GPU’s Vulkan driver (Debian: libvulkan1 and mesa-vulkan-drivers, or NVIDIA’s own)'
        : null;
    case 'directml':
      return cause === 'no device' ? 'see that the GPU supports DirectX 12, and HEPAR_DEVICE' : null;
    default:
      return null;
  }
}
