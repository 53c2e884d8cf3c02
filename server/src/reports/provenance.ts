import type { Dataset } from '../dicom/dataset.ts';
import { NOTICE } from '../findings/schema.ts';
import { dicomText } from './text.ts';

/** Which run made an object, and which run's result it takes the place of. */
export interface Provenance {
  readonly runId: string;
  readonly supersedes: string | null;
}

/** Manufacturer of every object of ours: by it, a viewer or a server knows them again. */
export const MANUFACTURER = 'Hepar';

/** The text of Image Comments: the notice, and the provenance in words that `provenanceOf` reads again. */
export function provenanceText({ runId, supersedes }: Provenance): string {
  const after = supersedes === null ? '' : ` Supersedes the result of run ${supersedes}.`;
  return dicomText(`${NOTICE} Result of run ${runId}.${after}`, 10240);
}

/** The provenance of an object of ours in an archive; null for anything else. */
export function provenanceOf(dataset: Dataset): Provenance | null {
  if (dataset.text('00080070') !== MANUFACTURER) return null;
  const comments = [dataset.text('00204000'), ...commentsInReport(dataset)].join(' ');
  const runId = /Result of run (\S+)\./.exec(comments)?.[1];
  if (runId === undefined) return null;
  return { runId, supersedes: /Supersedes the result of run (\S+)\./.exec(comments)?.[1] ?? null };
}

/** Text of the root's own comments in a structured report: it has no Image Comments. */
function commentsInReport(dataset: Dataset): string[] {
  const items = dataset.items('0040a730').filter((item) => item.items('0040a043')[0]?.text('00080100') === COMMENT);
  return items.map((item) => item.text('0040a160') ?? '');
}

/** (121106, DCM, Comment) */
const COMMENT = '121106';
