import type { Request, Response } from 'express';
import type { RunEvent } from '../jobs/live-runs.ts';
import { isFinal } from '../jobs/run.ts';
import type { SegmentationView } from './contract.ts';

/** Of progress, at most one event in this time. */
const PROGRESS_EVERY_MS = 250;
/** Proxies close a connection that is silent for half a minute or so. */
const HEARTBEAT_MS = 10_000;
/** How often the record is read again, for what another process has changed. */
const REREAD_MS = 2_000;
/** Id of the event that ends a stream. */
const END = 'end';

export interface EventSource {
  /** The run as it is now; null when it is gone. */
  read(): Promise<SegmentationView | null>;
  /** @returns a function that ends the subscription */
  subscribe(listener: (event: RunEvent) => void): () => void;
}

/**
 * Streams a run's course as server-sent events (WHATWG HTML, section 9.2) until it has ended or the client goes. Each
 * event holds the whole run, so that one who comes late or comes back (Last-Event-ID) needs nothing of what was.
 */
export async function streamEvents(request: Request, response: Response, source: EventSource): Promise<void> {
  const first = await source.read();
  const hasSeenEnd = request.headers['last-event-id'] === END;
  if (!first || (hasSeenEnd && isFinal(first.state))) {
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

  await new Promise<void>((resolve) => {
    let number = 0;
    let shown = '';
    let sentAt = 0;
    let pending: NodeJS.Timeout | undefined;
    let ended = false;

    const send = (view: SegmentationView) => {
      const isEnd = isFinal(view.state);
      const state = `${view.state} ${view.attempt}`;
      const kind = state === shown ? 'progress' : 'state';
      shown = state;
      sentAt = performance.now();
      response.write(`event: ${kind}\nid: ${isEnd ? END : ++number}\ndata: ${JSON.stringify(view)}\n\n`);
      if (isEnd) end();
    };
    /** One read at a time, in the order of the events, so that no older state is sent after a newer one. */
    let reading: Promise<void> = Promise.resolve();
    const update = (onlyWhenChanged = false) => {
      clearTimeout(pending);
      pending = undefined;
      reading = reading
        .then(async () => {
          if (ended) return;
          const view = await source.read();
          if (ended) return;
          if (!view) return end();
          if (!onlyWhenChanged || `${view.state} ${view.attempt}` !== shown) send(view);
        })
        .catch(end);
    };
    const hear = (event: RunEvent) => {
      if (event.kind === 'state') return update();
      // A client that does not keep up misses progress, never a state.
      if (pending || response.writableNeedDrain) return;
      pending = setTimeout(update, Math.max(0, PROGRESS_EVERY_MS - (performance.now() - sentAt)));
    };
    const end = () => {
      if (ended) return;
      ended = true;
      unsubscribe();
      clearTimeout(pending);
      clearInterval(heartbeat);
      clearInterval(reread);
      response.end();
      resolve();
    };
    const unsubscribe = source.subscribe(hear);
    const heartbeat = setInterval(() => response.write(': still here\n\n'), HEARTBEAT_MS);
    const reread = setInterval(() => update(true), REREAD_MS);
    response.once('close', end);
    update();
  });
}
