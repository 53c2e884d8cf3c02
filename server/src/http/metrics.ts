import type { RequestHandler } from 'express';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Operations } from '../jobs/operations.ts';
import { elapsedMs, RUN_STATES, type Run, type RunState } from '../jobs/run.ts';

/** The figures of one server, for Prometheus. */
export class Metrics {
  readonly #registry = new Registry();
  #refresh: () => Promise<void> = async () => {};
  readonly #ended = new Counter({
    name: 'hepar_runs_ended_total',
    help: 'Runs that ended, by their final state',
    labelNames: ['state'],
    registers: [this.#registry],
  });
  readonly #seconds = new Histogram({
    name: 'hepar_run_seconds',
    help: 'Duration of runs that are done, from the start of their last attempt',
    buckets: [5, 10, 20, 30, 45, 60, 120, 300, 600, 1800],
    registers: [this.#registry],
  });
  readonly #phaseSeconds = new Histogram({
    name: 'hepar_phase_seconds',
    help: 'Duration of the phases of runs that are done',
    labelNames: ['phase'],
    buckets: [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300],
    registers: [this.#registry],
  });
  readonly #requests = new Histogram({
    name: 'hepar_http_request_seconds',
    help: 'Duration of HTTP requests, streams of events left out',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 2, 10],
    registers: [this.#registry],
  });

  /** `countRuns` is asked each time that the figures are read; null: they are another process' to tell. */
  constructor(countRuns: (() => Promise<Partial<Record<RunState, number>>>) | null) {
    collectDefaultMetrics({ register: this.#registry });
    if (!countRuns) return;
    new Gauge({
      name: 'hepar_runs',
      help: 'Runs that the server knows, by state',
      labelNames: ['state'],
      registers: [this.#registry],
      async collect() {
        const counts = await countRuns();
        for (const state of RUN_STATES) this.set({ state }, counts[state] ?? 0);
      },
    });
  }

  /** Adds the figures of the operations page, which are read from the database each time that they are asked for. */
  watch(read: () => Promise<Operations>): void {
    const registers = [this.#registry];
    const gauge = (name: string, help: string, ...labelNames: string[]) =>
      new Gauge({ name: `hepar_${name}`, help, labelNames, registers });
    const waiting = gauge('runs_waiting', 'Runs that wait, by who asked for them', 'origin');
    const oldest = gauge('oldest_waiting_seconds', 'For how long the first of the waiting runs has waited');
    const refused = gauge('runs_refused', 'Refused runs, by the code of the refusal', 'code');
    const failed = gauge('runs_failed', 'Failed runs, by the code of the failure', 'code');
    const silent = gauge('worker_silent_seconds', 'Time since a worker was heard of', 'worker', 'kind', 'device');
    const busy = gauge('worker_busy', '1 while a worker is at work on a run', 'worker');
    const position = gauge('feed_position', 'Last change of the archive that was read', 'source');
    const watched = gauge('feed_watched', 'What was heard of from the archive and has to be looked at', 'source');
    const lag = gauge('feed_lag_seconds', 'For how long the first of what is due has been so', 'source');
    const doneLastHour = gauge('runs_done_last_hour', 'Runs done in the last hour');
    this.#refresh = async () => {
      const now = await read();
      for (const each of [refused, failed, silent, busy, position, watched, lag]) each.reset();
      for (const [origin, count] of Object.entries(now.waiting.byOrigin)) waiting.set({ origin }, count);
      oldest.set(now.waiting.oldestSeconds ?? 0);
      for (const [code, count] of Object.entries(now.refused)) refused.set({ code }, count);
      for (const [code, count] of Object.entries(now.failed)) failed.set({ code }, count);
      for (const { name: worker, kind, device, silentSeconds, runId } of now.workers) {
        silent.set({ worker, kind, device: device ?? '' }, silentSeconds);
        busy.set({ worker }, runId === null ? 0 : 1);
      }
      for (const feed of now.feeds) {
        position.set({ source: feed.source }, feed.position);
        watched.set({ source: feed.source }, feed.watched);
        lag.set({ source: feed.source }, feed.lagSeconds);
      }
      doneLastHour.set(now.speed.doneLastHour);
    };
  }

  runEnded(run: Run): void {
    this.#ended.inc({ state: run.state });
    if (run.state !== 'done') return;
    this.#seconds.observe((elapsedMs(run) ?? 0) / 1000);
    for (const [phase, ms] of Object.entries(run.timingsMs ?? {})) {
      if (ms !== null) this.#phaseSeconds.observe({ phase }, ms / 1000);
    }
  }

  requestEnded(method: string, route: string, status: number, seconds: number): void {
    this.#requests.observe({ method, route, status }, seconds);
  }

  readonly handler: RequestHandler = async (_request, response) => {
    await this.#refresh();
    response.set('Content-Type', this.#registry.contentType).send(await this.#registry.metrics());
  };
}
