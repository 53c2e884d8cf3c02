import { EngineCrashed, isDatabaseLost, PipelineFailed, RunStuck } from './errors.ts';
import { MOST_ATTEMPTS } from './jobs.ts';
import type { Failure } from './run.ts';

/** A crash or a standstill may be the neighbour's fault (memory), but one that comes back is the run's own. */
const MOST_CRASHES = 3;

/** @returns how often a run may be begun whose attempt ended with this error */
export function mostAttempts(error: unknown): number {
  if (error instanceof EngineCrashed || error instanceof RunStuck) return MOST_CRASHES;
  const mayPass = isDatabaseLost(error) || (error instanceof PipelineFailed && error.transient);
  return mayPass ? MOST_ATTEMPTS : 1;
}

/** What the run says of it. */
export function describe(error: unknown): Failure {
  if (error instanceof EngineCrashed) return { code: 'engine-crashed', message: error.message };
  if (error instanceof RunStuck) return { code: 'stuck', message: error.message };
  if (error instanceof PipelineFailed) return { code: kebab(error.kind), message: firstLine(error.message) };
  if (isDatabaseLost(error)) {
    return { code: 'database-lost', message: 'The queue’s database did not answer in the middle of the run.' };
  }
  return { code: 'internal', message: 'The run failed for a reason of the server’s own; its log says more.' };
}

/** What the log says of it besides. */
export function details(error: unknown): Record<string, unknown> {
  if (error instanceof EngineCrashed) return { output: error.output };
  return error instanceof PipelineFailed ? { stack: error.engineStack } : { err: error };
}

/** ArchiveUnreachable -> archive-unreachable */
function kebab(name: string): string {
  return name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase();
}

export function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.trim();
}
