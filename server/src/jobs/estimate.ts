import { PHASES, type Phase } from '../progress.ts';

/** How long each phase is expected to take, ms; only the proportions matter. */
export type ExpectedMs = Readonly<Record<Phase, number>>;

/** A portal-venous CT of 100 slices on two CPU cores. Replaced by what the last run took. */
export const USUAL_MS: ExpectedMs = {
  retrieve: 1_000,
  assemble: 1_500,
  segment: 15_000,
  measure: 500,
  report: 1_500,
  store: 500,
};

/** The same series with a correction: nothing is inferred. */
export const USUAL_OF_CORRECTION_MS: ExpectedMs = { ...USUAL_MS, segment: 500 };

const LEAST_TO_ESTIMATE = 0.03;

/** The share of the whole run that is done, 0 to 1, when a phase has come as far as `fraction`. */
export function wholeFraction(phase: Phase, fraction: number, expectedMs: ExpectedMs): number {
  const before = PHASES.slice(0, PHASES.indexOf(phase)).reduce((sum, each) => sum + expectedMs[each], 0);
  const all = PHASES.reduce((sum, each) => sum + expectedMs[each], 0);
  return all === 0 ? 0 : (before + fraction * expectedMs[phase]) / all;
}

/** Time left, ms, when it goes on at the pace that it had; null while it is too early to say. */
export function remainingMs(whole: number, elapsedMs: number): number | null {
  return whole < LEAST_TO_ESTIMATE ? null : (elapsedMs * (1 - whole)) / whole;
}
