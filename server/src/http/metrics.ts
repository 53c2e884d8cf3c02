import type { RequestHandler } from 'express';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { elapsedMs, RUN_STATES, type Run, type RunState } from '../jobs/run.ts';

/** The figures of one server, for Prometheus. */
export class Metrics {
  readonly #registry = new Registry();
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
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
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
    response.set('Content-Type', this.#registry.contentType).send(await this.#registry.metrics());
  };
}
