import { existsSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { type Config, readConfig } from '../config.ts';
import { createArchive } from '../dicomweb/archive.ts';
import { loadModel, type Model } from '../inference/model.ts';
import { installedProviders, type Provider, providersFor } from '../inference/provider.ts';
import { PROVIDERS } from '../inference/segmentation.ts';
import { type DeviceError, tryProvider } from '../jobs/device.ts';
import { VERSION } from '../version.ts';
import { bundledModelDir } from './bundled-model.ts';
import { findOrthanc } from './orthanc.ts';

type Row = readonly [provider: string, state: string, warmUp: string, window: string, difference: string, more: string];

/** `hepar doctor`: what is here and what runs. Exit code 0 when a series could be segmented, else 1. */
export async function doctorCommand(): Promise<number> {
  const config = readConfig();
  const model = await attempt(() => loadModel(bundledModelDir()));
  const lines = [
    ['Hepar', VERSION],
    ['Node', process.version],
    ['machine', `${process.platform}-${process.arch}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`],
    ['model', model.ok ? `${model.value.manifest.id} ${model.value.manifest.version}` : model.reason],
    ['archive', await archiveLine(config.archive)],
  ] as const;
  for (const [what, found] of lines) process.stdout.write(`${what.padEnd(8)} ${found.split('\n')[0]}\n`);
  if (!model.ok) return 1;
  const rows: Row[] = [['provider', 'state', 'warm-up, ms', 'windows, ms', 'difference', '']];
  for (const provider of PROVIDERS) rows.push(await rowOf(provider, model.value, config));
  process.stdout.write(`\n${table(rows)}`);
  const asked = config.engine.provider;
  const named = asked === 'auto' ? 'cpu' : asked;
  return rows.some(([provider, state]) => provider === named && state === 'runs') ? 0 : 1;
}

/** Both stages' windows on a provider, for real, in a process of its own. */
async function rowOf(provider: Provider, { dir }: Model, { engine }: Config): Promise<Row> {
  const without = (state: string, more: string): Row => [provider, state, '', '', '', more];
  if (!providersFor().includes(provider)) return without('absent', `ONNX Runtime has none for ${process.platform}`);
  const state = installedProviders().includes(provider) ? 'fails' : 'absent';
  try {
    const { device: name, forms } = await tryProvider(dir, provider, engine);
    const sum = (values: readonly number[]) => Math.round(values.reduce((a, b) => a + b, 0)).toString();
    const differences = forms.map(({ difference }) => difference).filter((difference) => difference !== null);
    const difference = differences.length > 0 ? Math.max(...differences).toExponential(1) : 'reference';
    const [warmUp, windows] = [sum(forms.map((form) => form.warmUpMs)), sum(forms.map((form) => form.windowMs))];
    return [provider, 'runs', warmUp, windows, difference, name];
  } catch (error) {
    const { reason, message } = error as DeviceError;
    const told = message.replace(/^provider \w+ cannot run this model here: /, '');
    return without(state, reason === 'other' ? told : `${reason}: ${told}`);
  }
}

function table(rows: readonly Row[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
    .concat('\n');
}

async function archiveLine(address: ReturnType<typeof readConfig>['archive']): Promise<string> {
  if (address) {
    const archive = createArchive({ ...address, retry: { tries: 1 } });
    const answered = await attempt(() => archive.ping());
    archive.close();
    return answered.ok ? `${archive.url} answers` : answered.reason;
  }
  const found = await attempt(() => findOrthanc());
  if (!found.ok) return found.reason;
  const { binary, plugins } = found.value;
  const gdcm = plugins.length > 1 && existsSync(plugins[1]!) ? '' : ', without its GDCM plugin';
  return `none configured; hepar start uses ${binary}${gdcm}`;
}

async function attempt<T>(work: () => T | Promise<T>): Promise<{ ok: true; value: T } | { ok: false; reason: string }> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
