import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { readConfig } from '../config.ts';
import { DicomError } from '../dicom/errors.ts';
import type { Instance } from '../dicom/instance.ts';
import { createArchive } from '../dicomweb/archive.ts';
import { readFiles } from '../dicomweb/files.ts';
import { NOTICE } from '../findings/schema.ts';
import { listModels } from '../inference/model.ts';
import { Refusal } from '../refusal.ts';
import { type Claims, NotOurs, readClaims } from '../reports/verify/claims.ts';
import { type KnownSeries, knownSeries, verify } from '../reports/verify.ts';
import { readInstance } from '../volume/damage.ts';
import { onInterrupt, parseOrExplain, UsageError } from './failure.ts';

const USAGE = `usage: hepar verify FILE... --source INPUT
       hepar verify FILE... --dicomweb URL

Checks DICOM objects of Hepar's, each in one line: is it on the right slices of its source series, in the right frame of
reference, and made by a model that is known here?

  --source INPUT    folder or zip with the source series
  --dicomweb URL    take the source from this archive (default: HEPAR_DICOMWEB_URL); credentials as for hepar segment

Models are known that lie in HEPAR_MODELS. Exit code: 0 all are right, 2 one is not or is no object of Hepar's, 1 anything
else.
${NOTICE}
`;

type Line = { readonly isRight: boolean; readonly text: string };
type Open = (claims: Claims & { readonly seriesInstanceUid: string }) => AsyncIterable<Uint8Array>;

/** `hepar verify`: checks objects of ours against the series that they were made from. */
export async function verifyCommand(args: string[]): Promise<number> {
  const { values, positionals: files } = parse(args);
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (files.length === 0) throw new UsageError(`name a FILE.\n${USAGE}`);
  const config = readConfig({ ...process.env, HEPAR_DICOMWEB_URL: values.dicomweb ?? process.env.HEPAR_DICOMWEB_URL });
  if (values.source === undefined && config.archive === null) {
    throw new UsageError(`name the source: --source INPUT or --dicomweb URL.\n${USAGE}`);
  }
  using interrupt = onInterrupt();
  const { signal } = interrupt;
  const archive = values.source === undefined ? createArchive(config.archive!) : null;
  const open: Open = ({ studyInstanceUid, seriesInstanceUid }) =>
    archive
      ? archive.retrieveSeries(studyInstanceUid, seriesInstanceUid, { signal })
      : readFiles(resolve(values.source!), { seriesInstanceUid, signal });
  const { models } = await listModels(config.modelsDir);
  const known = new Map(models.map(({ manifest, digest }) => [digest, `${manifest.id} ${manifest.version}`]));
  const series = new Map<string, KnownSeries>();
  let exitCode = 0;
  try {
    for (const file of files) {
      const { isRight, text } = await verdictOn(await readFile(file), known, open, series);
      process.stdout.write(`${basename(file)}: ${isRight ? 'right' : 'wrong'}: ${text}.\n`);
      if (!isRight) exitCode = 2;
    }
  } finally {
    archive?.close();
  }
  return exitCode;
}

async function verdictOn(
  file: Uint8Array,
  models: ReadonlyMap<string, string>,
  open: Open,
  cache: Map<string, KnownSeries>,
): Promise<Line> {
  const wrong = (text: string): Line => ({ isRight: false, text });
  let claims: Claims;
  try {
    claims = readClaims(file);
  } catch (error) {
    if (error instanceof NotOurs) return wrong(error.message);
    if (error instanceof DicomError) return wrong(error.message.replace(/\.$/, ''));
    throw error;
  }
  const { seriesInstanceUid } = claims;
  if (seriesInstanceUid === null) return wrong('it does not say which series it was made from');
  let source = cache.get(seriesInstanceUid);
  try {
    source ??= await knownSeries(seriesInstanceUid, headers(open({ ...claims, seriesInstanceUid })));
  } catch (error) {
    if (error instanceof Refusal) return wrong(`its source series cannot be read: ${error.message.replace(/\.$/, '')}`);
    if ((error as Error).name === 'NotFound')
      return wrong(`its source series ${seriesInstanceUid} is not in the archive`);
    throw error;
  }
  cache.set(seriesInstanceUid, source);
  const verdict = verify(claims, source);
  if (!verdict.isRight) return wrong(verdict.reason);
  const model = models.get(claims.modelDigest);
  if (model === undefined)
    return wrong(`it was made by a model that is not known here, sha256 ${claims.modelDigest || '(none)'}`);
  const frame = claims.frameOfReferenceUids.length > 0 ? ', in its frame of reference' : '';
  return {
    isRight: true,
    text: `${claims.kind} of run ${claims.runId}, on ${verdict.slices} of the ${verdict.of} slices of series ${seriesInstanceUid}${frame}, by ${model}`,
  };
}

async function* headers(files: AsyncIterable<Uint8Array>): AsyncGenerator<Instance> {
  for await (const file of files) yield readInstance(file);
}

function parse(args: string[]) {
  return parseOrExplain(USAGE, {
    args,
    allowPositionals: true,
    options: {
      source: { type: 'string' },
      dicomweb: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}
