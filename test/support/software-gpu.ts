/** The driver of SwiftShader, a Vulkan in software that Debian's Chromium brings. */
export const SOFTWARE_GPU = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Environment of a process whose only GPU is the one in software. @param runtimeDir a folder that exists */
export function softwareGpuEnvironment(runtimeDir: string): NodeJS.ProcessEnv {
  return { ...process.env, VK_ICD_FILENAMES: SOFTWARE_GPU, VK_DRIVER_FILES: SOFTWARE_GPU, XDG_RUNTIME_DIR: runtimeDir };
}
