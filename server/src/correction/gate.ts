import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { type Correction, correctionSchema } from './schema.ts';

/** The correction cannot be of this result; the message is one line for the person who made it. */
export class CorrectionRejected extends Error {
  override readonly name = 'CorrectionRejected';
  /** Stable, for machines. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** What the corrected result is known to be. */
export interface Corrected {
  /** SOP Instance UIDs of the source. */
  readonly instances: readonly string[];
  readonly slices: number;
  /** null where the result does not say. */
  readonly columns: number | null;
  readonly rows: number | null;
  readonly trackingUids: readonly string[];
}

/** A correction that was read, and what names it. */
export interface ReadCorrection {
  readonly correction: Correction;
  /** Of its content, whatever the order in which it was written down. */
  readonly digest: string;
  /** In its one form, as it is kept. */
  readonly text: string;
}

/**
 * Reads a correction and checks that it can be one of this result. That takes a while: not for the event loop.
 * @throws CorrectionRejected
 */
export function readCorrection(json: Uint8Array, corrected: Corrected): ReadCorrection {
  let input: unknown;
  try {
    input = JSON.parse(Buffer.from(json).toString('utf8'));
  } catch {
    throw new CorrectionRejected('malformed', 'The body is not valid JSON.');
  }
  const parsed = correctionSchema.safeParse(input);
  if (!parsed.success) throw new CorrectionRejected('malformed', problemsOf(parsed.error));
  const { columns, rows, segments, slices } = parsed.data;
  checkGrid(parsed.data, corrected);
  checkSegments(parsed.data, corrected);
  const declared = new Set(segments.map(({ segment }) => segment));
  let voxels = 0;
  for (const [n, { runs }] of slices.entries()) voxels += checkRuns(runs, columns * rows, declared, n + 1);
  if (voxels === 0) {
    throw new CorrectionRejected('empty', 'Nothing is labelled: a result without liver and lesions cannot be kept.');
  }
  const correction: Correction = {
    columns,
    rows,
    segments: segments.toSorted((a, b) => a.segment - b.segment),
    slices: slices.toSorted((a, b) => compare(a.sopInstanceUID, b.sopInstanceUID) || (a.frame ?? 0) - (b.frame ?? 0)),
  };
  const text = JSON.stringify(correction);
  return { correction, digest: createHash('sha256').update(text).digest('hex'), text };
}

function checkGrid({ columns, rows, slices }: Correction, corrected: Corrected): void {
  if ((corrected.columns ?? columns) !== columns || (corrected.rows ?? rows) !== rows) {
    throw new CorrectionRejected(
      'wrong-size',
      `The images are ${corrected.columns} x ${corrected.rows}, the correction is ${columns} x ${rows}.`,
    );
  }
  const instances = new Set(corrected.instances);
  const names = new Set<string>();
  for (const { sopInstanceUID, frame } of slices) {
    if (!instances.has(sopInstanceUID)) {
      throw new CorrectionRejected('other-slices', `Image ${sopInstanceUID} is none of those that were segmented.`);
    }
    const name = `${sopInstanceUID}/${frame}`;
    if (names.has(name)) throw new CorrectionRejected('malformed', `Image ${sopInstanceUID} is there twice.`);
    names.add(name);
  }
  if (slices.length !== corrected.slices) {
    throw new CorrectionRejected(
      'other-slices',
      `The result has ${corrected.slices} slices, the correction ${slices.length}: send each, also the empty ones.`,
    );
  }
}

function checkSegments({ segments }: Correction, { trackingUids }: Corrected): void {
  const numbers = new Set<number>();
  const claimed = new Set<string>();
  for (const { segment, kind, trackingUid } of segments) {
    if (numbers.has(segment)) throw new CorrectionRejected('malformed', `Segment ${segment} is declared twice.`);
    numbers.add(segment);
    if (trackingUid === null) continue;
    if (kind === 'liver') throw new CorrectionRejected('malformed', 'The liver has no tracking UID.');
    if (!trackingUids.includes(trackingUid)) {
      throw new CorrectionRejected(
        'unknown-lesion',
        `Segment ${segment} has the tracking UID of no lesion of the result.`,
      );
    }
    if (claimed.has(trackingUid)) {
      throw new CorrectionRejected('malformed', `Segment ${segment} has the tracking UID of another segment.`);
    }
    claimed.add(trackingUid);
  }
}

/** @returns the number of pixels that are labelled, overlaps counted twice */
function checkRuns(runs: readonly number[], pixels: number, declared: ReadonlySet<number>, slice: number): number {
  if (runs.length % 3 !== 0) {
    throw new CorrectionRejected('malformed', `The runs of slice ${slice} are not made of three numbers each.`);
  }
  let labelled = 0;
  for (let at = 0; at < runs.length; at += 3) {
    const [segment, first, count] = [runs[at]!, runs[at + 1]!, runs[at + 2]!];
    if (!declared.has(segment)) {
      throw new CorrectionRejected(
        'undeclared-segment',
        `Slice ${slice} has a segment ${segment} that is not declared.`,
      );
    }
    if (first + count > pixels) {
      throw new CorrectionRejected(
        'outside',
        `Slice ${slice} has ${count} pixels from ${first} on, and the image only ${pixels}.`,
      );
    }
    labelled += count;
  }
  return labelled;
}

/** The first few: a wrong list of runs is wrong in every number. */
function problemsOf({ issues }: z.ZodError): string {
  const lines = issues.slice(0, 3).map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '));
  return issues.length > lines.length
    ? `${lines.join('; ')}; and ${issues.length - lines.length} more`
    : lines.join('; ');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
