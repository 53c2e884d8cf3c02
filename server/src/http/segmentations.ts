import type { Request, RequestHandler, Response } from 'express';
import type { Archive } from '../dicomweb/archive.ts';
import { CLICK, type Run } from '../jobs/run.ts';
import type { Segmentations } from '../jobs/segmentations.ts';
import type { FILES } from '../result-folder.ts';
import { listQuerySchema, type SegmentationView, segmentationRequestSchema } from './contract.ts';
import { correctionHandlers } from './corrections.ts';
import { HttpError } from './errors.ts';
import { streamEvents } from './events.ts';
import type { ModelCatalogue } from './models.ts';
import { parse } from './parse.ts';
import { reviewRoutes } from './reviews.ts';
import { type FindRun, finishedRun, knownRun } from './runs.ts';
import { viewOf } from './views.ts';

export interface SegmentationRoutes {
  request: RequestHandler;
  list: RequestHandler;
  get: RequestHandler;
  cancel: RequestHandler;
  retry: RequestHandler;
  retryAll: RequestHandler;
  follow: RequestHandler;
  findings: RequestHandler;
  preview: RequestHandler;
  heatMap: RequestHandler;
  correct: RequestHandler[];
  review: RequestHandler;
  reviews: RequestHandler;
}

/** The archive's answer is waited for while a person waits for ours. */
const ARCHIVE_ANSWERS_WITHIN_MS = 20_000;

/** Named here as the pipeline names them, whose module would bring the whole inference into the server's process. */
const FINDINGS: (typeof FILES)['findings'] = 'findings.json';
const PREVIEW: (typeof FILES)['preview'] = 'preview.png';
const HEAT_MAP: (typeof FILES)['heatMap'] = 'heatmap.png';

/** The routes under /api/segmentations. */
export function segmentationRoutes(options: {
  readonly segmentations: Segmentations;
  readonly archive: Pick<Archive, 'findInstances'>;
  readonly models: ModelCatalogue;
}): SegmentationRoutes {
  const { segmentations, archive, models } = options;
  const view = (run: Run): SegmentationView => viewOf(run, segmentations.progressOf(run.id));

  const findRun: FindRun = (id) => segmentations.get(id);
  const known = (request: Request): Promise<Run> => knownRun(findRun, request);

  async function sendResult(request: Request, response: Response, file: string, mediaType: string): Promise<void> {
    const run = await finishedRun(findRun, request);
    const content = await segmentations.readResult(run.id, file);
    if (!content && file === HEAT_MAP && !hasHeatMap(run)) {
      throw new HttpError(404, 'no-heat-map', 'There is no heat map: what made this result has no output for one.');
    }
    if (!content) throw new HttpError(404, 'result-gone', 'The result is no longer on this server.');
    response.type(mediaType).set('Cache-Control', 'private, no-cache').send(content);
  }

  /** Whether a heat map was made with the run's result; also true where the model is no longer here to tell. */
  function hasHeatMap({ kind, model }: Run): boolean {
    const { segment } = models.withDigest(model.digest)?.manifest.cascade ?? {};
    return kind === 'segmentation' && (segment === undefined || segment.presence !== undefined);
  }

  return {
    request: async (request, response) => {
      const {
        studyInstanceUID,
        seriesInstanceUID,
        model: modelId,
        repeat,
      } = parse(segmentationRequestSchema, request.body);
      const model = models.find(modelId);
      if (!model) {
        const message = modelId === undefined ? 'There is no model on this server.' : 'There is no model of this id.';
        throw new HttpError(
          modelId === undefined ? 503 : 422,
          'unknown-model',
          `${message} GET /api/models lists them.`,
        );
      }
      const signal = AbortSignal.timeout(ARCHIVE_ANSWERS_WITHIN_MS);
      const instances = await archive.findInstances(studyInstanceUID, seriesInstanceUID, { signal }).catch((error) => {
        if (!signal.aborted) throw error;
        throw new HttpError(502, 'archive-unavailable', 'The archive does not answer in time.');
      });
      if (instances.length === 0) throw new HttpError(404, 'unknown-series', 'The archive has no such series.');
      await segmentations.restore(studyInstanceUID);
      const { run, queued } = await segmentations.request(
        {
          studyInstanceUid: studyInstanceUID,
          seriesInstanceUid: seriesInstanceUID,
          instances,
          model: { id: model.manifest.id, version: model.manifest.version, digest: model.digest },
          repeat,
        },
        { ...CLICK, by: response.locals.user },
      );
      response
        .status(queued ? 202 : 200)
        .location(`/api/segmentations/${run.id}`)
        .json(view((await segmentations.get(run.id)) ?? run));
    },

    list: async (request, response) => {
      const { study, series, state, delivery } = parse(listQuerySchema, request.query);
      if (study !== undefined) await segmentations.restore(study);
      const runs = await segmentations.list({ studyInstanceUid: study, seriesInstanceUid: series, state, delivery });
      response.json(runs.map(view));
    },

    get: async (request, response) => {
      response.json(view(await known(request)));
    },

    cancel: async (request, response) => {
      const { id } = await known(request);
      const cancelling = await segmentations.cancel(id, response.locals.user);
      if (!cancelling) throw new HttpError(404, 'unknown-run', 'There is no such run.');
      const { run, outcome } = cancelling;
      if (outcome === 'finished') {
        throw new HttpError(409, 'finished', `The run is ${run.state}: it cannot be cancelled any more.`);
      }
      response.status(outcome === 'cancelled' ? 200 : 202).json(view(run));
    },

    retry: async (request, response) => {
      const { id, state } = await known(request);
      const run = await segmentations.retry(id, response.locals.user);
      if (!run) throw new HttpError(409, 'not-failed', `The run is ${state}: only a failed one can be retried.`);
      response.status(202).json(view(run));
    },

    retryAll: async (_request, response) => {
      response.status(202).json({ retried: await segmentations.retryAll(response.locals.user) });
    },

    follow: async (request, response) => {
      const { id } = await known(request);
      await streamEvents(request, response, {
        read: () => segmentations.get(id),
        view,
        subscribe: (listener) => segmentations.subscribe(id, listener),
      });
    },

    findings: (request, response) => sendResult(request, response, FINDINGS, 'application/json'),
    preview: (request, response) => sendResult(request, response, PREVIEW, 'image/png'),
    heatMap: (request, response) => sendResult(request, response, HEAT_MAP, 'image/png'),
    correct: correctionHandlers({ segmentations, findRun }),
    ...reviewRoutes({ segmentations, findRun }),
  };
}
