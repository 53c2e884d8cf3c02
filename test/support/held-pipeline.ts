/**
 * The real pipeline, which stays for a moment at the beginning of each phase, so that a test can have something happen
 * there. HEPAR_TEST_HOLD_MS says for how long.
 */
import { type RunRequest, runPipeline as run } from '../../server/src/pipeline.ts';
import type { Phase, Progress } from '../../server/src/progress.ts';

const HOLD_MS = Number(process.env.HEPAR_TEST_HOLD_MS ?? 0);

export function runPipeline(request: RunRequest, { signal, report }: Progress): ReturnType<typeof run> {
  const seen = new Set<Phase>();
  return run(request, {
    signal,
    report: (phase, fraction) => {
      report(phase, fraction);
      if (seen.has(phase)) return;
      seen.add(phase);
      if (HOLD_MS > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, HOLD_MS);
    },
  });
}
