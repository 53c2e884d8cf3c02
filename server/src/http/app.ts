import express, { type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { Archive } from '../dicomweb/archive.ts';
import type { Intake } from '../intake/intake.ts';
import type { Segmentations } from '../jobs/segmentations.ts';
import type { ArchiveProxy } from './archive-proxy.ts';
import { requireKnownHost, requireKnownOrigin, requireToken } from './auth.ts';
import { answerErrors, HttpError, noSuchRoute } from './errors.ts';
import { alive, ready } from './health.ts';
import { logRequests } from './log-requests.ts';
import type { Metrics } from './metrics.ts';
import { listModels, type ModelCatalogue } from './models.ts';
import { openApiDocument } from './openapi.ts';
import { isOperationsPage, operationsRoutes } from './operations.ts';
import { testRules } from './rules.ts';
import { segmentationRoutes } from './segmentations.ts';
import { askToSignIn, signIn } from './sign-in.ts';
import { listStudySeries } from './studies.ts';
import { isPage } from './viewer.ts';
import { receiveWebhook } from './webhook.ts';

export interface AppOptions {
  readonly config: Pick<Config, 'host' | 'auth' | 'allowedHosts' | 'allowedOrigins' | 'webhookSecret'>;
  readonly segmentations: Segmentations;
  readonly archive: Pick<Archive, 'findSeries' | 'findInstances' | 'describeInstance' | 'ping'>;
  readonly models: ModelCatalogue;
  /** Null: nothing is segmented unasked. */
  readonly intake?: Pick<Intake, 'wake' | 'test'> | null;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** The viewer's page and files; null: none here. */
  readonly viewer?: RequestHandler | null;
  /** Our modules for a viewer, here or elsewhere. */
  readonly plugins?: RequestHandler;
  /** The archive, for the viewer; null: none here. */
  readonly proxy?: Pick<ArchiveProxy, 'dicomWeb' | 'wado'> | null;
}

const LARGEST_BODY = '16kb';

/** The server's routes, and what every request passes before it comes to one. */
export function createApp(options: AppOptions): Express {
  const { config, segmentations, archive, models, metrics, logger, viewer, plugins, proxy, intake = null } = options;
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  const runs = segmentationRoutes({ segmentations, archive, models });
  const operations = operationsRoutes({ segmentations, models });
  const description = openApiDocument();

  app.use(logRequests(logger, metrics));
  // It has a secret of its own, and comes from a program: before everything that is for browsers.
  app.post(
    '/webhooks/orthanc',
    receiveWebhook(config.webhookSecret, intake ? () => intake.wake() : undefined, {
      onForged: (count) => logger.warn({ count }, 'messages to the webhook did not know its secret'),
    }),
  );
  app.use(helmet());
  app.use(keepOutOfCaches);
  app.get('/healthz', alive);

  app.use(requireKnownHost(config));
  app.use(requireKnownOrigin(config));
  if (plugins) app.use('/plugins', plugins);
  if (config.auth)
    app.use(
      signIn(config.auth),
      askToSignIn(config.auth, (request) => isOperationsPage(request)),
    );
  if (viewer && config.auth) app.use(askToSignIn(config.auth, isPage));
  app.use('/operations', requireToken(config.auth), operations.page);
  if (viewer) app.use(viewer);
  app.use(requireToken(config.auth));
  if (proxy) app.use('/dicom-web', proxy.dicomWeb).use('/wado', proxy.wado);
  app.use(requireJson);
  // Before the limit for all others: it reads its own body.
  app.post('/api/segmentations/:id/corrections', runs.correct);
  app.use(express.json({ limit: LARGEST_BODY }));

  app.get('/readyz', ready({ archive, segmentations, models }));
  app.get('/metrics', metrics.handler);
  app.get('/openapi.json', (_request, response) => void response.json(description));
  app.get('/api/models', listModels(models));
  app.get('/api/studies/:study/series', listStudySeries({ archive, segmentations }));
  app.post('/api/rules/test', testRules(intake));
  app.post('/api/segmentations', runs.request);
  app.get('/api/segmentations', runs.list);
  app.get('/api/segmentations/:id', runs.get);
  app.delete('/api/segmentations/:id', runs.cancel);
  app.post('/api/segmentations/:id/retry', runs.retry);
  app.post('/api/retries', runs.retryAll);
  app.get('/api/segmentations/:id/events', runs.follow);
  app.get('/api/segmentations/:id/findings', runs.findings);
  app.get('/api/segmentations/:id/preview', runs.preview);
  app.get('/api/segmentations/:id/heatmap', runs.heatMap);
  app.get('/api/segmentations/:id/reviews', runs.reviews);
  app.post('/api/segmentations/:id/reviews', runs.review);

  app.post('/api/reruns', operations.startRerun);
  app.get('/api/reruns', operations.listReruns);
  app.delete('/api/reruns/:model', operations.stopRerun);
  app.get('/api/operations', operations.figures);
  app.get('/api/audit', operations.audit);

  app.use(noSuchRoute);
  app.use(answerErrors(logger));
  return app;
}

/** Answers tell of patients' studies. */
const keepOutOfCaches: RequestHandler = (_request, response, next) => {
  response.set('Cache-Control', 'no-store');
  next();
};

/** A form of another site can be sent without asking first, but not as JSON. */
const requireJson: RequestHandler = (request, _response, next) => {
  if (request.method === 'POST' && !request.is('application/json')) {
    throw new HttpError(415, 'not-json', 'The body must be JSON: Content-Type: application/json.');
  }
  next();
};
