import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
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
      const text = Buffer.from(bytes).toString();
      ok(!/\bimport\s*[\w{*"']|\brequire\(/.test(text.replace(/import\.meta/g, '')), name);
      match(text, /export\s*\{[^}]*\bas default\b[^}]*\}/, name);
    }
  });

  it('hold nothing of the server but what was meant for the browser', () => {
    const text = Buffer.from(modules.get('hepar-extension.js')!).toString();
    for (const foreign of ['ZodError', 'node:', 'onnxruntime']) ok(!text.includes(foreign), foreign);
  });
});
