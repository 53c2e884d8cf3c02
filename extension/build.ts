import { build } from 'esbuild';

/**
 * Builds what the viewer loads at run time: two ES modules with default exports, each complete in itself, as the
 * prebuilt viewer hands out neither React nor anything else to import.
 */
const root = import.meta.dirname;

await build({
  absWorkingDir: root,
  entryPoints: { 'hepar-extension': 'src/index.ts', 'hepar-mode': 'src/mode/index.ts' },
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  minify: true,
  legalComments: 'none',
  define: { 'process.env.NODE_ENV': '"production"' },
  logLevel: 'warning',
});
