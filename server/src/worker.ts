import { createServer } from 'node:http';
import express from 'express';
import { type Logger, pino } from 'pino';
import { type Config, ConfigError } from './config.ts';
import { alive } from './http/health.ts';
import { Metrics } from './http/metrics.ts';
import type { Model } from './inference/model.ts';
import { type Device, probeDevice } from './jobs/device.ts';
import type { EngineOptions } from './jobs/engine.ts';
import { defaultWorkerName } from './jobs/register.ts';
import { requestsFor } from './jobs/requests.ts';
import { Segmentations } from './jobs/segmentations.ts';
import { addressOf, listen, provideDataDir, readModels } from './server.ts';

export interface WorkerProcessOptions {
  readonly config: Config;
  /** Default: JSON lines on standard output, at the configured level, with the worker's name. */
  readonly logger?: Logger;
  /** Default: those in the configuration's folder. */
  readonly models?: readonly Model[];
  readonly engine?: EngineOptions;
  readonly retryDelaySeconds?: number;
  /** Default: the device is tried and reported. */
  readonly probe?: boolean;
}

export interface RunningWorker {
  /** Where its health and metrics are. */
  readonly url: string;
  /** The run in hand goes back into the queue. */
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';

/**
 * Starts a worker: it takes runs from the database, one after the other, and has its engine do them. Nobody asks it for
 * anything over HTTP but how it is.
 * @throws ConfigError when the configuration does not allow it
 */
export async function startWorker(options: WorkerProcessOptions): Promise<RunningWorker> {
  const { config, probe = true } = options;
  const name = config.workerName ?? defaultWorkerName();
  const logger = options.logger ?? pino({ level: config.logLevel, base: { worker: name } });
  const { archive: address, databaseUrl } = config;
  const problems = [
    ...(databaseUrl ? [] : ['DATABASE_URL must name the PostgreSQL that the companion server uses.']),
    ...(address ? [] : ['HEPAR_DICOMWEB_URL must be the address of the archive’s DICOMweb services.']),
  ];
  if (!address || problems.length > 0) throw new ConfigError(problems);
  const models = options.models ?? (await readModels(config, logger));
  if (models.length === 0) throw new ConfigError([`HEPAR_MODELS ${config.modelsDir} holds no model.`]);
  await provideDataDir(config);
  const device = probe ? await tryDevice(models[0]!, config.engine) : null;

  const metrics = new Metrics(null);
  const segmentations = await Segmentations.open({
    archive: address,
    dataDir: config.dataDir,
    databaseUrl,
    logger,
    worker: { kind: 'worker', name, device },
    onEnd: (run) => metrics.runEnded(run),
    ...(options.engine ? { engine: options.engine } : {}),
    retryDelaySeconds: options.retryDelaySeconds ?? config.retrySeconds,
    heartbeatSeconds: config.heartbeatSeconds,
    stuckAfterMs: config.stuckMinutes * 60_000,
    requestFor: requestsFor(config, address, (digest) => models.find((model) => model.digest === digest)),
  });
  const app = express().disable('x-powered-by');
  app.get('/healthz', alive);
  app.get('/metrics', metrics.handler);
  const server = createServer(app);
  try {
    await listen(server, { host: LOOPBACK, port: config.workerPort }, 'HEPAR_WORKER_PORT');
  } catch (error) {
    await segmentations.close();
    throw error;
  }
  const url = addressOf(server, LOOPBACK);
  logger.info({ url, name, ...device, models: models.map(({ manifest }) => manifest.id) }, 'worker ready');
  return {
    url,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await segmentations.close();
      await closed;
      logger.info('stopped');
    },
  };
}

async function tryDevice(model: Model, engine: Config['engine']): Promise<Device> {
  const { provider } = engine;
  try {
    return await probeDevice(model.dir, provider, engine);
  } catch (error) {
    throw new ConfigError([`HEPAR_PROVIDER ${provider} does not run: ${(error as Error).message}`]);
  }
}
