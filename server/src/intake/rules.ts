import { isNode, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { compilePattern, LONGEST_PATTERN } from './patterns.ts';

/** The rules cannot be used: one line a problem, with the line of the file. */
export class RulesError extends Error {
  override readonly name = 'RulesError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

const name = z.string().regex(/^[\w][\w .-]{0,63}$/, 'must be a name of letters, digits, spaces, . - _');
/** A pattern, or several of which one has to match. */
const patterns = oneOrMore(
  z
    .string()
    .min(1, 'must not be empty')
    .max(LONGEST_PATTERN, `must not be longer than ${LONGEST_PATTERN} characters`)
    .transform((source, context) => {
      try {
        return compilePattern(source);
      } catch (error) {
        const reason = (error as Error).message.replace(/^error parsing regexp: /, '').replace('`(?i)', '`');
        context.addIssue({ code: 'custom', message: `is not a pattern: ${reason}` });
        return z.NEVER;
      }
    }),
);
const words = oneOrMore(
  z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .transform((word) => word.toUpperCase()),
);

function oneOrMore<T>(item: z.ZodType<T, string>) {
  return z
    .union([z.string().transform((one) => [one]), z.array(z.string()).min(1, 'must not be empty')], {
      error: 'must be a text or a list of texts',
    })
    .pipe(z.array(item));
}

function range(least: number, most: number) {
  const limit = z
    .number({ error: 'must be a number' })
    .min(least, `must be at least ${least}`)
    .max(most, `must be at most ${most}`);
  return z
    .strictObject({ atLeast: limit.optional(), atMost: limit.optional() }, { error: withKeys('atLeast, atMost') })
    .refine(({ atLeast, atMost }) => atLeast !== undefined || atMost !== undefined, 'needs atLeast, atMost or both')
    .refine(
      ({ atLeast, atMost }) => atLeast === undefined || atMost === undefined || atLeast <= atMost,
      'contradicts itself: atLeast is greater than atMost',
    );
}
export type Range = z.infer<ReturnType<typeof range>>;

/** Of one day, in minutes after midnight by the server's clock; `from` after `to` goes over midnight. */
const hours = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/, "must be like '18:00-06:30'")
  .transform((text) => {
    const [from, to] = text.split('-').map((time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))) as [
      number,
      number,
    ];
    return { from, to, text };
  })
  .refine(({ from, to }) => from !== to, 'must not begin and end at the same time');

const CONDITIONS = {
  modality: words.default(['CT']),
  bodyPart: words.optional(),
  description: patterns.optional(),
  notDescription: patterns.optional(),
  protocol: patterns.optional(),
  institution: patterns.optional(),
  remoteAet: words.optional(),
  calledAet: words.optional(),
  sliceThicknessMm: range(0, 100).optional(),
  slices: range(1, 100_000).optional(),
  orientation: oneOrMore(
    z.enum(['axial', 'coronal', 'sagittal', 'oblique'], { error: 'must be axial, coronal, sagittal or oblique' }),
  ).optional(),
  phase: oneOrMore(
    z.enum(['portal venous', 'arterial', 'delayed', 'unenhanced', 'unknown'], {
      error: 'must be portal venous, arterial, delayed, unenhanced or unknown',
    }),
  ).optional(),
  ageDays: range(0, 100_000).default({ atMost: 30 }),
  score: range(0, 100).default({ atLeast: 30 }),
};
const RULE_KEYS = ['name', 'when', 'hours', 'series', 'model', 'priority', 'send'];

const ruleSchema = z.strictObject(
  {
    name,
    when: z.strictObject(CONDITIONS, { error: withKeys(Object.keys(CONDITIONS).join(', ')) }).prefault({}),
    hours: hours.optional(),
    series: z.enum(['best', 'all'], { error: 'must be best or all' }).default('best'),
    model: z.string().min(1).max(64).optional(),
    priority: z
      .int({ error: 'must be a whole number' })
      .min(0, 'must be at least 0')
      .max(99, 'must be at most 99')
      .default(10),
    send: oneOrMore(name).default([]),
  },
  { error: withKeys(RULE_KEYS.join(', ')) },
);

const withSource = { source: z.boolean({ error: 'must be true or false' }).default(false) };
const destinationSchema = z.union(
  [
    z.strictObject({ modality: z.string().min(1), ...withSource }),
    z.strictObject({ dicomweb: z.string().min(1), ...withSource }),
  ],
  { error: 'must have modality: or dicomweb: with a name that Orthanc knows, and may have source: true' },
);

const rulesSchema = z
  .strictObject(
    {
      rules: z.array(ruleSchema, { error: 'must be a list of rules' }).min(1, 'must hold a rule'),
      destinations: z.record(name, destinationSchema, { error: 'must name destinations' }).default({}),
      search: z
        .strictObject(
          {
            days: z
              .int({ error: 'must be a whole number' })
              .min(1, 'must be at least 1')
              .max(365, 'must be at most 365')
              .default(3),
          },
          { error: withKeys('days') },
        )
        .prefault({}),
    },
    { error: withKeys('rules, destinations, search') },
  )
  .superRefine(({ rules, destinations }, context) => {
    const names = new Set<string>();
    for (const [index, rule] of rules.entries()) {
      if (names.has(rule.name)) {
        context.addIssue({ code: 'custom', path: ['rules', index, 'name'], message: 'is the name of an earlier rule' });
      }
      names.add(rule.name);
      for (const target of rule.send) {
        if (target in destinations) continue;
        const message = `names ${target}, which is not among the destinations`;
        context.addIssue({ code: 'custom', path: ['rules', index, 'send'], message });
      }
    }
  });

export type Rules = z.infer<typeof rulesSchema>;
export type Rule = Rules['rules'][number];
export type Conditions = Rule['when'];

/** @throws RulesError with a line for each mistake */
export function parseRules(text: string): Rules {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) {
    throw new RulesError(
      document.errors.map(({ message, linePos }) => {
        return `line ${linePos?.[0].line ?? 1}: ${message.split('\n', 1)[0]!.replace(/ at line \d+, column \d+:?$/, '')}`;
      }),
    );
  }
  const parsed = rulesSchema.safeParse(document.toJS() ?? {}, { reportInput: true });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap((issue) => {
    const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
    return paths.map((path) => ({ line: lineOf(path), says: `${where(path)}${issue.message}` }));
  });
  problems.sort((a, b) => a.line - b.line);
  throw new RulesError(problems.map(({ line, says }) => `line ${line}: ${says}`));

  function lineOf(path: readonly PropertyKey[]): number {
    for (let length = path.length; length > 0; length -= 1) {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return 1;
  }
}

function where(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part + 1}]` : `.${String(part)}`)).join('');
  return text === '' ? '' : `${text.replace(/^\./, '')} `;
}

/** What is said of an object that has keys which do not exist, or is no object. */
function withKeys(known: string): (issue: { code?: string; input?: unknown }) => string {
  return ({ code }) =>
    code === 'unrecognized_keys' ? `does not exist; there is ${known}` : `must have some of ${known}`;
}
