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
import { readDefaultModel } from './inference/installed.ts';
import { listModels, type Model } from './inference/model.ts';
import { slidingOptions } from './inference/sliding.ts';
import { Intake } from './intake/intake.ts';
import { Orthanc } from './intake/orthanc.ts';
import { RulesError } from './intake/rules.ts';
import { RulesFile } from './intake/rules-file.ts';
import type { EngineOptions } from './jobs/engine.ts';
import { readOperations } from './jobs/operations.ts';
import { requestsFor } from './jobs/requests.ts';
import { Segmentations } from './jobs/segmentations.ts';
import { unusual } from './reports/options.ts';

export interface ServerOptions {
  readonly config: Config;
  /** Default: JSON lines on standard output, at the configured level. */
  readonly logger?: Logger;
  /** Default: the archive of the configuration. */
  readonly archive?: Pick<
    Archive,
    'url' | 'findStudiesOfDays' | 'findSeries' | 'findInstances' | 'describeInstance' | 'ping' | 'close'
  >;
  /** Default: those in the configuration's folder. */
  readonly models?: readonly Model[];
  readonly engine?: EngineOptions;
  readonly retryDelaySeconds?: number;
  readonly stuckAfterMs?: number;
}

export interface RunningServer {
  /** Where it can be reached, e.g. http://127.0.0.1:8700 */
  readonly url: string;
  /** Whether the viewer is served there. */
  readonly hasViewer: boolean;
  /** What has series segmented as they arrive; null: nothing does. */
  readonly intake: Pick<Intake, 'status' | 'wake'> | null;
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
  const chosen = config.model ?? (options.models ? undefined : await readDefaultModel(config.modelsDir));
  const models = new ModelCatalogue(options.models ?? (await readModels(config, logger)), chosen);
  if (!config.hasEngine && config.databaseUrl === undefined) {
    throw new ConfigError(['HEPAR_WORKER=off needs DATABASE_URL: without it no other process can do the work.']);
  }
  if (chosen !== undefined && !models.find(undefined)) {
    throw new ConfigError([
      config.model === undefined
        ? `The default model '${chosen}' is no usable model in ${config.modelsDir}: choose one with hepar models default.`
        : `HEPAR_MODEL must be the id of a model in ${config.modelsDir}.`,
    ]);
  }
  const rules = await openRules(config, models, logger);
  await provideDataDir(config);
  const viewer = config.viewerDir === null ? null : await openViewer(config.viewerDir);
  if (!viewer && config.viewerDir !== null) logger.warn({ dir: config.viewerDir }, 'no viewer there');
  const archive = options.archive ?? createArchive({ ...address, retry: ARCHIVE_RETRY });
  // Metrics and runs each know of the other.
  const metrics = new Metrics(() => segmentations.countByState());
  const segmentations = await Segmentations.open({
    archive: address,
    dataDir: config.dataDir,
    databaseUrl: config.databaseUrl,
    resultOptions: { ...unusual(config.results), ...slidingOptions(config.engine.sliding) },
    logger,
    onEnd: (run) => metrics.runEnded(run),
    ...(options.engine ? { engine: options.engine } : {}),
    retryDelaySeconds: options.retryDelaySeconds ?? config.retrySeconds,
    requestFor: requestsFor(config, address, (digest) => models.withDigest(digest)),
    heartbeatSeconds: config.heartbeatSeconds,
    stuckAfterMs: options.stuckAfterMs ?? config.stuckMinutes * 60_000,
    worker: config.hasEngine ? { kind: 'companion', name: config.workerName } : null,
  });
  metrics.watch(() => readOperations(segmentations.db));
  const orthanc = config.orthancUrl && rules ? new Orthanc({ ...address, url: config.orthancUrl }) : null;
  const intake =
    rules &&
    Intake.start({
      archive,
      orthanc,
      rules,
      segmentations,
      db: segmentations.db,
      isShared: segmentations.isShared,
      findModel: (id) => {
        const model = models.find(id);
        return model ? { id: model.manifest.id, version: model.manifest.version, digest: model.digest } : null;
      },
      pollMs: config.intakeSeconds * 1000,
      logger,
      ...(options.retryDelaySeconds === undefined ? {} : { firstDelaySeconds: options.retryDelaySeconds }),
    });
  const proxy = viewer && createArchiveProxy(address);
  const plugins = servePlugins(buildFromSource);
  const app = createApp({ config, segmentations, archive, models, intake, metrics, logger, viewer, plugins, proxy });
  const server = createServer(app);
  try {
    await listen(server, config);
  } catch (error) {
    await intake?.close();
    await segmentations.close();
    throw error;
  }
  const url = addressOf(server, config.host);
  logger.info({ url, models: models.models.map(({ manifest }) => manifest.id) }, 'listening');
  return {
    url,
    hasViewer: viewer !== null,
    intake,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      await intake?.close();
      await segmentations.close();
      server.closeAllConnections();
      await closed;
      proxy?.close();
      orthanc?.close();
      archive.close();
      logger.info('stopped');
    },
  };
}

/** A broken model is named in the log and hides no other. @throws ConfigError when there is no such folder */
export async function readModels({ modelsDir }: Config, logger: Logger): Promise<readonly Model[]> {
  const { models, rejected } = await listModels(modelsDir).catch((error) => {
    throw unusable(`HEPAR_MODELS ${modelsDir} cannot be read`, error);
  });
  for (const error of rejected) logger.warn({ problems: error.problems, dir: error.dir }, 'model left out');
  return models;
}

/** The rules, when there are any. @throws ConfigError with a line for each mistake in them */
async function openRules(config: Config, models: ModelCatalogue, logger: Logger): Promise<RulesFile | null> {
  const { rulesFile: path, orthancUrl } = config;
  if (path === null) return null;
  const context = { hasModel: (id: string) => models.find(id) !== undefined, hasOrthanc: orthancUrl !== undefined };
  return RulesFile.open(path, context, logger).catch((error) => {
    if (!(error instanceof RulesError)) throw error;
    throw new ConfigError(error.problems.map((problem) => `HEPAR_RULES ${path}: ${problem}`));
  });
}

/** @throws ConfigError when nothing can be written there */
export async function provideDataDir({ dataDir }: Config): Promise<void> {
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
export function listen(
  server: Server,
  { host, port }: Pick<Config, 'host' | 'port'>,
  name = 'HEPAR_PORT',
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const advice =
        error.code === 'EADDRINUSE' ? ` Another program listens there; ${name}=0 takes a port that is free.` : '';
      reject(unusable(`${name} ${port} of HEPAR_HOST ${host} cannot be had`, error, advice));
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

export function addressOf(server: Server, host: string): string {
  const { port } = server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
