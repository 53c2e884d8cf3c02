import { channel } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import { ArchiveError, ArchiveRefused } from './errors.ts';

export interface RetryOptions {
  /** How often one thing is tried in all. */
  readonly tries: number;
  /** The wait before the second try is half to all of this, and doubles with every further one. */
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
}

export const RETRY: RetryOptions = { tries: 5, firstDelayMs: 400, longestDelayMs: 15_000 };

/** Hears of each failure (ArchiveError) after which the archive is asked again: it ends nothing, and belongs in a log. */
export const ASKED_AGAIN = channel('hepar.archive.asked-again');

/** Runs `attempt` again after failures that may pass, and throws the last one when the tries are used up. */
export async function retrying<T>(attempt: () => Promise<T>, options: RetryOptions, signal?: AbortSignal): Promise<T> {
  for (let failed = 1; ; failed += 1) {
    try {
      return await attempt();
    } catch (error) {
      await beforeNextTry(error, failed, options, signal);
    }
  }
}

/**
 * Waits until the next try is due: exponential back-off with jitter, or what the archive's Retry-After asks for.
 * @throws `error` itself when it will not pass or `failed` tries were enough; the signal's reason when it aborts
 */
export async function beforeNextTry(
  error: unknown,
  failed: number,
  options: RetryOptions,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  if (!(error instanceof ArchiveError) || !error.transient || failed >= options.tries) throw error;
  ASKED_AGAIN.publish(error);
  const backOff = options.firstDelayMs * 2 ** (failed - 1) * (0.5 + Math.random() / 2);
  const asked = error instanceof ArchiveRefused ? (error.retryAfterMs ?? 0) : 0;
  try {
    await sleep(Math.min(Math.max(backOff, asked), options.longestDelayMs), undefined, signal ? { signal } : {});
  } catch {
    signal?.throwIfAborted();
  }
}
