import type { z } from 'zod';
import {
  aliveSchema,
  auditQuerySchema,
  auditSchema,
  correctionRequestSchema,
  emptySchema,
  errorSchema,
  findingsResponseSchema,
  listQuerySchema,
  modelListSchema,
  operationsSchema,
  readinessSchema,
  rerunListSchema,
  rerunRequestSchema,
  rerunSchema,
  retriedSchema,
  reviewListSchema,
  reviewRequestSchema,
  reviewSchema,
  rulesTestRequestSchema,
  rulesTestSchema,
  segmentationListSchema,
  segmentationRequestSchema,
  segmentationSchema,
  studySeriesListSchema,
  webhookAcceptedSchema,
  webhookSchema,
} from './contract.ts';

/** A body that is no JSON: its media type. */
interface Media {
  readonly mediaType: string;
  readonly description?: string;
}

export interface Route {
  readonly method: 'get' | 'post' | 'delete';
  /** With `:id` for a run's id and `:study` for a study's UID. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  /** Open to everybody, also when the server asks for a token. */
  readonly open?: true;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  /** What each status brings; errors that any route may give need not be named. */
  readonly answers: Readonly<Record<number, { readonly says: string; readonly body?: z.ZodType | Media }>>;
}

const error = (says: string) => ({ says, body: errorSchema });
const unknownRun = error('No such run');

