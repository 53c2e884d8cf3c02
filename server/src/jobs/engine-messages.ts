import { z } from 'zod';
import { findingsSchema } from '../findings/schema.ts';
import { PROVIDERS } from '../inference/segmentation.ts';
import { AXES } from '../inference/sliding.ts';
import type { RunRequest } from '../pipeline.ts';
import { PHASES } from '../progress.ts';
import { PLAIN_FILES, resultOptionsSchema } from '../reports/options.ts';
import { modelRefSchema, refusalSchema } from './run.ts';

/** What the server and its engine process say to one another, over the IPC channel. */

const archiveSchema = z.strictObject({
  url: z.string(),
  username: z.string().exactOptional(),
  password: z.string().exactOptional(),
  bearer: z.string().exactOptional(),
  idleTimeoutMs: z.number().exactOptional(),
  maxInstanceBytes: z.number().exactOptional(),
});

const priorsSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('archive'),
    archive: archiveSchema,
    only: z.strictObject({ studyInstanceUid: z.string(), seriesInstanceUid: z.string() }).optional(),
  }),
  z.strictObject({ kind: z.literal('files'), path: z.string() }),
]);

const engineSchema = z.strictObject({ provider: z.enum(PROVIDERS), device: z.string() });

const engineRequestSchema: z.ZodType<RunRequest> = z.strictObject({
  runId: z.string(),
  source: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('dicomweb'),
      archive: archiveSchema,
      studyInstanceUid: z.string(),
      seriesInstanceUid: z.string(),
      instances: z.array(z.string()).readonly().optional(),
    }),
    z.strictObject({
      kind: z.literal('files'),
      path: z.string(),
      seriesInstanceUid: z.string().optional(),
      /** How many files it has, for progress. */
      files: z.int().positive().optional(),
    }),
  ]),
  modelDir: z.string().nullable(),
  provider: z.enum(['auto', ...PROVIDERS]),
  threads: z.int().positive().optional(),
  device: z.int().nonnegative().optional(),
  cpuFallback: z.boolean().optional(),
  sliding: z
    .strictObject({ overlap: z.number().optional(), mirrorAxes: z.array(z.enum(AXES)).readonly().optional() })
    .optional(),
  fastest: z.array(z.string()).readonly().optional(),
  dataDir: z.string().optional(),
  outDir: z.string(),
  options: resultOptionsSchema.optional(),
  plainFiles: z.array(z.enum(PLAIN_FILES)).readonly().optional(),
  heatMap: z.boolean().optional(),
  store: z.boolean(),
  supersedes: z.string().nullable(),
  correction: z
    .strictObject({
      corrects: z.string(),
      reviewer: z.string().nullable(),
      file: z.string(),
      model: modelRefSchema,
      engine: engineSchema,
      confidences: z.record(z.string(), z.number().nullable()),
    })
    .optional(),
  archived: z
    .strictObject({
      model: modelRefSchema,
      engine: engineSchema,
      correction: z.strictObject({ corrects: z.string(), reviewer: z.string().nullable() }).optional(),
      confidences: z.record(z.string(), z.number()),
    })
    .optional(),
  createdAt: z.iso.datetime(),
  priors: priorsSchema.optional(),
});

export const toEngineSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('start'), request: engineRequestSchema }),
  z.object({ kind: z.literal('cancel') }),
]);
export type ToEngine = z.infer<typeof toEngineSchema>;

export const fromEngineSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('progress'), phase: z.enum(PHASES), fraction: z.number() }),
  z.object({ kind: z.literal('asked-again'), problem: z.string() }),
  z.object({ kind: z.literal('done'), findings: findingsSchema }),
  z.object({ kind: z.literal('refused'), refusal: refusalSchema }),
  z.object({
    kind: z.literal('failed'),
    name: z.string(),
    message: z.string(),
    transient: z.boolean(),
    stack: z.string().optional(),
  }),
  z.object({ kind: z.literal('cancelled') }),
]);
export type FromEngine = z.infer<typeof fromEngineSchema>;
