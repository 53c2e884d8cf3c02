/**
 * Who goes next. Higher priority first, and among equals who came first; but at every fifth take it is the turn of the run
 * that has waited the longest, whatever its priority. So a run before which `ahead` runs came waits for at most
 * `5 * (ahead + 1)` takes, however many of higher priority keep coming: nothing is starved. It counts takes, and no clock.
 */
export const OLDEST_EVERY = 5;

/** @param takes how many runs were taken before */
export function isTurnOfOldest(takes: number): boolean {
  return takes % OLDEST_EVERY === OLDEST_EVERY - 1;
}

/** What is taken next of the runs that wait, in the order in which they came. The queue's SQL does the same. */
export function nextOf<T extends { readonly priority: number }>(waiting: readonly T[], takes: number): T | undefined {
  if (isTurnOfOldest(takes)) return waiting[0];
  return waiting.reduce<T | undefined>(
    (best, each) => (best && best.priority >= each.priority ? best : each),
    undefined,
  );
}
