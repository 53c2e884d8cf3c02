import { deepEqual, equal, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { build } from 'esbuild';
import { buildModules } from '../../../extension/build.ts';

describe('the modules that the viewer loads', () => {
  let modules: ReadonlyMap<string, Uint8Array>;
  before(async () => {
    modules = await buildModules();
  });

  it('type-check against the browser', () => {
    const check = spawnSync('node_modules/.bin/tsc', ['--noEmit', '-p', 'extension'], { encoding: 'utf8' });
    equal(check.status, 0, check.stdout + check.stderr);
  });

  it('weigh at most 300 kB in all, React included', () => {
    deepEqual([...modules.keys()].sort(), ['hepar-extension.js', 'hepar-mode.js']);
    const bytes = [...modules.values()].reduce((sum, { length }) => sum + length, 0);
    ok(bytes <= 300_000, `${bytes} bytes`);
  });

  it('stand alone: each has a default export and imports nothing, which the prebuilt viewer could not give', async () => {
    for (const [name, bytes] of modules) {
      const contents = Buffer.from(bytes).toString();
      const { metafile } = await build({
        stdin: { contents, loader: 'js' },
        bundle: true,
        packages: 'external',
        format: 'esm',
        write: false,
        metafile: true,
      });
      const [{ imports, exports }] = Object.values(metafile.outputs) as [(typeof metafile.outputs)[string]];
      deepEqual(imports, [], name);
      deepEqual(exports, ['default'], name);
    }
  });

  it('take only types from the server, and its colours', () => {
    const text = Buffer.from(modules.get('hepar-extension.js')!).toString();
    for (const foreign of ['ZodError', 'onnxruntime', 'dcmjs']) ok(!text.includes(foreign), foreign);
  });
});
