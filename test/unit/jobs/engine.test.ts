import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Engine } from '../../../server/src/jobs/engine.ts';
import { EngineCrashed, PipelineFailed, RunCancelled } from '../../../server/src/jobs/errors.ts';
import type { RunRequest } from '../../../server/src/pipeline.ts';
import type { Phase } from '../../../server/src/progress.ts';
import { Refusal } from '../../../server/src/refusal.ts';
import { SERIES, STUDY } from './fake-pipeline.ts';

const pipeline = new URL('./fake-pipeline.ts', import.meta.url);
const silent = () => {};

/** What a promise is rejected with. */
async function thrownBy(promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => null,
    (reason) => reason,
  );
  assert.ok(error instanceof Error, 'nothing was thrown');
  return error;
}

describe('engine process', () => {
  let dir: string;
  let engine: Engine;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hepar-engine-'));
    engine = new Engine({ pipeline, graceMs: 300 });
  });

  after(async () => {
    await engine.close();
    await rm(dir, { recursive: true, force: true });
  });

  const requestFor = (seriesInstanceUid: string, runId = seriesInstanceUid): RunRequest => ({
    runId,
    source: {
      kind: 'dicomweb',
      archive: { url: 'http://127.0.0.1/' },
      studyInstanceUid: STUDY,
      seriesInstanceUid,
      instances: ['1.2.3', '1.2.4'],
    },
    modelDir: dir,
    provider: 'auto',
    outDir: join(dir, runId),
    store: true,
    supersedes: null,
    createdAt: new Date(0).toISOString(),
  });
  const run = (
    uid: string,
    options: { signal?: AbortSignal; report?: (phase: Phase, fraction: number) => void } = {},
  ) => engine.run(requestFor(uid), { signal: new AbortController().signal, report: silent, ...options });

  it('gives the findings and every phase in its order', async () => {
    const phases: Phase[] = [];
    const findings = await run(SERIES.quick, { report: (phase) => phases.push(phase) });
    assert.equal(findings.run, SERIES.quick);
    assert.deepEqual([...new Set(phases)], ['retrieve', 'assemble', 'segment', 'measure', 'report', 'store']);
  });

  it('keeps its process for the next run, so that the model is loaded once', async () => {
    await run(SERIES.quick);
    const { pid } = engine;
    await run(SERIES.quick);
    assert.ok(pid);
    assert.equal(engine.pid, pid);
  });

  it('tells a refusal with its code and figures, as the person at the viewer has to read them', async () => {
    const error = await thrownBy(run(SERIES.tilted));
    assert.ok(error instanceof Refusal);
    assert.deepEqual([error.code, error.figures], ['gantry-tilt', { degrees: 12.5 }]);
  });

  it('tells whether a failure may pass, and never the archive’s credentials', async () => {
    const down = await thrownBy(run(SERIES.archiveDownOnce));
    assert.ok(down instanceof PipelineFailed);
    assert.deepEqual([down.kind, down.transient], ['ArchiveUnreachable', true]);
    assert.doesNotMatch(down.message, /u:p/);
    const broken = await thrownBy(run(SERIES.broken));
    assert.ok(broken instanceof PipelineFailed);
    assert.deepEqual([broken.kind, broken.transient], ['TypeError', false]);
  });

  it('lets a cancelled run stop by itself', async () => {
    const abort = new AbortController();
    const { pid } = engine;
    setTimeout(() => abort.abort(new RunCancelled()), 300);
    await assert.rejects(run(SERIES.endless, { signal: abort.signal }), RunCancelled);
    assert.equal(engine.pid, pid, 'the process was not killed');
  });

  it('kills a run that does not hear that it is cancelled, and starts anew for the next', async () => {
    const abort = new AbortController();
    let cancelledAt = 0;
    const began = Promise.withResolvers<void>();
    const running = run(SERIES.deaf, {
      signal: abort.signal,
      report: (phase) => phase === 'segment' && began.resolve(),
    });
    await began.promise;
    cancelledAt = performance.now();
    abort.abort(new RunCancelled());
    await assert.rejects(running, RunCancelled);
    assert.ok(performance.now() - cancelledAt < 2_000);
    assert.equal((await run(SERIES.quick)).run, SERIES.quick);
  });

  it('names a crash with its exit code, and keeps its last words for the log', async () => {
    const error = await thrownBy(run(SERIES.crashing));
    assert.ok(error instanceof EngineCrashed);
    assert.equal(error.exitCode, 3);
    assert.deepEqual(error.output, ['last words']);
  });

  it('names the signal that killed it', async () => {
    const began = Promise.withResolvers<void>();
    const running = run(SERIES.endless, { report: (phase) => phase === 'segment' && began.resolve() });
    await began.promise;
    process.kill(engine.pid!, 'SIGKILL');
    const error = await thrownBy(running);
    assert.ok(error instanceof EngineCrashed);
    assert.equal(error.exitSignal, 'SIGKILL');
  });

  it('runs one request at a time', async () => {
    const abort = new AbortController();
    const first = run(SERIES.endless, { signal: abort.signal });
    await assert.rejects(run(SERIES.quick), /one request at a time/);
    abort.abort(new RunCancelled());
    await assert.rejects(first, RunCancelled);
  });

  it('gives memory back after it has been idle', async () => {
    const brief = new Engine({ pipeline, idleMs: 50 });
    await brief.run(requestFor(SERIES.quick), { signal: new AbortController().signal, report: silent });
    const { pid } = brief;
    for (let waited = 0; waited < 3_000 && brief.pid !== undefined; waited += 50) await sleep(50);
    assert.equal(brief.pid, undefined);
    assert.throws(() => process.kill(pid!, 0), { code: 'ESRCH' });
  });

  it('stands by, so that a run begins at once, and again after its process was killed', async () => {
    const ready = new Engine({ pipeline, standsBy: true });
    try {
      const first = ready.pid;
      assert.ok(first);
      const progress = { signal: new AbortController().signal, report: silent };
      await assert.rejects(ready.run(requestFor(SERIES.crashing), progress), EngineCrashed);
      const second = ready.pid;
      assert.ok(second !== undefined && second !== first);
      await ready.run(requestFor(SERIES.quick), progress);
      assert.equal(ready.pid, second);
    } finally {
      await ready.close();
    }
    assert.equal(ready.pid, undefined);
  });

  it('runs the first request in the process that was prepared, which leaves nothing behind when none comes', async () => {
    const progress = { signal: new AbortController().signal, report: silent };
    for (const isAsked of [true, false]) {
      const early = new Engine({ pipeline });
      early.prepare();
      const { pid } = early;
      if (isAsked) await early.run(requestFor(SERIES.quick), progress);
      assert.equal(early.pid, pid);
      await early.close();
      assert.throws(() => process.kill(pid!, 0), { code: 'ESRCH' });
    }
  });

  it('keeps credentials out of the environment of the process that reads files from outside', async () => {
    process.env.HEPAR_AUTH = 'token:not-for-the-engine';
    const fresh = new Engine({ pipeline: new URL('./environment-pipeline.ts', import.meta.url) });
    try {
      const running = fresh.run(requestFor(SERIES.quick), { signal: new AbortController().signal, report: silent });
      const told = await thrownBy(running);
      assert.doesNotMatch(told.message, /HEPAR_AUTH/);
      assert.match(told.message, /PATH/);
    } finally {
      delete process.env.HEPAR_AUTH;
      await fresh.close();
    }
  });
});
