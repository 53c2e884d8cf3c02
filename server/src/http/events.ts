import type { Request, Response } from 'express';
import type { RunEvent } from '../jobs/live-runs.ts';
import { isFinal, type Run } from '../jobs/run.ts';
import type { SegmentationView } from './contract.ts';

/** Of progress, at most one event in this time. */
const PROGRESS_EVERY_MS = 250;
/** Proxies close a connection that is silent for half a minute or so. */
const HEARTBEAT_MS = 10_000;
/** How often the record is read again, for what another process has changed. */
const REREAD_MS = 2_000;
/** Id of the event that ends a stream. */
const END = 'end';

export interface RunSource {
  /** The record of the run; null when it is gone. */
  read(): Promise<Run | null>;
  view(run: Run): SegmentationView;
  /** @returns a function that ends the subscription */
  subscribe(listener: (event: RunEvent) => void): () => void;
}

/**
 * Streams a run's course as server-sent events (WHATWG HTML, section 9.2) until it has ended or the client goes. Each
 * event holds the whole run, so that one who comes late or comes back (Last-Event-ID) needs nothing of what was.
 */
export async function streamEvents(request: Request, response: Response, source: RunSource): Promise<void> {
  const first = await source.read();
  if (!first || (isFinal(first.state) && request.headers['last-event-id'] === END)) {
    // 204 is what makes an EventSource stop reconnecting.
    response.status(204).end();
    return;
  }
  response.set({
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store',
    // nginx holds answers back otherwise.
    'X-Accel-Buffering': 'no',
  });
  response.flushHeaders();
  await new Promise<void>((resolve) => follow(response, source, first, resolve));
}

function follow(response: Response, source: RunSource, first: Run, onEnd: () => void): void {
  let run = first;
  let number = 0;
  let sentAt = 0;
  let pending: NodeJS.Timeout | undefined;

  const send = (event: RunEvent['kind']) => {
    clearTimeout(pending);
    pending = undefined;
    sentAt = performance.now();
    const id = isFinal(run.state) ? END : ++number;
    response.write(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(source.view(run))}\n\n`);
    if (isFinal(run.state)) end();
  };
  const hear = (event: RunEvent) => {
    if (event.kind === 'state') {
      run = event.run;
      send('state');
    } else if (!pending && !response.writableNeedDrain) {
      // A client that does not keep up misses progress, never a state.
      pending = setTimeout(send, Math.max(0, PROGRESS_EVERY_MS - (performance.now() - sentAt)), 'progress');
    }
  };
  const reread = async () => {
    const before = run;
    const now = await source.read();
    if (isOver) return;
    if (!now) return end();
    // What was heard in the meantime is newer than what was read.
    if (run !== before) return;
    const isNew = now.state !== run.state || now.attempt !== run.attempt;
    if (!isNew && now.phase === run.phase && now.position === run.position) return;
    run = now;
    send(isNew ? 'state' : 'progress');
  };
  let isOver = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    unsubscribe();
    clearTimeout(pending);
    for (const timer of timers) clearInterval(timer);
    response.end();
    onEnd();
  };

  const unsubscribe = source.subscribe(hear);
  const timers = [
    setInterval(() => response.write(': still here\n\n'), HEARTBEAT_MS),
    setInterval(() => reread().catch(end), REREAD_MS),
  ];
  response.once('close', end);
  send('state');
  // It may have changed after it was read and before there was a subscription.
  if (!isOver) reread().catch(end);
}
