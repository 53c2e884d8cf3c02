import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { stagesOf } from '../inference/manifest.ts';
import { formsFor, type Model, readModel } from '../inference/model.ts';
import type { Provider, ProviderPreference } from '../inference/provider.ts';
import { worthTrying } from '../inference/providers.ts';
import { PROVIDERS } from '../inference/segmentation.ts';
import { type ProbeOptions, type Tried, tryProvider } from './device.ts';

export { readModel };

/** What is the fastest on this machine of all that is right. */
const fastestSchema = z.object({
  provider: z.enum(PROVIDERS),
  /** The fastest form of each network. */
  files: z.array(z.string()),
});
export type Fastest = z.infer<typeof fastestSchema>;
const keptSchema = z.record(z.string(), fastestSchema);

/** Holds what has been measured, by hardware and weights, in the data folder. */
const FILE = 'fastest.json';
/** What is slower in a first try than the CPU by far need not come to its end. */
const WITHIN_MS = 30_000;

export interface Choice {
  readonly model: Model;
  readonly provider: ProviderPreference;
  readonly device?: number | undefined;
  readonly threads?: number | undefined;
  /** Remembers what was measured. */
  readonly dataDir: string;
}

export type Try = (modelDir: string, provider: Provider, options: ProbeOptions) => Promise<Tried>;

/**
 * The provider and the forms of the networks that are the fastest here and give the reference's answer: measured once for
 * this hardware and these weights, and remembered. Where there is nothing to choose nothing is measured: null.
 * A provider that was named is taken whatever others may do; that it does not run shows when it is opened.
 */
export async function chooseFastest(
  { model, provider, device, threads, dataDir }: Choice,
  attempt: Try = tryProvider,
  candidates: readonly Provider[] = provider === 'auto' ? worthTrying() : [provider],
): Promise<Fastest | null> {
  const stages = stagesOf(model.manifest);
  const hasForms = candidates.some((each) => stages.some(({ stage }) => formsFor(stage, each).length > 1));
  if (candidates.length <= 1 && !hasForms) return null;
  const key = keyOf(model, candidates, device, threads);
  const kept = await readKept(dataDir);
  if (kept[key]) return kept[key];

  let best: (Fastest & { readonly milliseconds: number }) | null = null;
  for (const each of candidates) {
    const tried = await attempt(model.dir, each, { device, threads, allForms: true, withinMs: WITHIN_MS }).catch(
      () => null,
    );
    if (!tried) continue;
    const forms = stages.map(({ name }) => fastestForm(tried, name));
    const milliseconds = forms.reduce((sum, { windowMs }) => sum + windowMs, 0);
    if (best === null || milliseconds < best.milliseconds) {
      best = { provider: each, files: forms.map(({ file }) => file), milliseconds };
    }
  }
  if (best === null) return null;
  const { milliseconds: _, ...fastest } = best;
  await keep(dataDir, { ...kept, [key]: fastest });
  return fastest;
}

function fastestForm({ forms }: Tried, stage: string): Tried['forms'][number] {
  return forms
    .filter((form) => form.stage === stage)
    .reduce((best, form) => (form.windowMs < best.windowMs ? form : best));
}

/** Another processor, GPU, driver, runtime or network is measured anew. */
function keyOf(
  { digest }: Model,
  candidates: readonly Provider[],
  device = 0,
  threads = availableParallelism(),
): string {
  const drivers = globSync(['/proc/driver/nvidia/gpus/*', '/dev/dri/renderD*', '/dev/dxg']).sort();
  const hardware = [process.platform, process.arch, cpus()[0]?.model, cpus().length, totalmem(), drivers];
  const asked = { digest, hardware, candidates, device, threads };
  return createHash('sha256').update(JSON.stringify(asked)).digest('hex').slice(0, 16);
}

/** What is broken is measured anew. */
async function readKept(dataDir: string): Promise<Record<string, Fastest>> {
  const text = await readFile(join(dataDir, FILE), 'utf8').catch(() => '{}');
  try {
    return keptSchema.parse(JSON.parse(text));
  } catch {
    return {};
  }
}

async function keep(dataDir: string, kept: Record<string, Fastest>): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  const unfinished = join(dataDir, `${FILE}.${process.pid}`);
  await writeFile(unfinished, `${JSON.stringify(kept, null, 2)}\n`);
  await rename(unfinished, join(dataDir, FILE));
}
