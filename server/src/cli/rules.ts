import { type Config, ConfigError, readConfig } from '../config.ts';
import { type Archive, createArchive } from '../dicomweb/archive.ts';
import { uidSchema } from '../http/contract.ts';
import { ModelCatalogue } from '../http/models.ts';
import { listModels } from '../inference/model.ts';
import { type Decision, decide } from '../intake/decide.ts';
import { Orthanc } from '../intake/orthanc.ts';
import { type Rules, RulesError } from '../intake/rules.ts';
import { readRules } from '../intake/rules-file.ts';
import { sendersOf } from '../intake/senders.ts';
import { describeStudy } from '../intake/study.ts';
import { onInterrupt, parseOrExplain, UsageError } from './failure.ts';

const USAGE = `usage: hepar rules test STUDYUID [--rules FILE] [--dicomweb URL]    which series of a study would be segmented, and why
       hepar rules check [--rules FILE]                             whether the rules have mistakes
FILE is HEPAR_RULES by default, URL HEPAR_DICOMWEB_URL.`;

/** `hepar rules`: looks at the rules without running anything. What was segmented before is not taken into account. */
export async function rulesCommand(args: string[]): Promise<number> {
  const { command, study, path, config } = parse(args);
  const rules = await open(path, config);
  if (command === 'check') {
    process.stdout.write(`${path}: ${rules.rules.map(({ name }) => `rule '${name}'`).join(', ')}; no mistakes.\n`);
    return 0;
  }
  if (!config.archive) throw new UsageError('The archive is not known: give --dicomweb URL or set HEPAR_DICOMWEB_URL.');
  using interrupt = onInterrupt();
  const archive = createArchive(config.archive);
  const orthanc = config.orthancUrl ? new Orthanc({ ...config.archive, url: config.orthancUrl }) : null;
  try {
    const decisions = await decisionsOf(study, { archive, orthanc, rules, signal: interrupt.signal });
    if (decisions.length === 0) throw new UsageError(`The archive has no study ${study}.`);
    for (const decision of decisions) process.stdout.write(`${line(decision)}\n`);
    return 0;
  } finally {
    archive.close();
    orthanc?.close();
  }
}

async function decisionsOf(
  study: string,
  { archive, orthanc, rules, signal }: { archive: Archive; orthanc: Orthanc | null; rules: Rules; signal: AbortSignal },
): Promise<Decision[]> {
  const series = await describeStudy(archive, study, signal);
  const senders = await sendersOf(series, rules, orthanc, signal);
  return decide({ series, senders, runs: [], now: new Date() }, rules);
}

function line({ series, verdict, why }: Decision): string {
  const name = [series.seriesInstanceUid, series.description ?? 'without description'].join('  ');
  const says = { run: 'RUN    ', later: 'LATER  ', no: 'no     ' }[verdict];
  return `${says}${name}: ${why}`;
}

async function open(path: string, { modelsDir, orthancUrl }: Config): Promise<Rules> {
  const { models } = await listModels(modelsDir).catch(() => ({ models: [] }));
  const catalogue = new ModelCatalogue(models, undefined);
  const context = {
    hasModel: (id: string) => catalogue.find(id) !== undefined,
    hasOrthanc: orthancUrl !== undefined,
  };
  return readRules(path, context).catch((error) => {
    if (!(error instanceof RulesError)) throw error;
    throw new ConfigError(error.problems.map((problem) => `${path}: ${problem}`));
  });
}

function parse(args: string[]): { command: 'test' | 'check'; study: string; path: string; config: Config } {
  const { positionals, values } = parseOrExplain(USAGE, {
    args,
    allowPositionals: true,
    options: { rules: { type: 'string' }, dicomweb: { type: 'string' } },
  });
  const [command, study = '', ...rest] = positionals;
  const wanted = { test: 1, check: 0 }[command ?? ''];
  if ((command !== 'test' && command !== 'check') || rest.length > 0 || (wanted === 0) !== (study === '')) {
    throw new UsageError(USAGE);
  }
  if (command === 'test' && !uidSchema.safeParse(study).success) throw new UsageError('STUDYUID must be a DICOM UID.');
  const config = readConfig({ ...process.env, ...(values.dicomweb ? { HEPAR_DICOMWEB_URL: values.dicomweb } : {}) });
  const path = values.rules ?? config.rulesFile;
  if (path === null) throw new UsageError('There are no rules: give --rules FILE or set HEPAR_RULES.');
  return { command, study, path, config };
}
