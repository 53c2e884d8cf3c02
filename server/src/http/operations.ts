import type { Request, RequestHandler } from 'express';
import { type Operations, readOperations } from '../jobs/operations.ts';
import type { Rerun } from '../jobs/reruns.ts';
import type { Segmentations } from '../jobs/segmentations.ts';
import { VERSION } from '../version.ts';
import {
  type AuditView,
  auditQuerySchema,
  type OperationsView,
  type RerunView,
  rerunRequestSchema,
} from './contract.ts';
import { HttpError } from './errors.ts';
import type { ModelCatalogue } from './models.ts';
import { operationsMain, operationsPage, SCRIPT } from './operations-page.ts';
import { parse } from './parse.ts';

export interface OperationsRoutes {
  figures: RequestHandler;
  audit: RequestHandler;
  startRerun: RequestHandler;
  listReruns: RequestHandler;
  stopRerun: RequestHandler;
  /** The page, its inner part alone, and its script. */
  page: RequestHandler;
}

/** Whether somebody opens the page with a browser. */
export function isOperationsPage({ method, path }: Request): boolean {
  return method === 'GET' && path === '/operations';
}

/** What the person needs who looks after the whole. */
export function operationsRoutes(options: {
  readonly segmentations: Pick<Segmentations, 'db' | 'audit' | 'reruns'>;
  readonly models: ModelCatalogue;
}): OperationsRoutes {
  const { segmentations, models } = options;
  const { audit, reruns } = segmentations;
  const figures = async (): Promise<OperationsView> =>
    viewOf(await readOperations(segmentations.db), await reruns.list());

  return {
    figures: async (_request, response) => {
      response.json(await figures());
    },

    audit: async (request, response) => {
      const { after, run } = parse(auditQuerySchema, request.query);
      const entries = await audit.list(after, { runId: run });
      const view: AuditView = entries.map(({ runId, seriesInstanceUid, at, ...entry }) => ({
        ...entry,
        at: at.toISOString(),
        run: runId,
        seriesInstanceUID: seriesInstanceUid,
      }));
      response.json(view);
    },

    startRerun: async (request, response) => {
      const { model: id, since, perHour } = parse(rerunRequestSchema, request.body);
      const model = models.find(id);
      if (!model)
        throw new HttpError(422, 'unknown-model', 'There is no model of this id. GET /api/models lists them.');
      const by: string | null = response.locals.user ?? null;
      const ref = { id: model.manifest.id, version: model.manifest.version, digest: model.digest };
      await audit.add({
        event: 'rerun-asked',
        who: by,
        details: { model: `${ref.id} ${ref.version}`, since: since ?? null, perHour },
      });
      const rerun = await reruns.start({ model: ref, since: since ? new Date(since) : null, perHour, by });
      response.status(202).json(rerunView(rerun));
    },

    listReruns: async (_request, response) => {
      response.json((await reruns.list()).map(rerunView));
    },

    stopRerun: async (request, response) => {
      const rerun = await reruns.stop(String(request.params.model));
      if (!rerun) throw new HttpError(404, 'no-rerun', 'No rerun of this model is under way.');
      await audit.add({ event: 'rerun-stopped', who: response.locals.user, details: { model: rerun.model.id } });
      response.json(rerunView(rerun));
    },

    page: async (request, response, next) => {
      if (request.method !== 'GET') return next();
      if (request.path === '/script.js') return void response.type('text/javascript').send(SCRIPT);
      if (request.path !== '/') return next();
      const view = await figures();
      response.type('html').send(request.query.part === 'main' ? operationsMain(view) : operationsPage(view));
    },
  };
}

function viewOf(operations: Operations, reruns: readonly Rerun[]): OperationsView {
  return {
    version: VERSION,
    ...operations,
    refused: { ...operations.refused },
    failed: { ...operations.failed },
    workers: operations.workers.map(({ startedAt, heartbeatAt, ...worker }) => ({
      ...worker,
      startedAt: startedAt.toISOString(),
      heartbeatAt: heartbeatAt.toISOString(),
    })),
    feeds: [...operations.feeds],
    reruns: reruns.map(rerunView),
  };
}

function rerunView({ since, askedAt, ...rerun }: Rerun): RerunView {
  return { ...rerun, since: since?.toISOString() ?? null, askedAt: askedAt.toISOString() };
}
