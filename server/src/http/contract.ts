import { z } from 'zod';
import { correctionSchema } from '../correction/schema.ts';
import { findingsSchema, RESULT_KINDS } from '../findings/schema.ts';
import { AUDIT_EVENTS } from '../jobs/audit.ts';
import { RERUN_STATES } from '../jobs/reruns.ts';
import {
  deliverySchema,
  failureSchema,
  modelRefSchema,
  ORIGINS,
  prioritySchema,
  RUN_STATES,
  type RunState,
  refusalSchema,
  VERDICTS,
} from '../jobs/run.ts';
import { PHASES } from '../progress.ts';

/**
 * What the server takes and gives over HTTP, for the routes in routes.ts: requests are checked against these schemas, the
 * OpenAPI description is made from them, and the viewer's extension imports their types.
 */
const fraction = z.number().min(0).max(1);
const milliseconds = z.number().nonnegative();
const timestamp = z.iso.datetime();

/** Archives hold UIDs that break PS3.5 section 9.1 (leading zeros); what matters is that it is one segment of a path. */
export const uidSchema = z
  .string()
  .max(64)
  .regex(/^\d+(\.\d+)*$/, 'not a DICOM UID')
  .meta({ description: 'A DICOM UID', examples: ['1.2.826.0.1.3680043.8.498.1'] });

export const runIdSchema = z
  .string()
  .regex(/^[0-9a-f]{32}$/, 'not the id of a run')
  .meta({ description: 'Names the run; the same series, model and repeat number always give the same id' });

export const modelIdSchema = z.string().min(1).max(64);

export const segmentationRequestSchema = z
  .strictObject({
    studyInstanceUID: uidSchema,
    seriesInstanceUID: uidSchema,
    model: modelIdSchema.optional().meta({ description: 'Id of a model; the default model otherwise' }),
    repeat: z
      .int()
      .min(0)
      .max(9_999)
      .default(0)
      .meta({ description: 'Raise it to have the same series segmented once again' }),
  })
  .meta({ id: 'SegmentationRequest' });

export const listQuerySchema = z.strictObject({
  study: uidSchema.optional(),
  series: uidSchema.optional(),
  state: z.enum(RUN_STATES).optional(),
  delivery: deliverySchema.shape.state.optional(),
});

export const segmentationSchema = z
  .strictObject({
    id: runIdSchema,
    studyInstanceUID: z.string(),
    seriesInstanceUID: z.string(),
    state: z.enum(RUN_STATES),
    phase: z.enum(PHASES).nullable(),
    fraction: fraction.nullable().meta({ description: 'How far the phase has come; null when that is not known' }),
    progress: fraction.nullable().meta({ description: 'How far the whole run has come' }),
    attempt: z.int().nonnegative(),
    createdAt: timestamp,
    startedAt: timestamp.nullable(),
    finishedAt: timestamp.nullable(),
    elapsedMs: milliseconds.nullable(),
    remainingMs: milliseconds.nullable().meta({ description: 'An estimate; null while it is too early for one' }),
    failure: failureSchema
      .nullable()
      .meta({ description: 'Why the last attempt failed; a queued run that has one waits for its next attempt' }),
    refusal: refusalSchema.nullable().meta({ description: 'Why the series is unsuitable' }),
    model: modelRefSchema,
    repeat: z.int().nonnegative(),
    origin: z.enum(ORIGINS).meta({ description: 'Who asked for it: a person, or a rule' }),
    priority: prioritySchema.meta({ description: 'Higher goes first' }),
    rule: z.string().nullable().meta({ description: 'The rule that chose the series' }),
    deliveries: z
      .array(deliverySchema.omit({ job: true }))
      .meta({ description: 'Where the result is sent on to, by the rule, and how that stands' }),
    supersedes: z.string().nullable().meta({ description: 'The run whose result this one takes the place of' }),
    position: z
      .int()
      .positive()
      .nullable()
      .meta({ description: 'Place in the queue, 1 for the next; null when it does not wait' }),
    kind: z.enum(RESULT_KINDS).meta({ description: 'Made by a model, or by a person from another result' }),
    corrects: z.string().nullable().meta({ description: 'Of a correction, the run whose result was corrected' }),
    reviewer: z
      .string()
      .nullable()
      .meta({ description: 'Of a correction, who made it; null where nobody has to sign in' }),
    verdict: z
      .enum(VERDICTS)
      .nullable()
      .meta({ description: 'The latest review; null while there is none. GET …/reviews has them all' }),
  })
  .meta({ id: 'Segmentation' });

