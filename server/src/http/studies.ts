import type { RequestHandler } from 'express';
import type { Archive, SeriesSummary } from '../dicomweb/archive.ts';
import { NotFound } from '../dicomweb/errors.ts';
import { judgeSeries, recommend, type SeriesDescription } from '../intake/score.ts';
import { isFinal, type Run } from '../jobs/run.ts';
import type { Segmentations } from '../jobs/segmentations.ts';
import { type StudySeriesView, uidSchema } from './contract.ts';
import { HttpError } from './errors.ts';

const ARCHIVE_ANSWERS_WITHIN_MS = 20_000;
/** Of how many series at once the archive is asked. */
const AT_ONCE = 4;

/** A series with what the archive has of it. */
interface Described extends SeriesDescription {
  /** SOP Instance UIDs; null where they were not asked for. */
  readonly instanceUids: readonly string[] | null;
}

/** GET /api/studies/:study/series: what may be segmented, what is recommended, and what is done already. */
export function listStudySeries(options: {
  readonly archive: Pick<Archive, 'findSeries' | 'findInstances' | 'describeInstance'>;
  readonly segmentations: Pick<Segmentations, 'list'>;
}): RequestHandler {
  const { archive, segmentations } = options;
  return async (request, response) => {
    const study = uidSchema.safeParse(request.params.study);
    if (!study.success) throw new HttpError(422, 'malformed', 'The study is not named by a DICOM UID.');
    const signal = AbortSignal.timeout(ARCHIVE_ANSWERS_WITHIN_MS);
    try {
      const found = await archive.findSeries(study.data, { signal });
      if (found.length === 0) throw new HttpError(404, 'unknown-study', 'The archive has no such study.');
      const described = await inParallel(found, (series) => describe(archive, study.data, series, signal));
      const runs = await segmentations.list({ studyInstanceUid: study.data });
      const recommended = recommend(described);
      response.json(described.map((series) => viewOf(series, series === recommended, runs)));
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new HttpError(502, 'archive-unavailable', 'The archive does not answer in time.');
    }
  };
}

/** Only of CT more is asked than the list of series says; the image in the middle is no localizer that came first. */
async function describe(
  archive: Pick<Archive, 'findInstances' | 'describeInstance'>,
  study: string,
  series: SeriesSummary,
  signal: AbortSignal,
): Promise<Described> {
  const { instances, ...rest } = series;
  if (series.modality !== 'CT') return { ...rest, instances: instances ?? 0, image: null, instanceUids: null };
  const uids = await archive.findInstances(study, series.seriesInstanceUid, { signal });
  const middle = uids[uids.length >> 1];
  const image =
    middle === undefined
      ? null
      : await archive.describeInstance(study, series.seriesInstanceUid, middle, { signal }).catch((error) => {
          if (error instanceof NotFound) return null;
          throw error;
        });
  return { ...rest, instances: uids.length, image, instanceUids: uids };
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

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  const others = new Set(b);
  const ours = new Set(a);
  return ours.size === others.size && a.every((uid) => others.has(uid));
}

async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  const waiting = items.entries();
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (const [index, item] of waiting) results[index] = await work(item);
  });
  await Promise.all(workers);
  return results;
}
