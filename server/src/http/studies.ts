import type { RequestHandler } from 'express';
import type { Archive } from '../dicomweb/archive.ts';
import { judgeSeries, recommend } from '../intake/score.ts';
import { type Described, describeStudy, isSameSet } from '../intake/study.ts';
import { isFinal, type Run } from '../jobs/run.ts';
import type { Segmentations } from '../jobs/segmentations.ts';
import { type StudySeriesView, uidSchema } from './contract.ts';
import { HttpError } from './errors.ts';

const ARCHIVE_ANSWERS_WITHIN_MS = 20_000;
/** GET /api/studies/:study/series: what may be segmented, what is recommended, and what is done already. */
export function listStudySeries(options: {
  readonly archive: Pick<Archive, 'findSeries' | 'findInstances' | 'describeInstance'>;
  readonly segmentations: Pick<Segmentations, 'list' | 'restore'>;
}): RequestHandler {
  const { archive, segmentations } = options;
  return async (request, response) => {
    const study = uidSchema.safeParse(request.params.study);
    if (!study.success) throw new HttpError(422, 'malformed', 'The study is not named by a DICOM UID.');
    const signal = AbortSignal.timeout(ARCHIVE_ANSWERS_WITHIN_MS);
    try {
      const described = await describeStudy(archive, study.data, signal);
      if (described.length === 0) throw new HttpError(404, 'unknown-study', 'The archive has no such study.');
      await segmentations.restore(study.data);
      const runs = await segmentations.list({ studyInstanceUid: study.data });
      const recommended = recommend(described);
      response.json(described.map((series) => viewOf(series, series === recommended, runs)));
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new HttpError(502, 'archive-unavailable', 'The archive does not answer in time.');
    }
  };
}

function viewOf(series: Described, isRecommended: boolean, runs: readonly Run[]): StudySeriesView {
  const judgement = judgeSeries(series);
  const own = runs.filter(({ seriesInstanceUid }) => seriesInstanceUid === series.seriesInstanceUid);
  const active = own.find(({ state }) => !isFinal(state));
  const current = currentOf(own);
  return {
    seriesInstanceUID: series.seriesInstanceUid,
    seriesNumber: series.seriesNumber,
    description: series.description,
    modality: series.modality,
    instances: series.instances,
    suitable: judgement.suitable,
    refusal: judgement.suitable ? null : { code: judgement.code, message: judgement.reason },
    score: judgement.suitable ? judgement.score : null,
    reason: judgement.reason,
    recommended: isRecommended,
    activeRun: active?.id ?? null,
    currentResult: current && {
      run: current.id,
      kind: current.kind,
      reviewer: current.reviewer,
      verdict: current.verdict,
      model: current.model,
      finishedAt: current.finishedAt?.toISOString() ?? null,
      coversAllInstances: series.instanceUids !== null && isSameSet(current.instances, series.instanceUids),
    },
    newerSegmentation: current && newerSegmentation(current, own),
  };
}

/**
 * The newest result that no other result takes the place of. What a person corrected goes before what a model made, also
 * later: nobody's work is put out of sight by a run that a rule or a click began.
 */
function currentOf(runs: readonly Run[]): Run | null {
  const done = newestFirst(runs);
  const superseded = new Set(done.map(({ supersedes }) => supersedes));
  const candidates = done.filter(({ id }) => !superseded.has(id));
  return candidates.find(({ kind }) => kind === 'correction') ?? candidates[0] ?? null;
}

function newerSegmentation(current: Run, runs: readonly Run[]): string | null {
  const [newest] = newestFirst(runs);
  return current.kind === 'correction' && newest?.kind === 'segmentation' ? newest.id : null;
}

function newestFirst(runs: readonly Run[]): Run[] {
  return runs
    .filter(({ state }) => state === 'done')
    .sort((a, b) => (b.finishedAt?.getTime() ?? 0) - (a.finishedAt?.getTime() ?? 0));
}
