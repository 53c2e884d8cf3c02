import { Refusal } from '../refusal.ts';

/** A series that could be segmented, as its archive or its headers describe it. */
export interface Candidate {
  readonly seriesInstanceUid: string;
  readonly modality: string | null;
  readonly description: string | null;
  readonly instances: number;
  /** Whether its slices are frames of one instance; not every archive tells. */
  readonly multiFrame?: boolean;
}

/** A CT of fewer slices shows no whole liver. */
const LEAST_SLICES = 10;

/**
 * Which series of an input is meant: the one that was named, else the only one that can be suitable.
 * When none can, and only one could be meant, that one is given, for the pipeline to say what is wrong with it.
 * @throws Refusal 'several-series' with their list, 'no-such-series', 'not-ct', 'too-few-slices'
 */
export function chooseSeries<T extends Candidate>(candidates: readonly T[], named: string | undefined): T {
  if (named !== undefined) {
    const found = candidates.find((each) => each.seriesInstanceUid === named);
    if (found) return found;
    throw new Refusal('no-such-series', `There is no series ${named} in the input.`);
  }
  const ct = candidates.filter(({ modality }) => modality === 'CT');
  const suitable = ct.filter(({ instances, multiFrame }) => multiFrame || instances >= LEAST_SLICES);
  const [only, ...others] = [suitable, ct, candidates].find((each) => each.length > 0) ?? [];
  if (only === undefined) throw new Refusal('not-dicom', 'There is no DICOM series in the input.');
  if (others.length === 0) return only;
  if (suitable.length > 1) {
    const message = `There are ${suitable.length} suitable series; choose one with --series UID:`;
    throw new Refusal('several-series', [message, ...suitable.map(line)].join('\n'), { series: suitable.length });
  }
  if (ct.length === 0) {
    const kinds = [...new Set(candidates.map(({ modality }) => modality ?? 'unknown'))].join(', ');
    throw new Refusal('not-ct', `None of the ${candidates.length} series is a CT, but: ${kinds}.`);
  }
  const most = Math.max(...ct.map(({ instances }) => instances));
  throw new Refusal(
    'too-few-slices',
    `None of the ${ct.length} CT series has ${LEAST_SLICES} images or more; the longest has ${most}. If one is multi-frame, choose it with --series UID.`,
    {
      slices: most,
    },
  );
}

/** Series descriptions name protocols, not patients. */
function line({ seriesInstanceUid, description, instances }: Candidate): string {
  return `  ${seriesInstanceUid}  ${instances} instances  ${description ?? ''}`.trimEnd();
}
