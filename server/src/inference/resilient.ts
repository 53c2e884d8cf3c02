import { NetworkError, ProviderError } from './errors.ts';
import { causeOf } from './remedy.ts';
import type { Provider } from './segmentation.ts';
import type { NetworkSession, WindowOutput, WindowProbabilities } from './session.ts';

export interface Recourse {
  /** Opens the network on the same provider once more. */
  readonly reopen: () => Promise<NetworkSession>;
  /** Opens it on the CPU; left out where the configuration does not allow that. */
  readonly onCpu?: () => Promise<NetworkSession>;
}

/**
 * A session on a GPU that goes on when the GPU fails in the middle of a run: out of memory, with fewer windows at once; else,
 * and when one window is too many, opened anew once; then on the CPU, where that is allowed. What has been computed is kept.
 * @throws ProviderError from `run` when nothing of that helps; another attempt at the whole run may
 */
export function withstanding(session: NetworkSession, recourse: Recourse): NetworkSession {
  const { provider } = session.engine;
  const faults: string[] = [];
  let current = session;
  let batch = session.batch;
  let isReopened = false;
  /** One after the other: when a run fails, none is under way on the session that is replaced. */
  let last: Promise<unknown> = Promise.resolve();

  const attempt = async <Given extends Parts>(
    ask: Ask<Given>,
    input: Float32Array,
    windows: number,
  ): Promise<Given> => {
    try {
      return await ask(current, input, windows);
    } catch (error) {
      if (error instanceof NetworkError || current.engine.provider === 'cpu') throw error;
      const { message } = error as Error;
      if (windows > 1 && causeOf(message) === 'out of memory') {
        batch = Math.ceil(windows / 2);
        faults.push(`${provider} ran out of memory with ${windows} windows at once; went on with ${batch}`);
        return inParts(ask, input, windows);
      }
      await replace(error as Error);
      return inParts(ask, input, windows);
    }
  };

  const inParts = async <Given extends Parts>(
    ask: Ask<Given>,
    input: Float32Array,
    windows: number,
  ): Promise<Given> => {
    if (windows <= batch) return attempt(ask, input, windows);
    const edge = input.length / windows;
    const parts: Given[] = [];
    for (let first = 0; first < windows; ) {
      const end = Math.min(windows, first + batch);
      const part = await attempt(ask, input.slice(first * edge, end * edge), end - first);
      // The next run may use its memory again.
      parts.push(mapped(part, (values) => values.slice()));
      first = end;
    }
    return mapped(parts[0]!, (_, name) => joined(parts.map((part) => part[name] as Float32Array)));
  };

  const inTurn = <Given extends Parts>(ask: Ask<Given>, input: Float32Array, windows: number): Promise<Given> => {
    const run = last.then(() => inParts(ask, input, windows));
    last = run.catch(() => {});
    return run;
  };

  /** @throws ProviderError when there is no other session */
  const replace = async (fault: Error): Promise<void> => {
    await current.release().catch(() => {});
    if (!isReopened) {
      isReopened = true;
      try {
        current = await recourse.reopen();
        batch = Math.min(batch, current.batch);
        faults.push(`${provider} failed in the middle of the run and was opened anew: ${line(fault)}`);
        return;
      } catch {
        // It is gone for good.
      }
    }
    if (!recourse.onCpu) throw lost(provider, fault);
    current = await recourse.onCpu();
    batch = 1;
    faults.push(`${provider} failed in the middle of the run, which went on on the CPU: ${line(fault)}`);
  };

  return {
    get engine() {
      const { engine } = current;
      if (engine.provider === provider) return engine;
      return { ...engine, device: `${engine.device} (after ${provider} had failed)` };
    },
    get batch() {
      return batch;
    },
    faults,
    run: (input, windows = 1, size) => inTurn((session, ...some) => session.run(...some, size), input, windows),
    probabilities: (input, windows = 1, size) =>
      inTurn((session, ...some) => session.probabilities(...some, size), input, windows),
    release: () => current.release(),
  };
}

/** What a session gives for some windows: values for one after the other under each name. */
type Parts = WindowOutput | WindowProbabilities;
type Ask<Given> = (session: NetworkSession, input: Float32Array, windows: number) => Promise<Given>;

function mapped<Given extends Parts>(
  given: Given,
  map: (values: Float32Array, name: keyof Given) => Float32Array,
): Given {
  const entries = Object.entries(given) as [keyof Given, Float32Array | null][];
  return Object.fromEntries(entries.map(([name, values]) => [name, values && map(values, name)])) as unknown as Given;
}

function lost(provider: Provider, fault: Error): ProviderError {
  return Object.assign(new ProviderError(provider, fault.message, { cause: fault }), { mayPass: true });
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const line = ({ message }: Error) => message.split('\n', 1)[0]!.trim();
