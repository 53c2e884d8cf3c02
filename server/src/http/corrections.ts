import { Worker } from 'node:worker_threads';
import express, { type RequestHandler } from 'express';
import type { FindingsDocument } from '../findings/schema.ts';
import { CLICK, type Run } from '../jobs/run.ts';
import type { Segmentations } from '../jobs/segmentations.ts';
import type { CorrectionThreadAnswer, CorrectionThreadData } from './correction-thread.ts';
import { HttpError } from './errors.ts';
import { type FindRun, finishedRun, reviewerOf } from './runs.ts';
import { viewOf } from './views.ts';

/** Unpacked. Runs of a liver with many lesions on hundreds of slices are a few megabytes. */
const LARGEST_CORRECTION = '32mb';
/** What JSON of that size becomes in memory, with room to check it. */
const THREAD_MEMORY_MB = 1024;
const THREAD = new URL('./correction-thread.ts', import.meta.url);

/**
 * POST /api/segmentations/:id/corrections, as handlers one after the other: nobody sends megabytes for a run that cannot be
 * corrected. The body is read in a thread of its own.
 */
export function correctionHandlers(options: {
  readonly segmentations: Segmentations;
  readonly findRun: FindRun;
}): RequestHandler[] {
  const { segmentations, findRun } = options;

  async function corrected(run: Run): Promise<FindingsDocument> {
    const findings = await segmentations.findings(run.id);
    if (!findings) throw new HttpError(404, 'result-gone', 'The result is no longer on this server.');
    if (findings.objects.seg === null) {
      throw new HttpError(409, 'not-stored', 'The result is not in the archive: there is nothing to correct.');
    }
    return findings;
  }

  return [
    async (request, response, next) => {
      const run = await finishedRun(findRun, request);
      response.locals.corrected = { run, findings: await corrected(run) };
      next();
    },
    express.raw({ type: 'application/json', limit: LARGEST_CORRECTION }),
    async (request, response) => {
      const { run, findings } = response.locals.corrected as { run: Run; findings: FindingsDocument };
      const json: unknown = request.body;
      if (!Buffer.isBuffer(json)) throw new HttpError(422, 'malformed', 'There is no body.');
      const { slices, columns, rows } = findings.series;
      const trackingUids = findings.lesions.map(({ trackingUid }) => trackingUid);
      const { instances } = run;
      const { digest, payload } = await inTurn(() =>
        read({ json, corrected: { instances, slices, columns, rows, trackingUids } }),
      );
      const reviewer = reviewerOf(response);
      const parts = {
        studyInstanceUid: run.studyInstanceUid,
        seriesInstanceUid: run.seriesInstanceUid,
        instances,
        model: run.model,
        repeat: 0,
        correction: { corrects: run.id, reviewer, digest, payload },
      };
      const { run: asked, queued } = await segmentations.request(parts, { ...CLICK, by: reviewer ?? undefined });
      if (queued) {
        const { id: runId, seriesInstanceUid } = run;
        await segmentations.audit.add({
          event: 'corrected',
          runId,
          seriesInstanceUid,
          who: reviewer,
          details: { by: asked.id },
        });
      }
      const fresh = (await segmentations.get(asked.id)) ?? asked;
      response
        .status(queued ? 202 : 200)
        .location(`/api/segmentations/${asked.id}`)
        .json(viewOf(fresh, segmentations.progressOf(asked.id)));
    },
  ];
}

let last: Promise<unknown> = Promise.resolve();

/** One at a time: each may take hundreds of megabytes. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const done = last.then(work);
  last = done.catch(() => {});
  return done;
}

/** @throws HttpError 422 when it cannot be a correction of this result, 413 when it is too much to read */
function read(data: CorrectionThreadData): Promise<{ digest: string; payload: Uint8Array }> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(THREAD, {
      workerData: data,
      resourceLimits: { maxOldGenerationSizeMb: THREAD_MEMORY_MB },
    });
    thread.once('message', (answer: CorrectionThreadAnswer) => {
      if (answer.kind === 'read') resolve(answer);
      else reject(new HttpError(422, answer.code, answer.message));
    });
    thread.once('error', (error: NodeJS.ErrnoException) => {
      const isTooMuch = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      reject(isTooMuch ? new HttpError(413, 'too-large', 'The body is too large.') : error);
    });
    thread.once('exit', () => reject(new Error('The thread that reads corrections ended without a word.')));
  });
}
