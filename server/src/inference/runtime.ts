import { Worker } from 'node:worker_threads';
import type { ThreadAnswer, ThreadRequest } from './runtime-thread.ts';
import type { Provider } from './segmentation.ts';

export interface ProviderOptions {
  readonly provider: Provider;
  /** Which of several GPUs, from 0. */
  readonly device?: number | undefined;
  /** Of the CPU. */
  readonly threads: number;
}

/** An input or output as the graph states it; a dimension that is left open is a text or -1. */
export interface TensorInfo {
  readonly name: string;
  /** Element type; null for what is no tensor. */
  readonly type: string | null;
  readonly shape: readonly (number | string)[];
}

/** What a run gives. */
export interface Output {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly values: unknown;
}

/** An output that is asked for, with the shape that is expected of it. */
export interface WantedOutput {
  readonly name: string;
  readonly shape: readonly number[];
}

type Request = ThreadRequest extends infer R ? (R extends ThreadRequest ? Omit<R, 'id'> : never) : never;

/** The thread of all sessions of this process; it keeps the process from ending only while it is at work. */
class RuntimeThread {
  readonly #worker = new Worker(new URL('./runtime-thread.ts', import.meta.url));
  readonly #waiting = new Map<number, { resolve: (answer: ThreadAnswer) => void; reject: (error: Error) => void }>();
  #lastId = 0;

  constructor() {
    this.#worker.unref();
    this.#worker.on('message', (answer: ThreadAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (this.#waiting.size === 0) this.#worker.unref();
      if (answer.kind === 'failed') waiting?.reject(new Error(answer.message));
      else waiting?.resolve(answer);
    });
    this.#worker.on('error', (error) => this.#fall(error));
    this.#worker.on('exit', () => this.#fall(new Error('the thread of the runtime ended')));
  }

  /** @returns the answer, and the number under which a session that it opened is known */
  ask<Kind extends ThreadAnswer['kind']>(request: Request): { id: number; answer: Promise<AnswerOf<Kind>> } {
    const id = ++this.#lastId;
    this.#worker.ref();
    const answer = new Promise<ThreadAnswer>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#worker.postMessage({ ...request, id });
    return { id, answer: answer as Promise<AnswerOf<Kind>> };
  }

  #fall(error: Error): void {
    if (thread === this) thread = undefined;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

type AnswerOf<Kind> = Extract<ThreadAnswer, { kind: Kind }>;
let thread: RuntimeThread | undefined;

/** A network that is loaded. Its runs take place in another thread, one after the other. */
export class RuntimeSession {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly #thread: RuntimeThread;
  readonly #id: number;
  readonly #memory = new Map<string, Float32Array[]>();
  #turn = 0;

  /** @throws Error of the runtime's own */
  static async open(onnx: Uint8Array, options: ProviderOptions): Promise<RuntimeSession> {
    thread ??= new RuntimeThread();
    const { id, answer } = thread.ask<'opened'>({ kind: 'open', onnx, options });
    return new RuntimeSession(thread, id, await answer);
  }

  private constructor(own: RuntimeThread, id: number, { inputs, outputs }: AnswerOf<'opened'>) {
    this.#thread = own;
    this.#id = id;
    this.inputs = inputs;
    this.outputs = outputs;
  }

  /**
   * Runs the network on one input. Outputs that have the shape that is wanted share their memory with those of the run
   * after the next: whoever needs them longer copies them.
   * @throws Error of the runtime's own
   */
  async run(
    input: { readonly name: string; readonly values: Float32Array; readonly shape: readonly number[] },
    wanted: readonly WantedOutput[],
  ): Promise<Output[]> {
    const turn = this.#turn++ % 2;
    const memory = wanted.map(({ name, shape }) => this.#memory.get(keyOf(name, shape))?.[turn]);
    const { answer } = this.#thread.ask<'ran'>({
      kind: 'run',
      session: this.#id,
      input: input.name,
      values: input.values,
      shape: input.shape,
      outputs: wanted.map(({ name, shape }, n) => ({
        name,
        shape: [...shape],
        ...(memory[n] ? { values: memory[n] } : {}),
      })),
    });
    const { outputs } = await answer;
    return outputs.map(({ type, shape, values }, n) => {
      const { name, shape: expected } = wanted[n]!;
      // Memory is given only when the network has shown that it keeps to the shape.
      if (values instanceof Float32Array && shape.join() === expected.join()) {
        const key = keyOf(name, expected);
        if (!this.#memory.has(key)) this.#memory.set(key, [sharedFloats(values.length), sharedFloats(values.length)]);
      }
      return { name, type, shape, values: values ?? memory[n] };
    });
  }

  async release(): Promise<void> {
    await this.#thread.ask<'released'>({ kind: 'release', session: this.#id }).answer;
  }
}

const keyOf = (name: string, shape: readonly number[]) => `${name} ${shape.join()}`;

/** Memory that both threads see, so that nothing is copied between them. */
export function sharedFloats(length: number): Float32Array<SharedArrayBuffer> {
  return new Float32Array(new SharedArrayBuffer(4 * length));
}
