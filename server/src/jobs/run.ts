import { createHash } from 'node:crypto';
import { z } from 'zod';
import { RESULT_KINDS } from '../findings/schema.ts';
import { PROVIDERS } from '../inference/segmentation.ts';
import { PHASES } from '../progress.ts';

/** The states of a run. The last four are final, save that a failed or cancelled run is queued again when asked for. */
export const RUN_STATES = ['queued', 'running', 'done', 'refused', 'failed', 'cancelled'] as const;
export type RunState = (typeof RUN_STATES)[number];

export function isFinal(state: RunState): boolean {
  return state !== 'queued' && state !== 'running';
}

/** What a person says of a result. */
export const VERDICTS = ['accepted', 'rejected'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Raised by hand when a change of the code changes the results, so that a series done before is run anew. */
export const RESULTS_VERSION = 3;

export const modelRefSchema = z.strictObject({ id: z.string(), version: z.string(), digest: z.string() });
export const failureSchema = z.strictObject({ code: z.string(), message: z.string() });
export const refusalSchema = z.strictObject({
  code: z.string(),
  message: z.string(),
  figures: z.record(z.string(), z.union([z.number(), z.string()])),
});
/** Who asked for a run: a person who waits for it, or a rule. */
export const ORIGINS = ['click', 'automation'] as const;
/** Runs of higher priority go first; a rule's runs never go before a click. */
export const CLICK_PRIORITY = 100;
export const prioritySchema = z.int().min(0).max(CLICK_PRIORITY);
const timingsMs = z.record(z.enum(PHASES), z.number().nonnegative().nullable());

/** Who asks for a run, and how urgent it is. The run's name does not follow from it. */
export interface Order {
  readonly origin: (typeof ORIGINS)[number];
  readonly priority: number;
  /** The rule that chose the series; null for a click. */
  readonly rule: string | null;
  /** Name of the token of the person who asked; absent where nobody had to sign in. */
  readonly by?: string | undefined;
  /** Names of the destinations that the result is sent on to. */
  readonly sendTo?: readonly string[];
}
export const CLICK: Order = { origin: 'click', priority: CLICK_PRIORITY, rule: null };

/** How the sending on of a result to one destination stands. */
export const deliverySchema = z.strictObject({
  destination: z.string(),
  state: z.enum(['waiting', 'sending', 'sent', 'failed']),
  /** How often the archive was asked to send. */
  attempts: z.int().nonnegative(),
  /** The archive's own job, while it sends. */
  job: z.string().nullable(),
  /** Why it was not sent last time. */
  problem: z.string().nullable(),
});
export type Delivery = z.infer<typeof deliverySchema>;

/** What a run is made from. The same parts are the same run. */
export interface RunParts {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  /** SOP Instance UIDs, in any order. */
  readonly instances: readonly string[];
  readonly model: z.infer<typeof modelRefSchema>;
  /** 0, and one more each time somebody wants the same once again. */
  readonly repeat: number;
  /** Those that change the result, where they differ from the usual ones. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
  /** What a person made of another run's result. */
  readonly correction?: CorrectionParts;
}

export interface CorrectionParts {
  /** The run whose result was corrected. */
  readonly corrects: string;
  /** Who did it; null where nobody had to sign in. */
  readonly reviewer: string | null;
  /** Of the content. */
  readonly digest: string;
  /** The content: JSON, gzip. It is kept in the database, where every worker finds it. */
  readonly payload: Uint8Array;
}

const archivedSchema = z.strictObject({
  engine: z.strictObject({ provider: z.enum(PROVIDERS), device: z.string() }),
  confidences: z.record(z.string(), z.number()),
});

/** A run as it is kept. */
export const runSchema = z.object({
  id: z.string(),
  studyInstanceUid: z.string(),
  seriesInstanceUid: z.string(),
  instances: z.array(z.string()).readonly(),
  model: modelRefSchema,
  repeat: z.int().nonnegative(),
  /** Who asked for it: a click for what a rule has queued makes it a click's. */
  origin: z.enum(ORIGINS),
  priority: prioritySchema,
  rule: z.string().nullable(),
  deliveries: z.array(deliverySchema).readonly(),
  state: z.enum(RUN_STATES),
  /** The phase that it is in; kept when it fails, so that one sees where. */
  phase: z.enum(PHASES).nullable(),
  /** How often it was begun. */
  attempt: z.int().nonnegative(),
  createdAt: z.date(),
  /** Start of the present attempt, or of the last. */
  startedAt: z.date().nullable(),
  finishedAt: z.date().nullable(),
  /** Why the last attempt failed; a queued run that has one waits for its next attempt. */
  failure: failureSchema.nullable(),
  refusal: refusalSchema.nullable(),
  /** The run of the same series whose result this one's replaces. */
  supersedes: z.string().nullable(),
  kind: z.enum(RESULT_KINDS),
  /** Of a correction, the run whose result was corrected, and who did it: null where nobody had to sign in. */
  corrects: z.string().nullable(),
  reviewer: z.string().nullable(),
  /** The latest review; null while there is none. */
  verdict: z.enum(VERDICTS).nullable(),
  /** Of a result that was found in the archive and is read back: what its report says of it. */
  archived: archivedSchema.nullable(),
  /** Place in the queue, 1 for the next; null when it does not wait there, or that was not looked up. */
  position: z.int().positive().nullable(),
  timingsMs: timingsMs.nullable(),
});
export type Run = z.infer<typeof runSchema>;
export type Failure = z.infer<typeof failureSchema>;
export type TimingsMs = z.infer<typeof timingsMs>;

/**
 * The name of a run: 32 hexadecimal digits that follow from the series, its instances, the model, the options that change
 * the result, the results version and the repeat number.
 */
export function runId(parts: RunParts, options: Readonly<Record<string, unknown>> = optionsOf(parts)): string {
  const named = [
    parts.seriesInstanceUid,
    [...new Set(parts.instances)].sort(),
    parts.model.digest,
    Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)),
    RESULTS_VERSION,
    parts.repeat,
  ];
  return createHash('sha256').update(JSON.stringify(named)).digest('hex').slice(0, 32);
}

function optionsOf({ options = {}, correction }: RunParts): Readonly<Record<string, unknown>> {
  if (!correction) return options;
  const { corrects, reviewer, digest } = correction;
  return { ...options, corrects, reviewer, digest };
}

/** How long the last attempt has taken or, while it goes on, takes; null before the first. */
export function elapsedMs(run: Run, now: number = Date.now()): number | null {
  // A database elsewhere has a clock of its own.
  return run.startedAt === null ? null : Math.max(0, (run.finishedAt?.getTime() ?? now) - run.startedAt.getTime());
}
