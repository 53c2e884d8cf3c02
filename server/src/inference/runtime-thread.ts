/**
 * ONNX Runtime in a thread of its own: a run blocks the thread that calls it for its whole length, and the engine has
 * windows to prepare and to blend meanwhile.
 */
import { parentPort } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { ProviderOptions, TensorInfo, ThreadAnswer, ThreadRequest } from './runtime-messages.ts';

const LOG_ERRORS_ONLY = 3;
const sessions = new Map<number, { readonly session: InferenceSession; readonly released: Int32Array }>();
const port = parentPort!;
/** One request after the other: a session is not released while it runs. */
let last: Promise<unknown> = Promise.resolve();

port.on('message', (request: ThreadRequest) => {
  last = last.then(async () => {
    const answer = await serve(request).catch(
      (error: Error): ThreadAnswer => ({ id: request.id, kind: 'failed', message: error.message }),
    );
    port.postMessage(answer);
  });
});

async function serve(request: ThreadRequest): Promise<ThreadAnswer> {
  const { id } = request;
  switch (request.kind) {
    case 'open': {
      const session = await open(request.onnx, request.options);
      sessions.set(id, { session, released: request.released });
      const { inputMetadata, outputMetadata } = session;
      return { id, kind: 'opened', inputs: inputMetadata.map(infoOf), outputs: outputMetadata.map(infoOf) };
    }
    case 'run': {
      const { input, values, shape, outputs } = request;
      const { session, released } = sessions.get(request.session)!;
      if (Atomics.load(released, 0) === 1) throw new Error('the session is released');
      const into = outputs.map(({ name, values, shape }) => [
        name,
        values ? new Tensor('float32', values, shape) : null,
      ]);
      const given = await session.run({ [input]: new Tensor('float32', values, shape) }, Object.fromEntries(into));
      return {
        id,
        kind: 'ran',
        outputs: outputs.map(({ name, values }) => {
          const { type, dims, data } = given[name]!;
          return { type, shape: dims, ...(values ? {} : { values: data }) };
        }),
      };
    }
    case 'release': {
      await sessions.get(request.session)?.session.release();
      sessions.delete(request.session);
      return { id, kind: 'released' };
    }
  }
}

function open(onnx: Uint8Array, { provider, device, threads }: ProviderOptions): Promise<InferenceSession> {
  return InferenceSession.create(onnx, {
    executionProviders: [executionProvider(provider, device)],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Plans memory once a shape: as fast without, and a third less of it.
    enableMemPattern: false,
    logSeverityLevel: LOG_ERRORS_ONLY,
    // A thread that spins while it waits keeps its core from the loop, and from all others on the machine.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  });
}

/** As onnxruntime-node calls it. */
function executionProvider(
  provider: ProviderOptions['provider'],
  deviceId = 0,
): InferenceSession.ExecutionProviderConfig {
  switch (provider) {
    case 'cuda':
      return { name: 'cuda', deviceId };
    case 'directml':
      return { name: 'dml', deviceId };
    default:
      return provider;
  }
}

function infoOf(metadata: InferenceSession.ValueMetadata): TensorInfo {
  const { name, isTensor } = metadata;
  return isTensor ? { name, type: metadata.type, shape: [...metadata.shape] } : { name, type: null, shape: [] };
}
