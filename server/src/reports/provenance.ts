import type { Dataset } from '../dicom/dataset.ts';
import { NOTICE } from '../findings/schema.ts';
import { dicomText } from './text.ts';

/** Which run made an object, and which run's result it takes the place of. */
export interface Provenance {
  readonly runId: string;
  readonly supersedes: string | null;
  /** Of a correction: the run whose result a person corrected, and who it was where that is known. */
  readonly correction?: { readonly corrects: string; readonly reviewer: string | null } | undefined;
}

/** Manufacturer of every object of ours: by it, a viewer or a server knows them again. */
export const MANUFACTURER = 'Hepar';

/** The text of Image Comments: the notice, and the provenance in words that `provenanceOf` reads again. */
export function provenanceText({ runId, supersedes, correction }: Provenance): string {
  const after = supersedes === null ? '' : ` Supersedes the result of run ${supersedes}.`;
  const corrected = correction
    ? ` Corrected by ${nameOf(correction.reviewer)} from the result of run ${correction.corrects}.`
    : '';
  return dicomText(`${NOTICE} Result of run ${runId}.${after}${corrected}`, 10240);
}

/** Of a person who corrected or judged a result. */
export function nameOf(reviewer: string | null): string {
  return reviewer ?? 'a person who did not sign in';
}

/** The provenance of an object of ours in an archive; null for anything else. */
export function provenanceOf(dataset: Dataset): Provenance | null {
  if (dataset.text('00080070') !== MANUFACTURER) return null;
  const comments = [dataset.text('00204000'), ...commentsInReport(dataset)].join(' ');
  const runId = /Result of run (\S+)\./.exec(comments)?.[1];
  if (runId === undefined) return null;
  const corrects = /from the result of run (\S+)\./.exec(comments)?.[1];
  const reviewer = /Corrected by (.+?) from the result/.exec(comments)?.[1] ?? null;
  return {
    runId,
    supersedes: /Supersedes the result of run (\S+)\./.exec(comments)?.[1] ?? null,
    ...(corrects ? { correction: { corrects, reviewer: reviewer === nameOf(null) ? null : reviewer } } : {}),
  };
}

/** Text of the root's own comments in a structured report: it has no Image Comments. */
function commentsInReport(dataset: Dataset): string[] {
  const items = dataset.items('0040a730').filter((item) => item.items('0040a043')[0]?.text('00080100') === COMMENT);
  return items.map((item) => item.text('0040a160') ?? '');
}

/** (121106, DCM, Comment) */
const COMMENT = '121106';
