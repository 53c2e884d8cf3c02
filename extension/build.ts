import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

const root = import.meta.dirname;

/**
 * Builds what the viewer loads at run time: two ES modules with default exports, each complete in itself, as the
 * prebuilt viewer hands out neither React nor anything else to import.
 * @returns their texts by file name: hepar-extension.js, hepar-mode.js
 */
export async function buildModules(): Promise<ReadonlyMap<string, Uint8Array>> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { 'hepar-extension': 'src/index.ts', 'hepar-mode': 'src/mode/index.ts' },
    outdir: 'dist',
    write: false,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    minify: true,
    legalComments: 'none',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'silent',
  });
  return new Map(outputFiles.map(({ path, contents }) => [basename(path), contents]));
}

/** `node extension/build.ts` writes them to dist/, for a viewer elsewhere. */
if (import.meta.main) {
  const dist = join(root, 'dist');
  await mkdir(dist, { recursive: true });
  for (const [name, text] of await buildModules()) await writeFile(join(dist, name), text);
}
