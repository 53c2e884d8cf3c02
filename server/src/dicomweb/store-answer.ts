import { z } from 'zod';
import type { StoreFailure } from './errors.ts';

/** An object that was taken, with a remark: Warning Reason (0008,1196), e.g. B000H for attributes that were changed. */
export interface StoreWarning {
  readonly sopInstanceUid: string;
  readonly reason: number;
}

export interface StoreOutcome {
  readonly stored: readonly string[];
  readonly warnings: readonly StoreWarning[];
  readonly failures: readonly StoreFailure[];
}

/** Failure Reason 'Duplicate SOP Instance': what a repeated request gets from archives that take nothing twice. */
const DUPLICATE_SOP_INSTANCE = 0x0111;

const uidElement = z.object({ Value: z.array(z.string()).optional() }).optional();
const numberElement = z.object({ Value: z.array(z.coerce.number()).optional() }).optional();
const item = z.object({
  '00081155': uidElement,
  '00081196': numberElement,
  '00081197': numberElement,
});
const sequence = z.object({ Value: z.array(item).optional() }).optional();
const storeAnswer = z.object({
  /** Failed SOP Sequence */
  '00081198': sequence,
  /** Referenced SOP Sequence */
  '00081199': sequence,
  /** Other Failures Sequence: objects whose identity the archive could not read */
  '0008119A': sequence,
});

/**
 * Reads the answer to a STOW-RS request (Store Instances Response Module, PS3.18 section I.2) against what was sent.
 * The status alone says little: archives answer 200 and 202 with failures in it. An object that the answer does not name
 * counts as a failure; one that the archive says it holds already counts as stored, with a warning.
 * @param answer DICOM JSON: a dataset, or a list of one
 * @param sent SOP Instance UIDs of the objects in the request
 * @returns null when this is no such answer
 */
export function readStoreAnswer(answer: unknown, sent: readonly string[]): StoreOutcome | null {
  const parsed = storeAnswer.safeParse(Array.isArray(answer) ? answer[0] : answer);
  if (!parsed.success || !(parsed.data['00081198'] ?? parsed.data['00081199'] ?? parsed.data['0008119A'])) return null;
  const stored: string[] = [];
  const warnings: StoreWarning[] = [];
  const failures: StoreFailure[] = [];

  for (const reference of parsed.data['00081199']?.Value ?? []) {
    const sopInstanceUid = uidOf(reference);
    stored.push(sopInstanceUid);
    const reason = reference['00081196']?.Value?.[0];
    if (reason !== undefined) warnings.push({ sopInstanceUid, reason });
  }
  for (const failed of parsed.data['00081198']?.Value ?? []) {
    const sopInstanceUid = uidOf(failed);
    const reason = failed['00081197']?.Value?.[0] ?? null;
    if (reason === DUPLICATE_SOP_INSTANCE) {
      stored.push(sopInstanceUid);
      warnings.push({ sopInstanceUid, reason });
    } else {
      failures.push({ sopInstanceUid, reason });
    }
  }
  const unnamedReason = parsed.data['0008119A']?.Value?.[0]?.['00081197']?.Value?.[0] ?? null;
  const named = new Set([...stored, ...failures.map((failure) => failure.sopInstanceUid)]);
  for (const sopInstanceUid of sent) {
    if (!named.has(sopInstanceUid)) failures.push({ sopInstanceUid, reason: unnamedReason });
  }
  return { stored, warnings, failures };
}

function uidOf(entry: z.infer<typeof item>): string {
  return entry['00081155']?.Value?.[0] ?? '';
}
