import { Worker } from 'node:worker_threads';
import { joined, type Pieces } from './onnx/protobuf.ts';
import type { ProviderOptions, TensorInfo, ThreadAnswer, ThreadRequest } from './runtime-messages.ts';

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

/** A thread in which sessions run, one after the other; it keeps the process from ending only while it is at work. */
class RuntimeThread {
  readonly #worker = new Worker(new URL('./runtime-thread.ts', import.meta.url));
  readonly #waiting = new Map<number, { resolve: (answer: ThreadAnswer) => void; reject: (error: Error) => void }>();
  #lastId = 0;
  /** Why it ended. */
  #fallen: Error | undefined;

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

  /**
   * @param given memory that goes over to the thread
   * @returns the answer, and the number under which a session that it opened is known
   */
  ask<Kind extends ThreadAnswer['kind']>(
    request: Request,
    given: readonly ArrayBuffer[] = [],
  ): { id: number; answer: Promise<AnswerOf<Kind>> } {
    const id = ++this.#lastId;
    if (this.#fallen) return { id, answer: Promise.reject(this.#fallen) };
    this.#worker.ref();
    const answer = new Promise<ThreadAnswer>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#worker.postMessage({ ...request, id }, given);
    return { id, answer: answer as Promise<AnswerOf<Kind>> };
  }

  #fall(error: Error): void {
    this.#fallen ??= error;
    const lane = threads.indexOf(this);
    if (lane >= 0) delete threads[lane];
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

type AnswerOf<Kind> = Extract<ThreadAnswer, { kind: Kind }>;
/** Of all sessions of this process, by lane. */
const threads: RuntimeThread[] = [];

/** A network that is loaded. Its runs take turns in the lanes, each of which is a thread with the network of its own. */
export class RuntimeSession {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly #lanes: readonly Lane[];
  readonly #released: Int32Array<SharedArrayBuffer>;
  /** Outputs and the shapes that they have kept to. */
  readonly #kept = new Set<string>();
  #runs = 0;

  /**
   * @param network the pieces of an ONNX file
   * @param options whose threads are each lane's
   * @throws Error of the runtime's own
   */
  static async open(network: Pieces, options: ProviderOptions, lanes = 1): Promise<RuntimeSession> {
    const released = new Int32Array(new SharedArrayBuffer(4));
    const asked = Array.from({ length: lanes }, (_, lane) => {
      threads[lane] ??= new RuntimeThread();
      const onnx = joined(network);
      const opening = threads[lane].ask<'opened'>({ kind: 'open', onnx, options, released }, [onnx.buffer]);
      return { thread: threads[lane], ...opening };
    });
    try {
      const [opened] = await Promise.all(asked.map(({ answer }) => answer));
      return new RuntimeSession(asked, released, opened!);
    } catch (error) {
      await release(asked, released);
      throw error;
    }
  }

  private constructor(
    lanes: readonly Pick<Lane, 'thread' | 'id'>[],
    released: Int32Array<SharedArrayBuffer>,
    { inputs, outputs }: AnswerOf<'opened'>,
  ) {
    this.#lanes = lanes.map(({ thread, id }) => ({ thread, id, memory: new Map(), turn: 0 }));
    this.#released = released;
    this.inputs = inputs;
    this.outputs = outputs;
  }

  /**
   * Runs the network on one input. Outputs that have the shape that is wanted share their memory with those of the run
   * after the next of the same lane: whoever needs them longer copies them.
   * @throws Error of the runtime's own
   */
  async run(
    input: { readonly name: string; readonly values: Float32Array; readonly shape: readonly number[] },
    wanted: readonly WantedOutput[],
  ): Promise<Output[]> {
    const lane = this.#lanes[this.#runs++ % this.#lanes.length]!;
    const turn = lane.turn++ % 2;
    const memory = wanted.map((output) => this.#memoryOf(lane, turn, output));
    const { answer } = lane.thread.ask<'ran'>({
      kind: 'run',
      session: lane.id,
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
      if (values instanceof Float32Array && shape.join() === expected.join()) this.#kept.add(keyOf(name, expected));
      return { name, type, shape, values: values ?? memory[n] };
    });
  }

  /** Memory for an output. None is given before the graph says, or the network has shown, that it keeps to the shape. */
  #memoryOf({ memory }: Lane, turn: number, { name, shape }: WantedOutput): Float32Array | undefined {
    const key = keyOf(name, shape);
    const stated = this.outputs.find((output) => output.name === name);
    const isStated = stated?.type === 'float32' && stated.shape.join() === shape.join();
    if (!isStated && !this.#kept.has(key)) return undefined;
    const given = `${key} ${turn}`;
    if (!memory.has(given)) memory.set(given, sharedFloats(shape.reduce((product, edge) => product * edge, 1)));
    return memory.get(given);
  }

  /** Runs that have not begun fail. */
  async release(): Promise<void> {
    await release(this.#lanes, this.#released);
  }
}

async function release(lanes: readonly Pick<Lane, 'thread' | 'id'>[], released: Int32Array): Promise<void> {
  Atomics.store(released, 0, 1);
  await Promise.allSettled(
    lanes.map(({ thread, id }) => thread.ask<'released'>({ kind: 'release', session: id }).answer),
  );
}

interface Lane {
  readonly thread: RuntimeThread;
  /** The session's in that thread. */
  readonly id: number;
  /** Of each output in each turn: one is read while the other is written. */
  readonly memory: Map<string, Float32Array>;
  turn: number;
}

const keyOf = (name: string, shape: readonly number[]) => `${name} ${shape.join()}`;

/** Memory that both threads see, so that nothing is copied between them. */
export function sharedFloats(length: number): Float32Array<SharedArrayBuffer> {
  return new Float32Array(new SharedArrayBuffer(4 * length));
}
