/**
 * The engine process: runs the pipeline for one request at a time and tells its parent how far it has come.
 * Its only argument is the address of the pipeline's module. It ends when its parent goes.
 */
import { writeFileSync } from 'node:fs';
import { ArchiveError } from '../dicomweb/errors.ts';
import { ASKED_AGAIN } from '../dicomweb/retry.ts';
import type { RunRequest } from '../pipeline.ts';
import type { Phase, Progress } from '../progress.ts';
import { Refusal } from '../refusal.ts';
import { type FromEngine, toEngineSchema } from './engine-messages.ts';
import { RunCancelled } from './errors.ts';

const PROGRESS_EVERY_MS = 100;
/** What somebody will make room for. */
const FULL = {
  ENOSPC: 'The disk that holds HEPAR_DATA is full: make room there, and the run goes on by itself.',
  EDQUOT: 'The quota of HEPAR_DATA is used up: make room there, and the run goes on by itself.',
};

type Pipeline = Pick<typeof import('../pipeline.ts'), 'runPipeline'>;

/** Loaded while nobody waits yet; what is wrong with it is said in answer to the first request. */
const pipeline = import(process.argv[2]!) as Promise<Pipeline>;
pipeline.catch(() => {});
let running: AbortController | undefined;

process.on('message', (received) => {
  const message = toEngineSchema.parse(received);
  if (message.kind === 'cancel') running?.abort(new RunCancelled());
  else void run(message.request);
});
process.on('disconnect', () => {
  // An ordinary exit in the middle of a window ends in an abort of the runtime's, with a core file.
  if (running) process.kill(process.pid, 'SIGKILL');
  process.exit(0);
});
// Ctrl-C on a terminal reaches every process of the group; when to stop is the parent's decision.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
ASKED_AGAIN.subscribe((error) => {
  if (error instanceof ArchiveError) send({ kind: 'asked-again', problem: error.message });
});
volunteerForOutOfMemory();

async function run(request: RunRequest): Promise<void> {
  running = new AbortController();
  const { signal } = running;
  let answer: FromEngine;
  try {
    const { runPipeline } = await pipeline;
    const report = throttledReport();
    const findings = await runPipeline(await onTheFastest(request), { signal, report });
    answer = { kind: 'done', findings };
  } catch (error) {
    answer = signal.aborted ? { kind: 'cancelled' } : answerFor(error);
  }
  running = undefined;
  send(answer);
}

/** The request with what is the fastest here, where there is something to choose. */
async function onTheFastest(request: RunRequest): Promise<RunRequest> {
  const { modelDir, provider, device, threads, dataDir } = request;
  if (modelDir === null || dataDir === undefined) return request;
  // Not before they are needed: they load the runtime.
  const { chooseFastest, readModel } = await import('./fastest.ts');
  // What is wrong with a model the pipeline says.
  const model = await readModel(modelDir).catch(() => null);
  const fastest = model && (await chooseFastest({ model, provider, device, threads, dataDir }));
  return fastest ? { ...request, provider: fastest.provider, fastest: fastest.files } : request;
}

function answerFor(error: unknown): FromEngine {
  if (error instanceof Refusal) {
    const { code, message, figures } = error;
    return { kind: 'refused', refusal: { code, message, figures } };
  }
  const { name, message, stack } = error instanceof Error ? error : {};
  const { code, mayPass, transient } = (error ?? {}) as { code?: unknown; mayPass?: unknown; transient?: unknown };
  const isFull = typeof code === 'string' && code in FULL;
  return {
    kind: 'failed',
    name: isFull ? 'DiskFull' : (name ?? 'Error'),
    message: isFull ? FULL[code as keyof typeof FULL] : (message ?? String(error)),
    transient: isFull || mayPass === true || transient === true,
    ...(stack === undefined ? {} : { stack }),
  };
}

/** Tells the parent of every new phase and of every phase's end at once, of the rest ten times a second. */
function throttledReport(): Progress['report'] {
  let lastPhase: Phase | undefined;
  let toldAt = 0;
  return (phase, fraction) => {
    const now = performance.now();
    if (phase === lastPhase && fraction < 1 && now - toldAt < PROGRESS_EVERY_MS) return;
    lastPhase = phase;
    toldAt = now;
    send({ kind: 'progress', phase, fraction: Math.min(1, Math.max(0, fraction)) });
  };
}

function send(message: FromEngine): void {
  // Without its parent the process ends on 'disconnect'.
  if (process.connected) process.send!(message, undefined, undefined, () => {});
}

/** When memory runs out, Linux should take this process and not the server. */
function volunteerForOutOfMemory(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '500');
  } catch {
    // Not Linux, or not allowed.
  }
}
