import { access, constants, mkdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Logger, pino } from 'pino';
import { type Config, ConfigError } from './config.ts';
import { type Archive, createArchive } from './dicomweb/archive.ts';
import { createApp } from './http/app.ts';
import { createArchiveProxy } from './http/archive-proxy.ts';
import { refuseOpenAddress } from './http/auth.ts';
import { Metrics } from './http/metrics.ts';
import { ModelCatalogue } from './http/models.ts';
import { buildFromSource, servePlugins } from './http/plugins.ts';
import { openViewer } from './http/viewer.ts';
import { listModels, type Model } from './inference/model.ts';
import type { EngineOptions } from './jobs/engine.ts';
import { PipelineFailed } from './jobs/errors.ts';
import { Segmentations } from './jobs/segmentations.ts';

export interface ServerOptions {
  readonly config: Config;
  /** Default: JSON lines on standard output, at the configured level. */
  readonly logger?: Logger;
  /** Default: the archive of the configuration. */
  readonly archive?: Pick<Archive, 'findSeries' | 'findInstances' | 'describeInstance' | 'ping' | 'close'>;
  /** Default: those in the configuration's folder. */
  readonly models?: readonly Model[];
  readonly engine?: EngineOptions;
  readonly retryDelaySeconds?: number;
}

export interface RunningServer {
  /** Where it can be reached, e.g. http://127.0.0.1:8700 */
  readonly url: string;
  /** Whether the viewer is served there. */
  readonly hasViewer: boolean;
  /** The run in hand goes back into the queue; streams of events end. */
  close(): Promise<void>;
}

/** A person waits for the archive's answer: it is asked twice, not five times. */
const ARCHIVE_RETRY = { tries: 2, firstDelayMs: 200 };

/**
 * Starts the companion server: opens the queue, begins to work it off, and listens.
 * @throws ConfigError when the configuration does not allow it
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config } = options;
  refuseOpenAddress(config);
  const logger = options.logger ?? pino({ level: config.logLevel, base: null });
  const { archive: address } = config;
  if (!address) throw new ConfigError(['HEPAR_DICOMWEB_URL must be the address of the archive’s DICOMweb services.']);
  const models = new ModelCatalogue(options.models ?? (await readModels(config, logger)), config.model);
  if (config.model !== undefined && !models.find(undefined)) {
    throw new ConfigError([`HEPAR_MODEL must be the id of a model in ${config.modelsDir}.`]);
  }
  await provideDataDir(config);
  const viewer = config.viewerDir === null ? null : await openViewer(config.viewerDir);
  if (!viewer && config.viewerDir !== null) logger.warn({ dir: config.viewerDir }, 'no viewer there');
  const archive = options.archive ?? createArchive({ ...address, retry: ARCHIVE_RETRY });
  // Metrics and runs each know of the other.
  const metrics = new Metrics(() => segmentations.countByState());
  const segmentations = await Segmentations.open({
    dataDir: config.dataDir,
    databaseUrl: config.databaseUrl,
    logger,
    onEnd: (run) => metrics.runEnded(run),
    ...(options.engine ? { engine: options.engine } : {}),
    ...(options.retryDelaySeconds === undefined ? {} : { retryDelaySeconds: options.retryDelaySeconds }),
    requestFor: (run, outDir) => {
      const model = models.withDigest(run.model.digest);
      if (!model) {
        const which = `${run.model.id} ${run.model.version}`;
        throw new PipelineFailed('ModelGone', `The model ${which} is no longer on this server.`, false);
      }
      return {
        runId: run.id,
        source: {
          kind: 'dicomweb',
          archive: address,
          studyInstanceUid: run.studyInstanceUid,
          seriesInstanceUid: run.seriesInstanceUid,
          instances: run.instances,
        },
        modelDir: model.dir,
        provider: config.provider,
        threads: config.threads,
        outDir,
        store: true,
        supersedes: run.supersedes,
        createdAt: run.createdAt.toISOString(),
        ...(config.priors ? { priors: { kind: 'archive', archive: address } } : {}),
      };
    },
  });
  const proxy = viewer && createArchiveProxy(address);
  const plugins = servePlugins(buildFromSource);
  const app = createApp({ config, segmentations, archive, models, metrics, logger, viewer, plugins, proxy });
  const server = createServer(app);
  try {
    await listen(server, config);
  } catch (error) {
    await segmentations.close();
    throw error;
  }
  const url = addressOf(server, config.host);
  logger.info({ url, models: models.models.map(({ manifest }) => manifest.id) }, 'listening');
  return {
    url,
    hasViewer: viewer !== null,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      await segmentations.close();
      server.closeAllConnections();
      await closed;
      proxy?.close();
      archive.close();
      logger.info('stopped');
    },
  };
}

/** A broken model is named in the log and hides no other. @throws ConfigError when there is no such folder */
async function readModels({ modelsDir }: Config, logger: Logger): Promise<readonly Model[]> {
  const { models, rejected } = await listModels(modelsDir).catch((error) => {
    throw unusable(`HEPAR_MODELS ${modelsDir} cannot be read`, error);
  });
  for (const error of rejected) logger.warn({ problems: error.problems, dir: error.dir }, 'model left out');
  return models;
}

/** @throws ConfigError when nothing can be written there */
async function provideDataDir({ dataDir }: Config): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true });
    await access(dataDir, constants.W_OK);
  } catch (error) {
    throw unusable(`HEPAR_DATA ${dataDir} cannot be written to`, error);
  }
}

/**
 * Tries whether the server could listen where the configuration says, before anything slow is done for it.
 * @throws ConfigError
 */
export async function checkAddress(config: Config): Promise<void> {
  refuseOpenAddress(config);
  const probe = createServer();
  await listen(probe, config);
  await new Promise((resolve) => probe.close(resolve));
}

/** @throws ConfigError when it cannot listen there */
function listen(server: Server, { host, port }: Config): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const advice =
        error.code === 'EADDRINUSE' ? ' Another program listens there; HEPAR_PORT=0 takes a port that is free.' : '';
      reject(unusable(`HEPAR_PORT ${port} of HEPAR_HOST ${host} cannot be had`, error, advice));
    };
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

function unusable(what: string, error: unknown, advice = ''): ConfigError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new ConfigError([`${what}: ${code ?? message}.${advice}`]);
}

function addressOf(server: Server, host: string): string {
  const { port } = server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