export const segmentationListSchema = z.array(segmentationSchema).meta({ id: 'SegmentationList' });

export const studySeriesSchema = z
  .strictObject({
    seriesInstanceUID: z.string(),
    seriesNumber: z.number().nullable(),
    description: z.string().nullable(),
    modality: z.string().nullable(),
    instances: z.int().nonnegative(),
    suitable: z.boolean().meta({ description: 'As far as one header tells; the run looks at every slice' }),
    refusal: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
    score: z.number().min(0).max(100).nullable().meta({ description: 'How well it suits; null when it does not' }),
    reason: z.string().meta({ description: 'What the score, or the refusal, rests on' }),
    recommended: z.boolean().meta({ description: 'True of one series of a study at most' }),
    activeRun: z.string().nullable().meta({ description: 'The run that is queued or running' }),
    currentResult: z
      .strictObject({
        run: z.string(),
        kind: z.enum(RESULT_KINDS),
        reviewer: z.string().nullable(),
        verdict: z.enum(VERDICTS).nullable(),
        model: modelRefSchema,
        finishedAt: timestamp.nullable(),
        coversAllInstances: z.boolean().meta({ description: 'False when images have come or gone since' }),
      })
      .nullable()
      .meta({
        description:
          'The newest correction that nothing takes the place of; where there is none, the newest segmentation of that kind',
      }),
    newerSegmentation: z
      .string()
      .nullable()
      .meta({ description: 'A result of a model that is newer than the correction which is current' }),
  })
  .meta({ id: 'StudySeries' });
/** A body that says nothing: what is wished for is in the path. */
export const emptySchema = z.strictObject({}).meta({ id: 'Nothing' });
export const retriedSchema = z.strictObject({ retried: z.int().nonnegative() }).meta({ id: 'Retried' });

export const rerunRequestSchema = z
  .strictObject({
    model: modelIdSchema.meta({ description: 'Id of the model that is to do it all again' }),
    since: timestamp.optional().meta({ description: 'Only series whose result is from this time or later' }),
    perHour: z.int().min(1).max(3_600).meta({ description: 'At most so many runs are queued in an hour' }),
  })
  .meta({ id: 'RerunRequest' });
export const rerunSchema = z
  .strictObject({
    model: modelRefSchema,
    since: timestamp.nullable(),
    perHour: z.int().positive(),
    state: z.enum(RERUN_STATES),
    queued: z.int().nonnegative().meta({ description: 'Runs that it has queued so far' }),
    left: z.int().nonnegative().meta({ description: 'Series that still have their result from another model' }),
    askedAt: timestamp,
  })
  .meta({ id: 'Rerun' });
export const rerunListSchema = z.array(rerunSchema).meta({ id: 'RerunList' });

const count = z.int().nonnegative();
const seconds = z.number().nonnegative();
export const operationsSchema = z
  .strictObject({
    version: z.string(),
    runs: z.strictObject(
      Object.fromEntries(RUN_STATES.map((state) => [state, count])) as Record<RunState, typeof count>,
    ),
    waiting: z.strictObject({
      byOrigin: z.strictObject({ click: count, automation: count }),
      afterFailure: count,
      oldestSeconds: seconds.nullable(),
    }),
    refused: z.record(z.string(), count).meta({ description: 'By the code of the refusal' }),
    failed: z.record(z.string(), count).meta({ description: 'By the code of the failure' }),
    speed: z.strictObject({
      doneLastHour: count,
      doneLastDay: count,
      medianSeconds: seconds.nullable().meta({ description: 'From the beginning of a run to its end, last day' }),
      medianTotalSeconds: seconds.nullable().meta({ description: 'From asked to done, last day' }),
    }),
    workers: z.array(
      z.strictObject({
        name: z.string(),
        kind: z.enum(['companion', 'worker']),
        version: z.string(),
        provider: z.string().nullable(),
        device: z.string().nullable().meta({ description: 'What its last run ran on' }),
        startedAt: timestamp,
        heartbeatAt: timestamp,
        silentSeconds: seconds,
        runId: z.string().nullable(),
        runsDone: count,
      }),
    ),
    feeds: z.array(
      z.strictObject({
        source: z.string(),
        position: z.number(),
        readSecondsAgo: z.number().nullable(),
        watched: count,
        due: count,
        lagSeconds: seconds,
      }),
    ),
    reruns: rerunListSchema,
  })
  .meta({ id: 'Operations' });

