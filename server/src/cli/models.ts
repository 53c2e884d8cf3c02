import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { readConfig } from '../config.ts';
import { NOTICE } from '../findings/schema.ts';
import { ModelError } from '../inference/errors.ts';
import { installModel, readDefaultModel, writeDefaultModel } from '../inference/installed.ts';
import { listModels } from '../inference/model.ts';
import { checkModel } from './check-model.ts';
import { onInterrupt, parseOrExplain, UsageError } from './failure.ts';
import { showProgress } from './progress-display.ts';

const USAGE = `usage: hepar models list              the models in HEPAR_MODELS, and what is wrong with those that cannot be used
       hepar models check DIR         what is wrong with a model, a line each; then it is tried on the phantom
       hepar models install DIR       copy a model into HEPAR_MODELS, after the checks of list
       hepar models default ID        the model that runs when a request names none

  --small       check: try it on a coarse phantom, in seconds
  --threads N   check: threads for inference (default: one for each core)

Exit code: 0 done, 2 the model cannot be used, 1 anything else.
${NOTICE}
`;

/** `hepar models`: the models of this machine. */
export async function modelsCommand(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [command, operand, ...others] = positionals;
  const needed = command === 'list' ? 0 : 1;
  if (others.length > 0 || Number(operand !== undefined) !== needed) throw new UsageError(`wrong operands.\n${USAGE}`);
  const { modelsDir, model, engine } = readConfig({ ...process.env, HEPAR_THREADS: values.threads });
  switch (command) {
    case 'list':
      return list(modelsDir, model);
    case 'check':
      return check(resolve(operand!), values.small ?? false, engine.threads ?? availableParallelism());
    case 'install':
      return changed(async () => {
        const { manifest, dir } = await installModel(modelsDir, resolve(operand!));
        return `${manifest.id} ${manifest.version} is in ${dir}. A server that is running has to be started again.`;
      });
    case 'default':
      return changed(async () => {
        const { manifest } = await writeDefaultModel(modelsDir, operand!);
        return `${manifest.id} ${manifest.version} runs when a request names no model, unless HEPAR_MODEL says otherwise.`;
      });
    default:
      throw new UsageError(`no such command: ${command ?? '(none)'}.\n${USAGE}`);
  }
}

async function list(modelsDir: string, named: string | undefined): Promise<number> {
  const { models, rejected } = await listModels(modelsDir);
  const chosen = named ?? (await readDefaultModel(modelsDir)) ?? models[0]?.manifest.id;
  for (const { manifest, digest } of models) {
    const mark = manifest.id === chosen ? '*' : ' ';
    const about = `${manifest.version.padEnd(8)} ${digest.slice(0, 12)}  ${manifest.name} (${manifest.licence})`;
    process.stdout.write(`${mark} ${manifest.id.padEnd(24)} ${about}\n`);
  }
  if (models.length === 0) process.stdout.write(`There is no model in ${modelsDir}.\n`);
  for (const { dir, problems } of rejected) {
    for (const problem of problems) process.stderr.write(`hepar models: ${dir}: ${problem}\n`);
  }
  return 0;
}

async function check(dir: string, small: boolean, threads: number): Promise<number> {
  using interrupt = onInterrupt();
  const display = showProgress(process.stderr);
  try {
    const progress = { signal: interrupt.signal, report: display.report };
    const { model, remarks, runs } = await checkModel(dir, { small, threads, progress });
    display.end();
    const unusable = remarks.some(({ kind }) => kind === 'problem');
    for (const { kind, message } of remarks) process.stdout.write(`${kind}: ${message}\n`);
    for (const line of runs) process.stdout.write(`runs: ${line}\n`);
    const name = model ? `${model.manifest.id} ${model.manifest.version}` : dir;
    process.stdout.write(`${name} ${unusable ? 'cannot be used' : 'can be used'}.\n`);
    return unusable ? 2 : 0;
  } finally {
    display.end();
  }
}

async function changed(work: () => Promise<string>): Promise<number> {
  try {
    process.stdout.write(`${await work()}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    for (const problem of error.problems) process.stderr.write(`hepar models: ${problem}\n`);
    return 2;
  }
}

function parse(args: string[]) {
  return parseOrExplain(USAGE, {
    args,
    allowPositionals: true,
    options: {
      small: { type: 'boolean' },
      threads: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}
