import { readFile, stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { parseRules, type Rules, RulesError } from './rules.ts';

/** What the rules refer to, and what has to be there for them. */
export interface RulesContext {
  readonly hasModel: (id: string) => boolean;
  /** Whether Orthanc's own interface is configured: only it sends results on and knows who sent a series. */
  readonly hasOrthanc: boolean;
}

/**
 * Reads a file of rules.
 * @throws RulesError with a line for each mistake
 */
export async function readRules(path: string, context: RulesContext): Promise<Rules> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new RulesError([`cannot be read: ${error.code ?? error.message}`]);
  });
  const rules = parseRules(text);
  const problems = rules.rules.flatMap(({ name, model, send, when }) => [
    ...(model === undefined || context.hasModel(model) ? [] : [`rule '${name}': there is no model ${model}`]),
    ...(context.hasOrthanc || send.length === 0 ? [] : [`rule '${name}': send needs HEPAR_ORTHANC_URL`]),
    ...(context.hasOrthanc || !(when.remoteAet ?? when.calledAet)
      ? []
      : [`rule '${name}': AE titles are known with HEPAR_ORTHANC_URL only`]),
  ]);
  if (problems.length > 0) throw new RulesError(problems);
  return rules;
}

/** The rules as their file has them now. A file that was broken by an edit changes nothing until it is mended. */
export class RulesFile {
  readonly path: string;
  readonly #context: RulesContext;
  readonly #logger: Logger;
  #rules: Rules;
  #stamp: string;

  /** @throws RulesError */
  static async open(path: string, context: RulesContext, logger: Logger): Promise<RulesFile> {
    const stamp = await stampOf(path);
    return new RulesFile(path, context, logger, await readRules(path, context), stamp);
  }

  private constructor(path: string, context: RulesContext, logger: Logger, rules: Rules, stamp: string) {
    this.path = path;
    this.#context = context;
    this.#logger = logger;
    this.#rules = rules;
    this.#stamp = stamp;
  }

  async current(): Promise<Rules> {
    const stamp = await stampOf(this.path);
    if (stamp === this.#stamp) return this.#rules;
    this.#stamp = stamp;
    try {
      this.#rules = await readRules(this.path, this.#context);
      this.#logger.info({ rules: this.#rules.rules.map(({ name }) => name) }, 'the rules were read again');
    } catch (error) {
      if (!(error instanceof RulesError)) throw error;
      this.#logger.error({ problems: error.problems }, 'the rules have mistakes: those before stay in force');
    }
    return this.#rules;
  }
}

/** Changes whenever the file does. */
async function stampOf(path: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(path).catch(() => ({ mtimeMs: 0, size: 0, ino: 0 }));
  return `${mtimeMs} ${size} ${ino}`;
}
