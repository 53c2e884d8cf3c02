import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { ArchiveOptions } from './dicomweb/archive.ts';
import { PROVIDERS } from './inference/segmentation.ts';
import { AXES } from './inference/sliding.ts';
import type { EngineSettings } from './pipeline.ts';
import {
  DEFAULT_OPTIONS,
  LIVER_PLACES,
  OPTIONAL_OBJECTS,
  type ResultOptions,
  SEG_ENCODINGS,
} from './reports/options.ts';

/** Where the server listens, whom it lets in, and what it works with. Made from the environment by `readConfig`. */
export interface Config {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Who may use the server; null: everybody who reaches it, which is allowed on the loopback interface only. */
  readonly auth: readonly Token[] | null;
  /** Names under which the server is reached besides the loopback's and `host`, lower case, without port. */
  readonly allowedHosts: readonly string[];
  /** Origins of other sites whose pages may use the server, e.g. a viewer's: https://viewer.example */
  readonly allowedOrigins: readonly string[];
  /** The archive; null when the environment names none. */
  readonly archive: ArchiveOptions | null;
  /** Orthanc's own interface, where the archive is an Orthanc; reached with the archive's credentials. */
  readonly orthancUrl: string | undefined;
  /** File of the rules by which series are segmented unasked; null: none are. */
  readonly rulesFile: string | null;
  /** What the archive's webhook has to know; undefined: there is no webhook. */
  readonly webhookSecret: string | undefined;
  /** How often the archive is asked for what is new. */
  readonly intakeSeconds: number;
  /** Whether each result is read against the patient's earlier one in the archive. */
  readonly priors: boolean;
  readonly engine: EngineSettings;
  /** Folder with one folder a model. */
  readonly modelsDir: string;
  /** Id of the model that runs when a request names none; undefined: the first by name. */
  readonly model: string | undefined;
  /** Which objects a result consists of, and how they are encoded. */
  readonly results: ResultOptions;
  /** Holds the queue and the results of the runs. */
  readonly dataDir: string;
  /** Holds the prebuilt viewer, where the set-up has put one; null: no viewer, and no way through to the archive. */
  readonly viewerDir: string | null;
  /** A PostgreSQL for the queue; undefined: an embedded one in `dataDir`. */
  readonly databaseUrl: string | undefined;
  /** Whether this companion computes itself, or leaves that to workers on the same database. */
  readonly hasEngine: boolean;
  /** Name of this process among the workers; undefined: host name and process id. */
  readonly workerName: string | undefined;
  /** Port of a worker's health and metrics, on the loopback interface; 0 takes a free one. */
  readonly workerPort: number;
  /** A worker that is not heard of for this long has died. */
  readonly heartbeatSeconds: number;
  /** The wait before a second attempt at a run; it doubles with every further one. */
  readonly retrySeconds: number;
  /** A run that makes no progress for this long is stuck. */
  readonly stuckMinutes: number;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

/** A bearer token that is let in. */
export interface Token {
  /** Whose it is, for the log. */
  readonly name: string;
  readonly secret: string;
}

/** The configuration cannot be used: one line a problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
const MODELS = fileURLToPath(new URL('../../models', import.meta.url));
const NAMED_TOKEN = /^(?:(?<name>[A-Za-z][\w-]{0,31})=)?(?<secret>[\x21-\x2b\x2d-\x7e]{16,})$/;

const OVERLAP = 'a number from 0 to 0.75, such as 0.5';

const webUrl = z.url({ protocol: /^https?$/, error: 'an address that begins with http:// or https://' });
const listOf = <Item extends string>(item: z.ZodType<Item, string>) =>
  z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((each) => each.trim().toLowerCase())
        .filter(Boolean),
    )
    .pipe(z.array(item))
    .default([]);
const wholeNumber = (least: number, most: number) => {
  const error = `a whole number from ${least} to ${most}`;
  return z.string().regex(/^\d+$/, error).transform(Number).pipe(z.int().min(least, error).max(most, error));
};
const origin = z.string().refine((text) => URL.parse(text)?.origin === text, 'origins such as https://viewer.example');
const hostName = z.string().regex(/^([a-z0-9.-]+|\[[0-9a-f:]+\])$/, 'host names without port');

const environmentSchema = z.object({
  HEPAR_HOST: z.string().default('127.0.0.1'),
  HEPAR_PORT: wholeNumber(0, 65_535).default(8700),
  HEPAR_AUTH: z.string().transform(tokensOf).optional(),
  HEPAR_ALLOWED_HOSTS: listOf(hostName),
  HEPAR_ALLOWED_ORIGINS: listOf(origin),
  HEPAR_DICOMWEB_URL: webUrl.optional(),
  HEPAR_DICOMWEB_USERNAME: z.string().optional(),
  HEPAR_DICOMWEB_PASSWORD: z.string().optional(),
  HEPAR_DICOMWEB_TOKEN: z.string().optional(),
  HEPAR_ORTHANC_URL: webUrl.optional(),
  HEPAR_RULES: z.string().optional(),
  HEPAR_WEBHOOK_SECRET: z
    .string()
    .regex(/^[\x21-\x7e]{16,256}$/, 'a text of 16 to 256 characters without spaces')
    .optional(),
  HEPAR_INTAKE_SECONDS: wholeNumber(1, 3600).default(10),
  HEPAR_PRIORS: z
    .enum(['on', 'off'], { error: 'on or off' })
    .default('on')
    .transform((value) => value === 'on'),
  HEPAR_PROVIDER: z.enum(['auto', ...PROVIDERS], { error: `auto, or one of ${PROVIDERS.join(', ')}` }).default('auto'),
  HEPAR_DEVICE: wholeNumber(0, 63).default(0),
  HEPAR_CPU_FALLBACK: z
    .enum(['on', 'off'], { error: 'on or off' })
    .default('off')
    .transform((value) => value === 'on'),
  HEPAR_OVERLAP: z
    .string()
    .regex(/^0(\.\d{1,3})?$/, OVERLAP)
    .transform(Number)
    .pipe(z.number().max(0.75, OVERLAP))
    .optional(),
  HEPAR_MIRROR: listOf(z.enum(AXES, { error: 'some of x, y, z' })),
  HEPAR_THREADS: wholeNumber(1, 1024).optional(),
  HEPAR_MODELS: z.string().default(MODELS),
  HEPAR_MODEL: z.string().optional(),
  HEPAR_SEG: z.enum(SEG_ENCODINGS, { error: 'binary or labelmap' }).default(DEFAULT_OPTIONS.seg),
  HEPAR_SEG_LIVER: z
    .enum(LIVER_PLACES, { error: 'together, own-series, left-out or auto' })
    .default(DEFAULT_OPTIONS.liver),
  HEPAR_SEG_DEFLATED: z.enum(['on', 'off'], { error: 'on or off' }).default('off'),
  HEPAR_OBJECTS: z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((each) => each.trim())
        .filter((each) => each !== '' && each !== 'none'),
    )
    .pipe(z.array(z.enum(OPTIONAL_OBJECTS, { error: `none, or some of ${OPTIONAL_OBJECTS.join(', ')}` })))
    .default([...DEFAULT_OPTIONS.objects]),
  HEPAR_DATA: z.string().default(() => join(process.cwd(), '.data')),
  HEPAR_VIEWER: z.string().optional(),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'an address that begins with postgres://' }).optional(),
  HEPAR_WORKER: z.enum(['on', 'off'], { error: 'on or off' }).default('on'),
  HEPAR_WORKER_NAME: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'a name of at most 64 letters, digits, dots, hyphens and underscores')
    .optional(),
  HEPAR_WORKER_PORT: wholeNumber(0, 65_535).default(0),
  HEPAR_HEARTBEAT_SECONDS: wholeNumber(10, 600).default(30),
  HEPAR_RETRY_SECONDS: wholeNumber(0, 600).default(5),
  HEPAR_STUCK_MINUTES: wholeNumber(1, 600).default(10),
  HEPAR_LOG_LEVEL: z.enum(LOG_LEVELS, { error: `one of ${LOG_LEVELS.join(', ')}` }).default('info'),
});

/**
 * Reads the configuration from the environment; an empty variable counts as absent.
 * @throws ConfigError with a line for each bad value. Values are not repeated in it: some are secrets
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>> = process.env): Config {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = environmentSchema.safeParse(given);
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map(({ path, message }) => `${String(path[0])} must be ${message}.`));
  }
  const env = parsed.data;
  return {
    host: env.HEPAR_HOST,
    port: env.HEPAR_PORT,
    auth: env.HEPAR_AUTH ?? null,
    allowedHosts: env.HEPAR_ALLOWED_HOSTS,
    allowedOrigins: env.HEPAR_ALLOWED_ORIGINS,
    archive: env.HEPAR_DICOMWEB_URL
      ? {
          url: env.HEPAR_DICOMWEB_URL,
          ...(env.HEPAR_DICOMWEB_USERNAME === undefined ? {} : { username: env.HEPAR_DICOMWEB_USERNAME }),
          ...(env.HEPAR_DICOMWEB_PASSWORD === undefined ? {} : { password: env.HEPAR_DICOMWEB_PASSWORD }),
          ...(env.HEPAR_DICOMWEB_TOKEN === undefined ? {} : { bearer: env.HEPAR_DICOMWEB_TOKEN }),
        }
      : null,
    orthancUrl: env.HEPAR_ORTHANC_URL,
    rulesFile: env.HEPAR_RULES ?? null,
    webhookSecret: env.HEPAR_WEBHOOK_SECRET,
    intakeSeconds: env.HEPAR_INTAKE_SECONDS,
    priors: env.HEPAR_PRIORS,
    engine: {
      provider: env.HEPAR_PROVIDER,
      device: env.HEPAR_DEVICE,
      cpuFallback: env.HEPAR_CPU_FALLBACK,
      sliding: { overlap: env.HEPAR_OVERLAP, mirrorAxes: [...new Set(env.HEPAR_MIRROR)] },
      threads: env.HEPAR_THREADS,
      dataDir: env.HEPAR_DATA,
    },
    modelsDir: env.HEPAR_MODELS,
    model: env.HEPAR_MODEL,
    results: {
      seg: env.HEPAR_SEG,
      liver: env.HEPAR_SEG_LIVER,
      deflated: env.HEPAR_SEG_DEFLATED === 'on',
      objects: [...new Set(env.HEPAR_OBJECTS)].sort(),
    },
    dataDir: env.HEPAR_DATA,
    viewerDir: env.HEPAR_VIEWER === 'off' ? null : (env.HEPAR_VIEWER ?? join(env.HEPAR_DATA, 'viewer')),
    databaseUrl: env.DATABASE_URL,
    hasEngine: env.HEPAR_WORKER === 'on',
    workerName: env.HEPAR_WORKER_NAME,
    workerPort: env.HEPAR_WORKER_PORT,
    heartbeatSeconds: env.HEPAR_HEARTBEAT_SECONDS,
    retrySeconds: env.HEPAR_RETRY_SECONDS,
    stuckMinutes: env.HEPAR_STUCK_MINUTES,
    logLevel: env.HEPAR_LOG_LEVEL,
  };
}

/** `token:SECRET` or `token:NAME=SECRET`, several with commas between them. */
function tokensOf(text: string, context: z.RefinementCtx<string>): Token[] {
  const form = 'token:SECRET or token:NAME=SECRET,NAME=SECRET,… with secrets of at least 16 characters';
  const [scheme, ...rest] = text.split(':');
  const matches = rest
    .join(':')
    .split(',')
    .map((each) => NAMED_TOKEN.exec(each.trim()));
  if (scheme !== 'token' || matches.includes(null)) {
    context.addIssue({ code: 'custom', message: form });
    return z.NEVER;
  }
  return matches.map((match) => ({ name: match?.groups?.name ?? 'token', secret: match!.groups!.secret! }));
}
