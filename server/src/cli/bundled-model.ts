import { fileURLToPath } from 'node:url';

/** The folder of the model that comes with Hepar. */
export function bundledModelDir(): string {
  return fileURLToPath(new URL('../../../models/hepar-ct-liver', import.meta.url));
}