export const auditQuerySchema = z.strictObject({
  after: z.coerce.number().int().min(0).default(0).meta({ description: 'Number of the last entry that is known' }),
  run: runIdSchema.optional(),
});
export const auditSchema = z
  .array(
    z.strictObject({
      number: z.int().positive(),
      at: timestamp,
      event: z.enum(AUDIT_EVENTS),
      run: z.string().nullable(),
      seriesInstanceUID: z.string().nullable(),
      who: z.string().nullable(),
      details: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
    }),
  )
  .meta({ id: 'Audit' });

export const studySeriesListSchema = z.array(studySeriesSchema).meta({ id: 'StudySeriesList' });

export const rulesTestRequestSchema = z.strictObject({ studyInstanceUID: uidSchema }).meta({ id: 'RulesTestRequest' });
export const rulesTestSchema = z
  .array(
    z.strictObject({
      seriesInstanceUID: z.string(),
      seriesNumber: z.number().nullable(),
      description: z.string().nullable(),
      verdict: z
        .enum(['run', 'later', 'no'])
        .meta({ description: 'Whether it would be segmented; later: when the hours of its rule begin' }),
      rule: z.string().nullable().meta({ description: 'The rule that takes it' }),
      score: z.number().min(0).max(100).nullable(),
      why: z.string().meta({ description: 'The reason, in one line' }),
    }),
  )
  .meta({ id: 'RulesTest' });

/** What the scripts in orthanc/ send. It is not trusted: only that something came counts. */
export const webhookSchema = z
  .strictObject({
    event: z.enum(['stable-series', 'stable-study']),
    resource: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{8}){4}$/, 'not the id of an Orthanc resource'),
  })
  .meta({ id: 'Webhook' });
export const webhookAcceptedSchema = z.strictObject({ status: z.literal('accepted') }).meta({ id: 'WebhookAccepted' });

export const modelSchema = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    version: z.string(),
    description: z.string(),
    modality: z.literal('CT'),
    licence: z.string(),
    digest: z.string(),
    isDefault: z.boolean(),
    heatMap: z.boolean().meta({ description: 'Whether its results have a heat map' }),
  })
  .meta({ id: 'Model' });
export const modelListSchema = z.array(modelSchema).meta({ id: 'ModelList' });

export const aliveSchema = z.strictObject({ status: z.literal('alive'), version: z.string() }).meta({ id: 'Alive' });

const check = z.strictObject({ ok: z.boolean(), reason: z.string().nullable() });
export const readinessSchema = z
  .strictObject({
    ready: z.boolean(),
    checks: z.strictObject({ archive: check, queue: check, model: check }),
  })
  .meta({ id: 'Readiness' });

export const errorSchema = z
  .strictObject({
    error: z.strictObject({
      code: z.string().meta({ description: 'Stable, for machines' }),
      message: z.string().meta({ description: 'One line, for people' }),
    }),
  })
  .meta({ id: 'Error' });

export const correctionRequestSchema = correctionSchema.meta({ id: 'Correction' });

export const reviewRequestSchema = z
  .strictObject({
    verdict: z.enum(VERDICTS),
    comment: z.string().trim().min(1).max(1_000).optional(),
  })
  .meta({ id: 'ReviewRequest' });

export const reviewSchema = z
  .strictObject({
    run: runIdSchema,
    verdict: z.enum(VERDICTS),
    comment: z.string().nullable(),
    reviewer: z.string().nullable().meta({ description: 'Who signed in; null where nobody has to: anonymous' }),
    createdAt: timestamp,
    object: z
      .strictObject({ seriesInstanceUID: z.string(), sopInstanceUID: z.string() })
      .meta({ description: 'The review in the archive' }),
  })
  .meta({ id: 'Review' });
export const reviewListSchema = z.array(reviewSchema).meta({ id: 'ReviewList' });

export const findingsResponseSchema = findingsSchema.meta({ id: 'Findings' });

export type SegmentationRequest = z.infer<typeof segmentationRequestSchema>;
export type CorrectionRequest = z.input<typeof correctionRequestSchema>;
export type ReviewRequest = z.infer<typeof reviewRequestSchema>;
export type ReviewView = z.infer<typeof reviewSchema>;
export type SegmentationView = z.infer<typeof segmentationSchema>;
export type StudySeriesView = z.infer<typeof studySeriesSchema>;
export type RuleTest = z.infer<typeof rulesTestSchema>;
export type RerunView = z.infer<typeof rerunSchema>;
export type OperationsView = z.infer<typeof operationsSchema>;
export type AuditView = z.infer<typeof auditSchema>;
export type ModelView = z.infer<typeof modelSchema>;
export type Readiness = z.infer<typeof readinessSchema>;
export type ErrorView = z.infer<typeof errorSchema>;
