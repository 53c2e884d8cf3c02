import type { Dataset } from '../dicom/dataset.ts';
import { DicomError } from '../dicom/errors.ts';
import type { Findings } from '../findings/measure.ts';
import type { Comparison, Priors, UnusedPrior } from '../findings/priors.ts';
import type { CtSeries, Warning } from '../volume/series.ts';
import type { Candidate } from './candidate.ts';
import { type CurrentResult, compareScans, withTrackingUids } from './compare.ts';
import { fieldOfView } from './field-of-view.ts';
import { contradiction } from './patient.ts';
import { type PriorResult, readResult, UnreadablePrior } from './read-result.ts';
import { daysBetween, type ScanTime, scanTime, studyTime } from './scan-time.ts';

/** A result read against the patient's earlier one, as far as there is one that can be used. */
export interface ReadAgainstPriors {
  /** With the Tracking UIDs of the earlier result's lesions, where they are the same. */
  readonly findings: Findings;
  readonly priors: Priors;
  readonly warnings: readonly Warning[];
}

export interface PriorsOptions<C extends Candidate> {
  /** A person named the earlier result: that it is of an earlier time need not be known. */
  readonly isNamed: boolean;
  readonly signal: AbortSignal;
  /** Hears of every candidate that was looked at. */
  readonly onCandidate?: (candidate: C) => void;
  readonly report?: (fraction: number) => void;
}

/** So many that cannot be used are enough to give up: each costs a segmentation's transfer and an alignment. */
const MOST_UNUSED = 4;

/**
 * Reads a result against the first of the candidates that can be used: ours, of the same patient by all that is stated,
 * of an earlier scan, and with a liver that lies over this one.
 * @throws the candidates' errors; the signal's reason when cancelled
 */
export async function readPriors<C extends Candidate>(
  current: CurrentResult & { readonly series: CtSeries },
  candidates: AsyncIterable<C>,
  { isNamed, signal, onCandidate, report = () => {} }: PriorsOptions<C>,
): Promise<ReadAgainstPriors> {
  const unused: UnusedPrior[] = [];
  let comparison: Comparison | null = null;
  for await (const candidate of candidates) {
    signal.throwIfAborted();
    onCandidate?.(candidate);
    const looked = await look(current, candidate, isNamed);
    report((1 + unused.length) / (1 + MOST_UNUSED));
    if (looked === null) continue;
    if ('alignment' in looked) {
      comparison = looked;
      break;
    }
    unused.push(looked);
    if (unused.length === MOST_UNUSED) break;
  }
  const { findings } = current;
  return {
    findings: comparison ? { ...findings, lesions: withTrackingUids(findings.lesions, comparison.lesions) } : findings,
    priors: { comparison, unused },
    warnings: unused.map(({ code, message }) => ({ code: `prior-${code}`, message })),
  };
}

/** null for what is no earlier result at all. */
async function look(
  current: CurrentResult & { readonly series: CtSeries },
  candidate: Candidate,
  isNamed: boolean,
): Promise<Comparison | UnusedPrior | null> {
  const { series } = current;
  let sopInstanceUID: string | null = null;
  const not = (code: string, message: string, figures: Readonly<Record<string, number>> = {}): UnusedPrior => ({
    sopInstanceUID,
    code,
    message,
    figures,
  });
  const result = readable(candidate);
  if (result === null)
    return isNamed ? not('not-ours', 'The segmentation given as prior is no result of Hepar.') : null;
  if (typeof result === 'string') return not('unreadable', `An earlier result was not used: ${result}.`);
  sopInstanceUID = result.seg.sopInstanceUID;
  const against = contradiction(series.header, result.header);
  if (against) return not(against.code, against.message);
  if (result.source.seriesInstanceUid === series.seriesInstanceUid) {
    return isNamed ? not('same-scan', 'The result given as prior is of this very series.') : null;
  }
  const images = await candidate.sourceImages(result.source);
  const interval = intervalBetween(priorTime(images, result), scanTime(series.header));
  if (interval === 'later') {
    if (!isNamed) return null;
    return not('later-scan', 'The result given as prior was not used: its scan is dated after this one.');
  }
  if (interval === null && !isNamed) {
    const message =
      'An earlier result was not used: one of the two scans has no date that can be believed, so that it is not known ' +
      'which came first.';
    return not('undated', message);
  }
  const compared = compareScans(current, {
    result,
    fieldOfView: fieldOfView(images, result.segments.grid.spacingMm[2]),
    intervalDays: interval,
  });
  return 'message' in compared ? not('poor-alignment', compared.message, compared.figures) : compared;
}

/** The result; null when it is not ours; else what is wrong with it. */
function readable({ segs }: Candidate): PriorResult | string | null {
  try {
    return readResult(segs);
  } catch (error) {
    if (error instanceof UnreadablePrior) return error.message;
    if (error instanceof DicomError) return 'its file is damaged';
    throw error;
  }
}

/** A segmentation copies its source's study, but its other dates are its own. */
function priorTime(images: readonly Dataset[], { header }: PriorResult): ScanTime | null {
  return (images[0] && scanTime(images[0])) ?? studyTime(header);
}

/** Days from then to now; null when it is not known which came first. */
function intervalBetween(then: ScanTime | null, now: ScanTime | null): number | 'later' | null {
  if (then === null || now === null) return null;
  const days = daysBetween(then, now);
  if (days < 0 || (then.hasTime && now.hasTime && then.ms > now.ms)) return 'later';
  if (days === 0 && !(then.hasTime && now.hasTime)) return null;
  return days;
}
