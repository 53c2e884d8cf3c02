import { type ParseArgsConfig, parseArgs } from 'node:util';
import { ConfigError } from '../config.ts';
import { Refusal } from '../refusal.ts';

/** The command was called wrongly. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * The arguments of a command.
 * @param usage is told with what is wrong
 * @throws UsageError
 */
export function parseOrExplain<T extends ParseArgsConfig>(usage: string, config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n${usage}`);
  }
}

/** What Ctrl-C and SIGTERM abort a run with. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly exitCode: number;

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super('cancelled');
    this.exitCode = signal === 'SIGINT' ? 130 : 143;
  }
}

/** Exit code and text for a person: 2 for an unsuitable input, 1 for anything else. No stack unless HEPAR_DEBUG is set. */
export function failureOf(error: unknown): { exitCode: number; text: string } {
  if (error instanceof Refusal) return { exitCode: 2, text: error.message };
  if (error instanceof Interrupted) return { exitCode: error.exitCode, text: error.message };
  if (error instanceof ConfigError) return { exitCode: 1, text: error.message };
  const stack = process.env.HEPAR_DEBUG ? error instanceof Error && error.stack : undefined;
  return { exitCode: 1, text: stack || (error instanceof Error ? error.message : String(error)) };
}

/** Aborts its signal when the process is asked to stop; disposing of it gives the signals back. */
export function onInterrupt(): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const abort = (signal: NodeJS.Signals) => controller.abort(new Interrupted(signal as 'SIGINT' | 'SIGTERM'));
  process.on('SIGINT', abort).on('SIGTERM', abort);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      process.off('SIGINT', abort).off('SIGTERM', abort);
    },
  };
}