export const ROUTES = {
  requestSegmentation: {
    method: 'post',
    path: '/api/segmentations',
    summary: 'Have a series segmented',
    description:
      'The same request twice is one run. A run that failed or was cancelled is queued again. The Location header names the run.',
    body: segmentationRequestSchema,
    answers: {
      202: { says: 'Queued', body: segmentationSchema },
      200: { says: 'This run is known', body: segmentationSchema },
      404: error('The archive has no such series'),
      422: error('The request is malformed'),
      502: error('The archive cannot be reached or does not answer as it should'),
    },
  },
  listSegmentations: {
    method: 'get',
    path: '/api/segmentations',
    summary: 'The runs of a study or a series, newest first, at most 200',
    query: listQuerySchema,
    answers: { 200: { says: 'The runs', body: segmentationListSchema }, 422: error('The query is malformed') },
  },
  getSegmentation: {
    method: 'get',
    path: '/api/segmentations/:id',
    summary: 'One run: its state, how far it has come, or why it ended',
    answers: { 200: { says: 'The run', body: segmentationSchema }, 404: unknownRun },
  },
  cancelSegmentation: {
    method: 'delete',
    path: '/api/segmentations/:id',
    summary: 'Cancel a run',
    description: 'Nothing that was stored is deleted.',
    answers: {
      200: { says: 'It is cancelled', body: segmentationSchema },
      202: { says: 'It is being cancelled; its state tells when it has stopped', body: segmentationSchema },
      404: unknownRun,
      409: error('It has ended otherwise'),
    },
  },
  followSegmentation: {
    method: 'get',
    path: '/api/segmentations/:id/events',
    summary: 'The course of a run, as server-sent events',
    description:
      "Events 'state' (the state has changed; the first event always) and 'progress'. The data of both are the whole run as " +
      "JSON, so that none depends on another. The stream ends after a final state; its id is 'end', and a client that " +
      'reconnects with Last-Event-ID: end gets 204. EventSource cannot send a token: with tokens, read it with fetch.',
    answers: {
      200: { says: 'The events', body: { mediaType: 'text/event-stream' } },
      204: { says: 'The run has ended, and you know' },
      404: unknownRun,
    },
  },
  getFindings: {
    method: 'get',
    path: '/api/segmentations/:id/findings',
    summary: 'What was found and measured',
    answers: {
      200: { says: 'The findings', body: findingsResponseSchema },
      404: unknownRun,
      409: error('The run is not done'),
    },
  },
  getPreview: {
    method: 'get',
    path: '/api/segmentations/:id/preview',
    summary: 'A picture: slices with outlines',
    answers: {
      200: { says: 'The picture', body: { mediaType: 'image/png' } },
      404: unknownRun,
      409: error('The run is not done'),
    },
  },
  getHeatMap: {
    method: 'get',
    path: '/api/segmentations/:id/heatmap',
    summary: 'A picture: how probable it is, patch by patch, that there is lesion',
    description: 'Of models that have an output for it: for others, and for corrections, the error is no-heat-map.',
    answers: {
      200: { says: 'The picture', body: { mediaType: 'image/png' } },
      404: error('No such run, or a run without a heat map'),
      409: error('The run is not done'),
    },
  },
  correctSegmentation: {
    method: 'post',
    path: '/api/segmentations/:id/corrections',
    summary: 'Keep what a person made of a result',
    description:
      'The whole label map as edited, at most 32 MB unpacked; Content-Encoding gzip is understood. Holes in the liver are ' +
      'mended, lesions numbered and measured anew, and a new segmentation is stored that says which segments a person drew; ' +
      'the old one stays. It is a run like any other, with progress and findings: the same correction twice is one run. A ' +
      "run that ends as refused with the code 'nothing-changed' found no voxel changed.",
    body: correctionRequestSchema,
    answers: {
      202: { says: 'Queued', body: segmentationSchema },
      200: { says: 'This correction is known', body: segmentationSchema },
      404: unknownRun,
      409: error('The run is not done, or its result is not in the archive'),
      413: error('It is too large'),
      422: error('It is malformed, or of other slices than the result'),
    },
  },
  reviewSegmentation: {
    method: 'post',
    path: '/api/segmentations/:id/reviews',
    summary: 'Accept or reject a result',
    description:
      'Kept as a structured report beside the result in the archive, under the name of whoever signed in. A second verdict ' +
      'of the same person takes the place of the first in the list; both stay in the archive. When the archive is down ' +
      'nothing is kept, and the same request carries it through later.',
    body: reviewRequestSchema,
    answers: {
      201: { says: 'It is kept', body: reviewSchema },
      200: { says: "This was the person's latest verdict already", body: reviewSchema },
      404: unknownRun,
      409: error('The run is not done'),
      422: error('The request is malformed'),
      502: error('The archive cannot be reached or does not take it'),
    },
  },
  listReviews: {
    method: 'get',
    path: '/api/segmentations/:id/reviews',
    summary: 'The latest verdict of each person, newest first',
    answers: { 200: { says: 'The reviews', body: reviewListSchema }, 404: unknownRun },
  },
  retrySegmentation: {
    method: 'post',
    path: '/api/segmentations/:id/retry',
    summary: 'Queue a failed run once more',
    body: emptySchema,
    answers: {
      202: { says: 'Queued', body: segmentationSchema },
      404: unknownRun,
      409: error('It is not failed'),
    },
  },
  retryAll: {
    method: 'post',
    path: '/api/retries',
    summary: 'Queue every failed run once more',
    body: emptySchema,
    answers: { 202: { says: 'How many were queued', body: retriedSchema } },
  },
  startRerun: {
    method: 'post',
    path: '/api/reruns',
    summary: 'Have everything that other models have segmented segmented by this one, in the background',
    description:
      'Behind all other runs, and at most so many in an hour. Asked for again, it goes on at the new pace. What a person has ' +
      'corrected is left alone.',
    body: rerunRequestSchema,
    answers: {
      202: { says: 'It is under way', body: rerunSchema },
      422: error('The request is malformed, or there is no such model'),
    },
  },
  listReruns: {
    method: 'get',
    path: '/api/reruns',
    summary: 'Reruns, and how far they have come',
    answers: { 200: { says: 'The reruns', body: rerunListSchema } },
  },
  stopRerun: {
    method: 'delete',
    path: '/api/reruns/:model',
    summary: 'Stop a rerun; what it has queued stays',
    answers: { 200: { says: 'It is stopped', body: rerunSchema }, 404: error('None of this model is under way') },
  },
  getOperations: {
    method: 'get',
    path: '/api/operations',
    summary: 'How the whole is doing: runs, speed, workers, the archive’s feed',
    answers: { 200: { says: 'The figures', body: operationsSchema } },
  },
  getAudit: {
    method: 'get',
    path: '/api/audit',
    summary: 'Who asked for what, stored where, reviewed by whom; at most 1,000 entries after a number',
    query: auditQuerySchema,
    answers: { 200: { says: 'The entries', body: auditSchema }, 422: error('The query is malformed') },
  },
  listStudySeries: {
    method: 'get',
    path: '/api/studies/:study/series',
    summary: 'The series of a study: which can be segmented, which is recommended and why, and what is done already',
    answers: {
      200: { says: 'The series', body: studySeriesListSchema },
      404: error('The archive has no such study'),
      422: error('The study is not named by a UID'),
      502: error('The archive cannot be reached or does not answer as it should'),
    },
  },
  testRules: {
    method: 'post',
    path: '/api/rules/test',
    summary: 'Which series of a study the rules would have segmented, and why not each other one',
    body: rulesTestRequestSchema,
    answers: {
      200: { says: 'Each series of the study', body: rulesTestSchema },
      404: error('The archive has no such study'),
      409: error('This server has no rules'),
      422: error('The request is malformed'),
      502: error('The archive cannot be reached or does not answer as it should'),
    },
  },
  orthancWebhook: {
    method: 'post',
    path: '/webhooks/orthanc',
    summary: 'The archive says that something has arrived',
    description:
      'A wake-up only: what has arrived is read from the archive. X-Hepar-Secret holds the secret, or X-Hepar-Timestamp ' +
      '(seconds since 1970) and X-Hepar-Signature (HMAC-SHA256 of timestamp, full stop and body) prove that it is known.',
    open: true,
    body: webhookSchema,
    answers: {
      202: { says: 'Heard', body: webhookAcceptedSchema },
      401: error('The secret or the signature is wrong, or the time stamp is not of now'),
      404: error('This server has no webhook'),
      422: error('The request is malformed'),
    },
  },
  listModels: {
    method: 'get',
    path: '/api/models',
    summary: 'The models that a request may name',
    answers: { 200: { says: 'The models', body: modelListSchema } },
  },
  alive: {
    method: 'get',
    path: '/healthz',
    summary: 'Whether the server runs',
    open: true,
    answers: { 200: { says: 'It does', body: aliveSchema } },
  },
  ready: {
    method: 'get',
    path: '/readyz',
    summary: 'Whether a series could be segmented now',
    answers: {
      200: { says: 'Yes', body: readinessSchema },
      503: { says: 'No, and why', body: readinessSchema },
    },
  },
  metrics: {
    method: 'get',
    path: '/metrics',
    summary: 'Figures for Prometheus',
    answers: { 200: { says: 'The figures', body: { mediaType: 'text/plain' } } },
  },
  openapi: {
    method: 'get',
    path: '/openapi.json',
    summary: 'This description',
    answers: { 200: { says: 'OpenAPI 3.1', body: { mediaType: 'application/json' } } },
  },
} satisfies Record<string, Route>;
